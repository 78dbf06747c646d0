# SPDX-License-Identifier: Apache-2.0
"""Many idle event streams at once, and how long an event takes to reach them."""
import selectors
import socket
import time

DEADLINE_S = 30


class Streams:
    """count open streams of /api/events, on connections of their own."""

    def __init__(self, host, port, count):
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        head = (f"GET /api/events?types=organizations.* HTTP/1.1\r\nHost: {host}:{port}\r\n"
                "Accept: text/event-stream\r\n\r\n").encode()
        for i in range(count):
            # The addresses of 127/8 as sources: one alone has 28,000 ports, shared with the connections that closed.
            stream = socket.create_connection((host, port), timeout=DEADLINE_S, source_address=(f"127.0.1.{1 + i % 8}", 0))
            stream.sendall(head)
            self.sockets.append(stream)
        for stream in self.sockets:
            self._read_head(stream)
            stream.setblocking(False)
            self.selector.register(stream, selectors.EVENT_READ)

    @staticmethod
    def _read_head(stream):
        got = b""
        while b"\r\n\r\n" not in got:
            piece = stream.recv(4096)
            if not piece:
                raise RuntimeError("a stream was closed at its start")
            got += piece
        if not got.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"a stream was refused: {got[:200]!r} … {got[-200:]!r}")

    def drain(self):
        """Takes what lies there: comments that keep connections alive."""
        while ready := self.selector.select(0.2):
            for key, _ in ready:
                key.fileobj.recv(65536)

    def latencies_ms(self, emit):
        """emit() makes one event; gives the milliseconds until each stream had it, sorted."""
        self.drain()
        start = time.monotonic()
        emit()
        waiting, found = set(self.sockets), []
        while waiting and time.monotonic() - start < DEADLINE_S:
            for key, _ in self.selector.select(1):
                if b"data:" in key.fileobj.recv(65536) and key.fileobj in waiting:
                    waiting.remove(key.fileobj)
                    found.append((time.monotonic() - start) * 1000)
        if waiting:
            raise RuntimeError(f"{len(waiting)} streams of {len(self.sockets)} did not get the event")
        return found

    def close(self):
        self.selector.close()
        for stream in self.sockets:
            stream.close()
