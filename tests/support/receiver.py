# SPDX-License-Identifier: Apache-2.0
"""A receiver of webhooks for tests: verifies signatures as Standard Webhooks 1.0 says, and answers what
the test wants."""
import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Message:
    def __init__(self, headers, body):
        self.headers, self.body = headers, body
        self.id = headers["webhook-id"]
        self.event = json.loads(body)

    def signatures(self):
        return self.headers["webhook-signature"].split(" ")

    def is_signed_by(self, secret):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        text = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        return any(hmac.compare_digest(expected, given) for given in self.signatures())

    def is_fresh(self):
        return abs(time.time() - int(self.headers["webhook-timestamp"])) < 300


class Receiver:
    """answer: called with the Message and its number from 0; gives a status or (status, headers)."""

    def __init__(self, answer=lambda message, n: 204):
        self.answer = answer
        self.messages = []
        self.lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = Message(self.headers, body)
                with receiver.lock:
                    n = len(receiver.messages)
                    receiver.messages.append(message)
                result = receiver.answer(message, n)
                status, headers = result if isinstance(result, tuple) else (result, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def types(self):
        with self.lock:
            return [m.event["type"] for m in self.messages]

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
