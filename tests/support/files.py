# SPDX-License-Identifier: Apache-2.0
"""A web server whose files a test changes while it runs, and that misbehaves on request.

    with Files() as files:
        files["/a.yaml"] = "kind: …"      # text to serve
        files["/b.yaml"] = 500            # a status without a body
        files["/c.yaml"] = files.endless  # a function of the request handler
        files.url + "/a.yaml"; files.count("/a.yaml")"""
import collections
import hashlib
import http.server
import threading
import time


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
