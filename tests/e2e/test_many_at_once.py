"""More connections with something to read than the loop is told of at once:
it then reads some of them twice before it answers any."""
import resource
import signal
import time
import unittest

from server import Server

CONNECTIONS = 4000  # libuv asks for 1,024 at once
ROUNDS = 20
REQUEST = b'{"op": "get", "bank": "b", "key": "k"}'
ANSWER = b'{"status": "ok", "data": "value"}'


def receive(sock, length):
    got = b""
    while len(got) < length:
        more = sock.recv(length - len(got))
        if not more:
            break
        got += more
    return got


class ManyAtOnce(unittest.TestCase):
    seconds = 60

    def setUp(self):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if most < CONNECTIONS + 100:
            self.skipTest(f"the system allows only {most} open files")
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        self.server = self.enterContext(Server(workers=1))

    def send_while_stopped(self, sockets):
        self.server.process.send_signal(signal.SIGSTOP)
        for sock in sockets:
            sock.sendall(REQUEST)
        self.server.process.send_signal(signal.SIGCONT)

    def test_requests_of_all_are_answered_in_order(self):
        sockets = [self.enterContext(self.server.connect())
                   for _ in range(CONNECTIONS)]
        sockets[0].sendall(b'{"op": "put", "bank": "b", "key": "k",'
                           b' "value": "value"}')
        sockets[0].recv(4096)
        for number in range(ROUNDS):
            self.send_while_stopped(sockets)
            # Then it is stopped again while it reads, now here, now there.
            time.sleep(number * 0.0001)
            self.send_while_stopped(sockets)
            for sock in sockets:
                self.assertEqual(receive(sock, 2 * len(ANSWER)), 2 * ANSWER)
