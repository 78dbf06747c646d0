# SPDX-License-Identifier: Apache-2.0
"""Credentials that are none, and requests that mean harm before anybody has signed in. Forged tokens, those of another type and
those of another time are in tests/api/test_identity.py, test_identity_time.py and src/modules/identity/identity_test.c."""
import socket
import subprocess
import time
import zlib

import pytest

from support.api import Api
from support.identity import NO_LIMITS, PASSWORD, first_admin, new_user
from support.wait import until

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def key_of(random30):
    """A key whose checksum is right."""
    crc, digits = zlib.crc32(random30.encode()), ""
    for _ in range(6):
        digits, crc = ALPHABET[crc % 62] + digits, crc // 62
    return f"fwk_{random30}{digits}"


def test_a_credential_is_of_one_kind(locked, admin):
    """Each shown where another is wanted."""
    new_user(admin, "kinds@example.org")
    body = {"email": "kinds@example.org", "password": PASSWORD}
    tokens = locked.api.post("/api/auth/login", body).json()
    cookie = locked.api.post("/api/auth/login", {**body, "cookie": True}).headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
    made = admin.post("/api/users", {"email": "kinds-link@example.org", "name": "L"}).json()
    shown = {
        "access": tokens["access_token"], "refresh": tokens["refresh_token"], "cookie": cookie,
        "key": admin.post("/api/api-keys", {"name": "kinds", "scopes": ["*:*"]}).json()["key"],
        "link": admin.post(f"/api/users/{made['id']}/one-time-link").json()["token"],
    }
    places = {
        "access": lambda v: Api(locked.url, headers={"Authorization": "Bearer " + v}).get("/api/teams").status,
        "cookie": lambda v: Api(locked.url, headers={"Cookie": "__Host-fairway=" + v}).get("/api/teams").status,
        "refresh": lambda v: locked.api.post("/api/auth/refresh", {"refresh_token": v}).status,
        "link": lambda v: locked.api.post("/api/auth/one-time", {"token": v, "password": PASSWORD}).status,
    }
    for place, ask in places.items():
        for kind, value in shown.items():
            if kind != place and (kind, place) != ("key", "access"):
                assert ask(value) in (401, 422), f"{kind} as {place}"
    assert places["access"](shown["access"]) == places["cookie"](shown["cookie"]) == 200, "each where it belongs"
    assert places["access"](shown["key"]) == places["refresh"](shown["refresh"]) == places["link"](shown["link"]) == 200


def test_two_credentials_are_not_a_choice(locked, admin):
    """A wrong token is not made good by a cookie, and of two cookies of one name none is guessed at."""
    new_user(admin, "two-creds@example.org")
    answer = locked.api.post("/api/auth/login", {"email": "two-creds@example.org", "password": PASSWORD, "cookie": True})
    cookie = answer.headers["Set-Cookie"].split(";")[0]
    for headers in ({"Cookie": cookie, "Authorization": "Bearer x"}, {"Cookie": cookie, "Authorization": "Bearer "},
                    {"Cookie": cookie + "x"}, {"Cookie": cookie.lower()}, {"Cookie": "__Host-fairway=; x=" + cookie}):
        assert Api(locked.url, headers=headers).get("/api/teams").status == 401, headers


def test_a_guess_at_a_key_reaches_no_table(new_server, postgres_databases):
    """PostgreSQL counts the scans of api_keys: a wrong checksum makes none, a right one does."""
    server = new_server(auth=None, pg=True, env=NO_LIMITS)
    first_admin(server)

    def scans():
        sql = "SELECT coalesce(sum(seq_scan + idx_scan), 0) FROM pg_stat_user_tables WHERE relname = 'api_keys'"
        command = [postgres_databases.server.bin + "/psql", "-X", "-A", "-t", "-d", server.database_url, "-c", sql]
        return int(subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout)

    def guess(key):
        assert Api(server.url, headers={"Authorization": "Bearer " + key}).get("/api/teams").status == 401
    time.sleep(1.5)  # what came before is counted by now
    before = scans()
    for n in range(100):
        guess(f"fwk_{'x' * 27}{n:03}000000")
        guess(f"fwk_{n}")
    time.sleep(1.5)
    assert scans() == before
    for n in range(5):
        guess(key_of(f"{'y' * 27}{n:03}"))
    until(lambda: scans() >= before + 5 or guess(key_of("z" * 30)), what="the counter counts")


def test_bodies_cost_nothing_before_the_sign_in(locked):
    """Neither read to the end nor parsed for somebody unknown; nor deeper than 64 levels for anybody."""
    bomb = b"[" * 200_000
    for target, statuses in (("/api/teams", {401}), ("/api/auth/login", {400, 413})):
        answer = locked.api.request("POST", target, body=bomb, headers={"Content-Type": "application/json"})
        assert answer.status in statuses, answer
    for target in ("/api/teams", "/api/auth/login"):
        with socket.create_connection(("127.0.0.1", locked.port), timeout=20) as s:
            s.sendall(f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                      f"Content-Length: {1 << 40}\r\n\r\n".encode())
            assert s.recv(100).split(b" ")[1] == b"413", target
    assert locked.api.get("/api/ready").status == 200


def test_heads_are_bounded(locked):
    for head in ("X-Long: " + "a" * 100_000, "\r\n".join(f"X-{n}: {n}" for n in range(5000)), "Cookie: " + "a=b; " * 20_000,
                 "Authorization: Bearer " + "a" * 100_000):
        with socket.create_connection(("127.0.0.1", locked.port), timeout=20) as s:
            try:
                s.sendall(f"GET /api/teams HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode())
                answer = s.recv(100)
            except (ConnectionResetError, BrokenPipeError):
                continue  # it did not wait for the rest
        assert answer.split(b" ")[1] in (b"400", b"401", b"413", b"431"), answer


@pytest.mark.parametrize("hostile", ["a\r\nSet-Cookie: x=1", "%0d%0aSet-Cookie:%20x=1", "a;b", "<script>", "x" * 300])
def test_no_header_is_written_by_the_caller(locked, admin, hostile):
    try:
        answer = admin.get("/api/teams", query={"q": hostile, "limit": 1}, headers={"X-Request-Id": hostile})
    except ValueError:  # the client itself refuses a line end in a header
        answer = admin.get("/api/teams", query={"q": hostile, "limit": 1})
    assert "Set-Cookie" not in answer.headers and hostile not in answer.headers.get("X-Request-Id", "")
    assert answer.headers["X-Request-Id"]
