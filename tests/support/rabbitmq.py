# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of the test's own, on free ports of 127.0.0.1, with its data in a temporary folder; looked
at through the HTTP API of its management plugin. Raises FileNotFoundError when it is not installed."""
import base64
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.parse

from support.pg import free_port
from support.wait import until

SERVER = pathlib.Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_DEADLINE_S = 90


class RabbitMq:
    """config: further lines of rabbitmq.conf."""

    def __init__(self, config=""):
        if not SERVER.exists():
            raise FileNotFoundError("rabbitmq-server is not installed")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="fairway-rabbitmq-"))
        self.port, self.http_port, self.dist_port, self.epmd_port = (free_port() for _ in range(4))
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}"
        self.pid_file = self.dir / "pid"
        self.process = None
        (self.dir / "plugins").write_text("[rabbitmq_management].\n")
        (self.dir / "rabbitmq.conf").write_text(
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.http_port}\n" + config)

    def environment(self):
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.dir), "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"fairway{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.dir / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.dir / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.dir / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.dir / "rabbitmq.conf"),
            "RABBITMQ_PID_FILE": str(self.pid_file),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def start(self):
        with open(self.dir / "output", "ab") as out:
            self.process = subprocess.Popen([str(SERVER)], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=self.environment(), cwd=self.dir)
        until(self._answers, deadline_s=START_DEADLINE_S, every_s=0.1, what="the start of RabbitMQ")
        return self

    def _answers(self):
        assert self.process.poll() is None, (self.dir / "output").read_text(errors="replace")
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return self.call("GET", "/overview")[0] == 200
        except OSError:
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            os.kill(int(self.pid_file.read_text()), signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def close(self):
        self.stop()
        # Erlang's port mapper outlives the node; this one is ours alone.
        subprocess.run(["epmd", "-port", str(self.epmd_port), "-kill"], capture_output=True, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- management

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=30)
        try:
            connection.request(method, "/api" + path, body=None if body is None else json.dumps(body), headers={
                "Authorization": "Basic " + base64.b64encode(b"guest:guest").decode(),
                "Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None
        finally:
            connection.close()

    def declare(self, queue, exchange, key="#"):
        """A durable queue that gets what goes to the exchange with such a routing key."""
        for path in (f"/exchanges/%2F/{urllib.parse.quote(exchange)}", f"/queues/%2F/{queue}"):
            body = {"durable": True, "auto_delete": False}
            status, answer = self.call("PUT", path, {**body, "type": "topic"} if "exchanges" in path else body)
            assert status in (201, 204), answer
        status, answer = self.call("POST", f"/bindings/%2F/e/{urllib.parse.quote(exchange)}/q/{queue}",
                                   {"routing_key": key})
        assert status == 201, answer

    def take(self, queue, at_most=1000):
        """Messages of the queue, which loses them: dicts with routing_key, properties, payload."""
        status, answer = self.call("POST", f"/queues/%2F/{queue}/get",
                                   {"count": at_most, "ackmode": "ack_requeue_false", "encoding": "auto"})
        assert status == 200, answer
        return answer
