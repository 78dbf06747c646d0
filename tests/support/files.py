# SPDX-License-Identifier: Apache-2.0
"""A web server whose files a test changes while it runs, and that misbehaves on request.

    with Files() as files:
        files["/a.yaml"] = "kind: …"      # text to serve
        files["/b.yaml"] = 500            # a status without a body
        files["/c.yaml"] = files.endless  # a function of the request handler
        files.url + "/a.yaml"; files.count("/a.yaml")
        files.serve_git("/org/repo.git", folder)  # a repository, for git to clone"""
import collections
import hashlib
import http.server
import os
import subprocess
import threading
import time

GIT_BACKEND = "/usr/lib/git-core/git-http-backend"


class Files:
    def __init__(self):
        self.contents = {}
        self.counts = collections.Counter()
        self.stopping = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                outer.counts[path] += 1
                content = outer.contents.get(path, 404)
                if callable(content):
                    return content(self)
                if isinstance(content, int):
                    self.send_response(content)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return None
                body = content.encode()
                tag = '"' + hashlib.sha256(body).hexdigest() + '"'
                unchanged = self.headers.get("If-None-Match") == tag
                self.send_response(304 if unchanged else 200)
                self.send_header("ETag", tag)
                if not unchanged:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if not unchanged:
                    self.wfile.write(body)
                return None

            def do_POST(self):
                content = outer.contents.get(self.path.split("?")[0])
                if callable(content):
                    return content(self)
                self.send_error(405)
                return None

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *unused):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()

    def __setitem__(self, path, content):
        self.contents[path] = content

    def __delitem__(self, path):
        del self.contents[path]

    def count(self, path):
        return self.counts[path]

    def endless(self, handler):
        """Bytes without end, until the client leaves."""
        handler.send_response(200)
        handler.end_headers()
        try:
            while not self.stopping.is_set():
                handler.wfile.write(b"# and on and on\n" * 4096)
        except OSError:
            pass

    def redirect(self, to):
        def answer(handler):
            handler.send_response(302)
            handler.send_header("Location", to)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        return answer

    def slow(self, seconds, text):
        def answer(handler):
            time.sleep(seconds)
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(text)))
            handler.end_headers()
            handler.wfile.write(text.encode())
        return answer

    def serve_git(self, path, repository):
        """The repository in a folder as an HTTP host of Git offers it."""
        def answer(handler):
            _, _, query = handler.path.partition("?")
            body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
            env = {"PATH": os.environ["PATH"], "GIT_HTTP_EXPORT_ALL": "1", "GIT_PROJECT_ROOT": str(repository),
                   "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
                   "REQUEST_METHOD": handler.command, "QUERY_STRING": query, "REMOTE_ADDR": "127.0.0.1",
                   "PATH_INFO": handler.path.split("?")[0].removeprefix(path),
                   "CONTENT_TYPE": handler.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                   "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
                   "GIT_PROTOCOL": handler.headers.get("Git-Protocol", "")}
            done = subprocess.run([GIT_BACKEND], input=body, env=env, capture_output=True, check=True)
            head, _, rest = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            handler.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(rest)))
            handler.end_headers()
            handler.wfile.write(rest)
        for name in ("/info/refs", "/git-upload-pack"):
            self.contents[path + name] = answer
