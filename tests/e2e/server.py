"""A server under test: started on a free port, with the configuration that a
test asks for, and always stopped."""
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import time

PROGRAM = os.environ.get("CACHESERVER", "build/bin/cacheserver")
START_S = 30  # sanitizers are slow to start


class Server:
    """Runs `cacheserver` in an empty folder of its own; a context manager."""

    def __init__(self, *flags, workers=2, env=None, port=0):
        self.folder = tempfile.TemporaryDirectory(prefix="cacheserver-test-")
        self.log = open(os.path.join(self.folder.name, "log"), "w+b")
        self.flags = [
            "--port", str(port), "--http-port", "0",
            "--workers", str(workers), *flags]
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.lines = []
        self.port = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.log.close()
        self.folder.cleanup()

    def start(self):
        self.process = subprocess.Popen(
            [os.path.abspath(PROGRAM), *self.flags], cwd=self.folder.name,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
            env=self.env)
        self.lines = self._read_until("Server : Started")
        listening = [re.search(r"Listening on .*:(\d+)$", line)
                     for line in self.lines]
        self.port = next(int(m[1]) for m in listening if m)

    def _read_until(self, last):
        text, end = b"", time.monotonic() + START_S
        while last.encode() not in text:
            ready, _, _ = select.select(
                [self.process.stdout], [], [], max(0, end - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not more:
                self.process.kill()
                self.process.wait()
                raise AssertionError(
                    f"the server did not start: {text!r} {self.read_log()}")
            text += more
        return text.decode().splitlines()

    def read_log(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self, number=signal.SIGTERM, timeout=15):
        """Ends the server with a signal; answers its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
        log = self.read_log()
        assert "Sanitizer" not in log and "check failed" not in log, log
        return status

    def connect(self, timeout=10):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def memory(self):
        """Bytes of memory that the server holds."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024
                        for line in status if line.startswith("VmRSS"))

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_sanitized():
    """Whether the program was built with a sanitizer, by its own symbols."""
    with open(PROGRAM, "rb") as program:
        text = program.read()
    return b"__asan_init" in text or b"__tsan_init" in text


def wait_for(condition, timeout=10, what="the condition"):
    """Polls what cannot be waited for as an event."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {timeout} s")
        time.sleep(0.01)
