# SPDX-License-Identifier: Apache-2.0
"""What time ends. The tests do not wait for it: they write into the database as if it had passed."""
import concurrent.futures
import contextlib
import ctypes
import ctypes.util
import sqlite3
import time

import pytest

from support import wait
from support.api import Api
from support.identity import NO_LIMITS, PASSWORD, first_admin, link_of, login, new_user
from support.server import FairwayServer

HOUR_US = 3600 * 1_000_000


@pytest.fixture(scope="module")
def server(binary):
    with FairwayServer(auth=None, env=NO_LIMITS) as running:
        running.link = link_of(running)
        running.admin = first_admin(running)
        yield running


@pytest.fixture
def admin(server):
    return server.admin


def sql(server, text, *values):
    with contextlib.closing(sqlite3.connect(server.data / "fairway.db", timeout=20)) as db, db:
        return db.execute(text, values).fetchall()


def now_us():
    return int(time.time() * 1_000_000)


def bearer(server, token):
    return Api(server.url, headers={"Authorization": "Bearer " + token})


@pytest.mark.parametrize("column", ["expires_at", "idle_expires_at"])
@pytest.mark.parametrize("cookie", [False, True])
def test_session_ends(server, admin, column, cookie):
    email = f"ends-{column.replace('_', '-')}-{cookie}@example.org".lower()
    new_user(admin, email)
    answer = server.api.post("/api/auth/login", {"email": email, "password": PASSWORD, "cookie": cookie})
    assert answer.status == 200
    sql(server, f"UPDATE user_sessions SET {column} = ? WHERE user_id = ?", now_us() - 1, answer.json()["user"]["id"])
    caller = (Api(server.url, headers={"Cookie": answer.headers["Set-Cookie"].split(";")[0]}) if cookie
              else bearer(server, answer.json()["access_token"]))
    assert caller.get("/api/auth/me").status == 401
    assert server.api.get("/api/health").status == 200


def test_a_cookie_lives_on_by_use(server, admin):
    user = new_user(admin, "idle@example.org")
    answer = server.api.post("/api/auth/login", {"email": "idle@example.org", "password": PASSWORD, "cookie": True})
    sql(server, "UPDATE user_sessions SET idle_expires_at = ?, last_used_at = ? WHERE user_id = ? AND kind = 'cookie'",
        now_us() + HOUR_US, now_us() - 11 * HOUR_US, user.user["id"])
    browser = Api(server.url, headers={"Cookie": answer.headers["Set-Cookie"].split(";")[0]})
    assert browser.get("/api/auth/me").status == 200

    def idle_until():
        return sql(server, "SELECT idle_expires_at FROM user_sessions WHERE user_id = ? AND kind = 'cookie'", user.user["id"])[0][0]
    wait.until(lambda: idle_until() > now_us() + 11 * HOUR_US, what="its use is written down")


def test_refresh_token_ends(server, admin):
    user = new_user(admin, "idle-refresh@example.org")
    sql(server, "UPDATE refresh_tokens SET expires_at = ? WHERE used_at IS NULL AND session_id IN "
        "(SELECT id FROM user_sessions WHERE user_id = ?)", now_us() - 1, user.user["id"])
    assert server.api.post("/api/auth/refresh", {"refresh_token": user.tokens["refresh_token"]}).status == 401
    assert user.get("/api/auth/me").status == 200, "an old one is no theft: the session goes on"


def test_api_key_ends(server, admin):
    made = admin.post("/api/api-keys", {"name": "ends", "scopes": ["*:*"]}).json()
    sql(server, "UPDATE api_keys SET expires_at = ? WHERE id = ?", now_us() - 1, made["api_key"]["id"])
    assert bearer(server, made["key"]).get("/api/teams").status == 401
    again = admin.post("/api/api-keys", {"name": "overlaps", "scopes": ["*:*"]}).json()
    path = f"/api/api-keys/{again['api_key']['id']}"
    rotated = admin.post(path + "/rotate").json()
    sql(server, "UPDATE api_keys SET previous_until = ? WHERE id = ?", now_us() - 1, again["api_key"]["id"])
    assert bearer(server, again["key"]).get("/api/teams").status == 401
    assert bearer(server, rotated["key"]).get("/api/teams").status == 200


