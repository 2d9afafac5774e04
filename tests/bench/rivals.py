"""The servers of a comparison, each a process on a free port of loopback that
is ended with the `with` that started it."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_S = 20
PACKAGES = {"memcached": "memcached", "redis-server": "redis-server"}


class Rival:
    """What is measured: a server, and the protocol that it is spoken to in.
    `command` is given the port; without one the server prints its own."""

    def __init__(self, name, protocol, command, port_pattern=None,
                 is_ours=False):
        self.name, self.protocol, self.command = name, protocol, command
        self.port_pattern, self.is_ours = port_pattern, is_ours
        self.process = self.folder = None
        self.port = 0
        self.environment = {}  # beside our own

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            self.process = None
        self.folder.cleanup()

    def _start(self):
        if not self.port_pattern:
            self.port = free_port()
        # In a session of its own Ctrl-C does not reach it, but only us.
        self.process = subprocess.Popen(
            [part.format(port=self.port, folder=self.folder.name)
             for part in self.command], cwd=self.folder.name,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if self.port_pattern
            else subprocess.STDOUT, start_new_session=True,
            env={**os.environ, **self.environment})
        if self.port_pattern:
            self.port = self._read_port()
        else:
            self._await_port()

    def _read_port(self):
        for line in self.process.stdout:
            found = re.search(self.port_pattern, line.decode())
            if found:
                return int(found[1])
        raise SystemExit(f"bench: {self.name} did not start")

    def _await_port(self):
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        self.process.kill()
        output = self.process.stdout.read().decode(errors="replace")
        raise SystemExit(f"bench: {self.name} did not start: {output}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def ours(build, name, protocol, *flags):
    return Rival(name, protocol, [
        os.path.join(build, "bin", "cacheserver"), "--port", "0",
        "--http-port", "0", "--workers", "1", *flags],
        port_pattern=r"Listening on .*:(\d+)$", is_ours=True)


def memcached(name, protocol, threads, mebibytes=1024):
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    return Rival(name, protocol, [
        "memcached", *user, "-U", "0", "-m", str(mebibytes), "-I", "2m", "-l",
        "127.0.0.1", "-p", "{port}", "-t", str(threads)])


def redis(name, limit="1gb", policy="allkeys-lru"):
    return Rival(name, "redis", [
        "redis-server", "--port", "{port}", "--bind", "127.0.0.1",
        "--save", "", "--appendonly", "no", "--maxmemory", str(limit),
        "--maxmemory-policy", policy, "--logfile", "{folder}/log"])


def floor(build, name, request_len, answer_len, folder):
    """The server that does nothing: what no server on libuv can be below."""
    path = os.path.join(folder, "answer")
    with open(path, "wb") as file:
        file.write(b"." * answer_len)
    return Rival(name, "floor", [
        os.path.join(build, "bin", "bench_floor"), str(request_len), path],
        port_pattern=r"^(\d+)$")


def install(wanted):
    """Sees to it that the programs of the peers are there, from Debian."""
    programs = {rival.command[0] for rival in wanted} & set(PACKAGES)
    missing = sorted(PACKAGES[program] for program in programs
                     if not shutil.which(program))
    if not missing:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq",
           "-o", "DPkg::Lock::Timeout=300"]
    print("installing " + " ".join(missing), file=sys.stderr)
    subprocess.run([*apt, "update"], check=False)
    done = subprocess.run(
        [*apt, "install", "-y", "--no-install-recommends", *missing],
        stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit("bench: could not install " + " ".join(missing))


@contextlib.contextmanager
def started(rivals):
    """All of them, started; ended whatever happens."""
    with contextlib.ExitStack() as stack:
        for rival in rivals:
            stack.enter_context(rival)
        try:
            yield rivals
        finally:
            # Some take a while to end: all at once.
            for rival in rivals:
                rival.process.terminate()


def end_on_signals():
    """Lets a signal end the program in order, and all that it started."""
    def stop(number, _):
        raise SystemExit(128 + number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
