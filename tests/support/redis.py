# SPDX-License-Identifier: Apache-2.0
"""A Redis of the test's own, on a free port of 127.0.0.1, without files. Raises FileNotFoundError when it
is not installed."""
import shutil
import signal
import socket
import subprocess

from support.rabbitmq import free_port
from support.wait import until


class Redis:
    def __init__(self, password=None):
        self.binary = shutil.which("redis-server") or shutil.which("redis-server", path="/usr/bin:/usr/sbin")
        if not self.binary:
            raise FileNotFoundError("redis-server is not installed")
        self.port = free_port()
        self.password = password
        self.url = f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        command = [self.binary, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no",
                   "--loglevel", "warning"]
        if self.password:
            command += ["--requirepass", self.password]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, cwd="/")
        until(self._answers, what="the start of Redis")
        return self

    def _answers(self):
        assert self.process.poll() is None, "redis-server ended at its start"
        try:
            return self.command("PING") in (b"+PONG\r\n",) or self.password
        except OSError:
            return False

    def command(self, *words):
        """One command; the answer as it comes (all of it fits one read)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
            for line in ([["AUTH", self.password]] if self.password else []) + [words]:
                s.sendall(b"*%d\r\n" % len(line) + b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in line))
                answer = s.recv(65536)
            return answer

    def freeze(self):
        """It keeps its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None