def test_one_time_link_ends(server, admin):
    made = admin.post("/api/users", {"email": "late@example.org", "name": "Late"}).json()
    token = admin.post(f"/api/users/{made['id']}/one-time-link").json()["token"]
    sql(server, "UPDATE one_time_tokens SET expires_at = ? WHERE user_id = ?", now_us() - 1, made["id"])
    assert server.api.post("/api/auth/one-time", {"token": token, "password": PASSWORD}).status == 401


def test_one_time_link_works_once_for_all(server, admin):
    made = admin.post("/api/users", {"email": "once@example.org", "name": "Once"}).json()
    body = {"token": admin.post(f"/api/users/{made['id']}/one-time-link").json()["token"], "password": PASSWORD}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: Api(server.url).post("/api/auth/one-time", body).status, range(8)))
    assert sorted(answers) == [200] + [401] * 7


def test_many_sign_in_at_once(server, admin):
    """What does not fit is told to come back; nobody else waits, nothing fails."""
    new_user(admin, "crowd@example.org")
    body = {"email": "crowd@example.org", "password": PASSWORD}
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        crowd = [pool.submit(lambda: Api(server.url).post("/api/auth/login", body)) for _ in range(64)]
        assert admin.get("/api/teams").status == 200
        answers = [f.result() for f in crowd]
    assert {a.status for a in answers} <= {200, 503} and sum(a.status == 200 for a in answers) >= 8
    assert all(a.headers["Retry-After"] for a in answers if a.status == 503)


def weaker_hash(password):
    """argon2id with less than today's parameters."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    assert sodium.sodium_init() >= 0
    out = ctypes.create_string_buffer(128)
    raw = password.encode()
    assert sodium.crypto_pwhash_str_alg(out, raw, ctypes.c_ulonglong(len(raw)), ctypes.c_ulonglong(1),
                                        ctypes.c_size_t(8192 * 1024), ctypes.c_int(2)) == 0
    return out.value.decode()


def test_parameters_rise(server, admin):
    """A password that was hashed with less is hashed anew when it is given next."""
    user = new_user(admin, "weak@example.org")
    sql(server, "UPDATE user_passwords SET hash = ? WHERE user_id = ?", weaker_hash(PASSWORD), user.user["id"])
    login(server, "weak@example.org")
    (kept,), = sql(server, "SELECT hash FROM user_passwords WHERE user_id = ?", user.user["id"])
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    login(server, "weak@example.org")


def run_schedule(server, name):
    """It is due when the server starts."""
    sql(server, "UPDATE job_schedules SET next_at = ? WHERE name = ?", now_us(), name)
    server.restart()


def kids(server):
    return {k["kid"] for k in server.api.get("/api/auth/jwks.json").json()["keys"]}


def test_keys_rotate_by_themselves(server, admin):
    """Every 30 days a key is published, signs ten minutes later, and the one before goes when its tokens have ended."""
    first = kids(server)
    assert len(first) == 1
    sql(server, "UPDATE signing_keys SET created_at = 1, active_from = 1")
    run_schedule(server, "identity.rotate-keys")
    wait.until(lambda: len(kids(server)) == 2, deadline_s=30, what="a second key is published")
    assert admin.get("/api/auth/me").status == 200
    sql(server, "UPDATE signing_keys SET active_from = ? WHERE created_at > 1", now_us() - HOUR_US)
    run_schedule(server, "identity.rotate-keys")
    wait.until(lambda: len(kids(server)) == 1, deadline_s=30, what="the old key is removed")
    assert kids(server) != first


def test_what_has_ended_is_cleared_away(server):
    sql(server, "UPDATE user_sessions SET expires_at = 1 WHERE kind = 'cookie'")
    sql(server, "UPDATE sign_in_failures SET last_at = 1")
    run_schedule(server, "identity.prune")

    def left():
        return sql(server, "SELECT (SELECT COUNT(*) FROM user_sessions WHERE kind = 'cookie') + "
                   "(SELECT COUNT(*) FROM sign_in_failures)")[0][0]
    wait.until(lambda: left() == 0, deadline_s=30, what="they are gone")
    assert sql(server, "SELECT COUNT(*) FROM user_sessions")[0][0] > 0
