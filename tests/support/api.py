# SPDX-License-Identifier: Apache-2.0
"""A small HTTP client for tests: nothing is followed, retried or hidden. One connection per thread is
kept alive and opened anew when the server has closed it."""
import http.client
import json
import threading
import urllib.parse

TIMEOUT_S = 60


class Answer:
    def __init__(self, method, target, status, headers, body):
        self.request = f"{method} {target}"
        self.status = status
        self.headers = headers  # http.client.HTTPMessage: case does not matter
        self.body = body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.request} -> {self.status} {self.body[:2000]!r}"


class Api:
    def __init__(self, url, headers=None, tls=None):
        parts = urllib.parse.urlsplit(url)
        self.url = url
        self.host, self.port = parts.hostname, parts.port
        self.headers = dict(headers or {})
        self.tls = tls
        self._local = threading.local()

    def connect(self):
        """A connection of the caller's own."""
        if self.url.startswith("https:"):
            return http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)

    def request(self, method, path, body=None, *, json_body=None, query=None, headers=None):
        """body: bytes or text as they are; json_body: sent as JSON; query: dict or pairs, lists repeat."""
        if query:
            pairs = [(k, str(v).lower() if isinstance(v, bool) else v)
                     for k, v in (query.items() if isinstance(query, dict) else query)]
            path += ("&" if "?" in path else "?") + urllib.parse.urlencode(pairs, doseq=True)
        fields = dict(self.headers)
        if json_body is not None:
            body = json.dumps(json_body).encode()
            fields["Content-Type"] = "application/json"
        fields.update(headers or {})
        if isinstance(body, str):
            body = body.encode()
        return self._send(method, path, body, fields)

    def _send(self, method, path, body, fields):
        kept = getattr(self._local, "connection", None)
        connection = kept or self.connect()
        self._local.connection = None
        try:
            answer = self._exchange(connection, method, path, body, fields)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            connection.close()
            if kept is None or method not in ("GET", "HEAD"):
                raise
            connection = self.connect()  # the kept one had been closed meanwhile
            answer = self._exchange(connection, method, path, body, fields)
        if connection.sock is not None:
            self._local.connection = connection
        return answer

    @staticmethod
    def _exchange(connection, method, path, body, fields):
        connection.request(method, path, body=body, headers=fields)
        response = connection.getresponse()
        return Answer(method, path, response.status, response.headers, response.read())

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, json_body=None, **kw):
        return self.request("POST", path, json_body=json_body, **kw)

    def put(self, path, json_body=None, **kw):
        return self.request("PUT", path, json_body=json_body, **kw)

    def patch(self, path, json_body=None, **kw):
        return self.request("PATCH", path, json_body=json_body, **kw)

    def delete(self, path, **kw):
        return self.request("DELETE", path, **kw)

    def pages(self, path, query=None, limit=None):
        """All items of a list, page by page, by next_cursor."""
        query = dict(query or {})
        if limit:
            query["limit"] = limit
        while True:
            answer = self.get(path, query=query)
            assert answer.status == 200, answer
            page = answer.json()
            yield from page["items"]
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]

    def events(self, path="/api/events", query=None, headers=None):
        """An open stream of server-sent events; iterate over it, close it."""
        return EventStream(self, path, query, headers)


class EventStream:
    """Gives dicts with the fields of each event (id, event, data as text); comments are skipped."""

    def __init__(self, api, path, query, headers):
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        self.connection = api.connect()
        self.connection.request("GET", target, headers={"Accept": "text/event-stream", **api.headers, **(headers or {})})
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def __iter__(self):
        event, data = {}, []
        for raw in self.response:
            line = raw.decode().rstrip("\r\n")
            if not line:
                if event or data:
                    yield {**event, "data": "\n".join(data)}
                event, data = {}, []
            elif not line.startswith(":"):
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "data":
                    data.append(value)
                else:
                    event[name] = value

    def close(self):
        self.connection.close()
        self.response.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
