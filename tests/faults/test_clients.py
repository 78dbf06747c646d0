# SPDX-License-Identifier: Apache-2.0
"""Clients that leave in the middle: of a head, of a body, before the answer."""
import json
import os
import pathlib
import socket

import pytest
from support import wait

ROUNDS = 50
BODY = json.dumps({"name": "Dropped", "slug": "dropped"}).encode()
HEAD = (b"POST /api/organizations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(BODY))


def open_sockets(server):
    count = 0
    for file in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            count += os.readlink(file).startswith("socket:")
        except FileNotFoundError:
            pass  # closed meanwhile
    return count


def send_and_leave(server, data, reset):
    with socket.create_connection((server.api.host, server.port)) as connection:
        connection.sendall(data)
        if reset:  # what a dead process leaves: RST, not FIN
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def slugs(server):
    return [item["slug"] for item in server.api.pages("/api/organizations")]


@pytest.mark.parametrize(("cut", "reset"), [
    pytest.param(HEAD[:30], False, id="head"),
    pytest.param(HEAD[:30], True, id="head-reset"),
    pytest.param(HEAD, True, id="no-body-reset"),
    pytest.param(HEAD + BODY[:-1], True, id="half-a-body-reset"),
    pytest.param(HEAD + BODY[:-1], False, id="half-a-body"),  # given up when the body is too slow
])
def test_a_request_that_is_cut_off_does_nothing(each_server, cut, reset):
    each_server.api.get("/api/health")
    before = open_sockets(each_server)
    for _ in range(ROUNDS):
        send_and_leave(each_server, cut, reset)
    assert slugs(each_server) == ["default"]
    wait.until(lambda: slugs(each_server) and open_sockets(each_server) <= before + 2, deadline_s=60,
               what="the end of the dropped connections")


def test_a_client_that_does_not_wait_for_the_answer(new_server):
    """The request was whole, so it is carried out, once."""
    server = new_server()
    send_and_leave(server, HEAD + BODY, reset=False)
    wait.until(lambda: "dropped" in slugs(server), what="the effect")
    assert slugs(server).count("dropped") == 1
