# SPDX-License-Identifier: Apache-2.0
"""Second factors: codes of an app, recovery codes, passkeys by an authenticator in software; on both databases."""
import base64
import concurrent.futures
import contextlib
import hashlib
import sqlite3
import subprocess
import urllib.parse

import pytest

from support import wait
from support.api import Api
from support.identity import NO_LIMITS, PASSWORD, first_admin, login, new_user, signed_in
from support.passkey import (EDDSA, ES256, MAY_SYNC, PRESENT, RS256, SYNCED, VERIFIED, Authenticator, b64)
from support.server import FairwayServer, run_cli
from support.totp import code, step_now

HOUR_US = 3600 * 1_000_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, binary):
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with FairwayServer(auth=None, database_url=url, env=NO_LIMITS) as running:
        running.admin = first_admin(running)
        running.origin = running.url.replace("127.0.0.1", "localhost")
        yield running


@pytest.fixture
def admin(server):
    return server.admin


def sql(server, text):
    """What a test needs of the database: to let time pass, and to look at what is kept."""
    if server.database_url:
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "|", "-d", server.database_url, "-c", text],
                              check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return [tuple(line.split("|")) for line in done.stdout.splitlines()]
    with contextlib.closing(sqlite3.connect(server.data / "fairway.db", timeout=20)) as db, db:
        return db.execute(text).fetchall()


def begin(server, email, password=PASSWORD, **more):
    answer = server.api.post("/api/auth/login", {"email": email, "password": password, **more})
    assert answer.status == 200, answer
    return answer.json()


def finish(server, challenge, **how):
    return server.api.post("/api/auth/second-factor", {"challenge": challenge, **how})


class Person:
    """Somebody with codes of an app."""

    def __init__(self, server, email, **more):
        self.server, self.email = server, email
        self.api = new_user(server.admin, email, **more)
        self.id = self.api.user["id"]
        begun = self.api.post("/api/auth/totp")
        assert begun.status == 200, begun
        self.secret, self.uri = begun.json()["secret"], begun.json()["uri"]
        self.step = step_now()
        done = self.api.post("/api/auth/totp/confirm", {"code": code(self.secret, self.step)})
        assert done.status == 200, done
        self.recovery = done.json()["recovery_codes"]

    def forget_steps(self):
        """As if the codes of this minute had not been used."""
        sql(self.server, f"UPDATE user_totp SET last_step = 0 WHERE id = '{self.id}'")

    def code(self, off=0):
        return code(self.secret, step_now() + off)

    def wrong(self):
        """Six digits that are none of the codes around now."""
        near = {self.code(off) for off in range(-3, 4)}
        return next(text for text in (f"{n:06}" for n in range(10)) if text not in near)

    def challenge(self):
        return begin(self.server, self.email)["challenge"]

    def sign_in(self):
        self.forget_steps()
        return signed_in(self.server.url, finish(self.server, self.challenge(), code=self.code()))


def audited(admin, action, resource_id):
    return admin.get("/api/audit-logs", query={"action": action, "resource_id": resource_id}).json()["items"]


def newest(admin, action, resource_id):
    """The whole entry."""
    return admin.get(f"/api/audit-logs/{audited(admin, action, resource_id)[0]['id']}").json()


# ---- codes of an app

def test_setting_up(server, admin):
    """ASVS 6.3.3: a second factor can be set up, and is asked for from then on."""
    user = new_user(admin, "ada@example.org")
    other = login(server, "ada@example.org")
    assert user.get("/api/auth/second-factors").json() | {"confirmed_until": ""} == {
        "totp": False, "passkeys": 0, "recovery_codes": 0, "is_required": False, "passkeys_possible": True,
        "confirmed_until": ""}
    begun = user.post("/api/auth/totp")
    assert begun.status == 200 and begun.headers["Cache-Control"] == "no-store"
    secret = begun.json()["secret"]
    assert len(base64.b32decode(secret)) == 20
    uri = urllib.parse.urlsplit(begun.json()["uri"])
    assert (uri.scheme, uri.netloc, urllib.parse.unquote(uri.path)) == ("otpauth", "totp", "/Fairway:ada@example.org")
    assert dict(urllib.parse.parse_qsl(uri.query)) == {"secret": secret, "issuer": "Fairway", "algorithm": "SHA1",
                                                       "digits": "6", "period": "30"}
    assert "access_token" in begin(server, "ada@example.org"), "it does not count before it is confirmed"
    assert user.post("/api/auth/totp/confirm", {"code": "000000x"}).status == 422
    again = user.post("/api/auth/totp").json()["secret"]
    assert again != secret, "not confirmed yet: replaced"
    assert user.post("/api/auth/totp/confirm", {"code": code(secret, step_now())}).status == 422
    done = user.post("/api/auth/totp/confirm", {"code": code(again, step_now())})
    assert done.status == 200 and len(done.json()["recovery_codes"]) == 10
    assert user.post("/api/auth/totp").status == 409
    assert user.post("/api/auth/totp/confirm", {"code": code(again, step_now())}).status == 409
    assert other.get("/api/auth/me").status == 401, "ASVS 7.4.3: the other sessions have ended"
    assert user.get("/api/auth/me").status == 200
    asked = begin(server, "ada@example.org")
    assert set(asked) == {"second_factor_required", "challenge", "methods", "expires_in"}
    assert asked["methods"] == ["totp", "recovery_code"] and asked["expires_in"] == 300
    assert user.get("/api/auth/second-factors").json()["totp"] is True
    kept = sql(server, f"SELECT secret FROM user_totp WHERE id = '{user.user['id']}'")[0][0]
    assert kept.startswith("v1:") and again not in kept, "ASVS 13.3.1: sealed"
    assert again not in server.log()
    assert audited(admin, "auth.totp_added", user.user["id"])


def test_sign_in_by_code(server, admin):
    """ASVS 6.5.1: a code works once, a code of the neighbouring step too, and none that is older (6.5.8: by the
    server's clock)."""
    p = Person(server, "once@example.org")
    used = finish(server, p.challenge(), code=code(p.secret, p.step))
    assert used.status == 401, "the code that confirmed the app is used up"
    p.forget_steps()
    later = p.code(1)
    api = signed_in(server.url, finish(server, p.challenge(), code=f" {later[:3]} {later[3:]} "))
    assert api.get("/api/auth/me").json()["user"]["email"] == "once@example.org"
    for text in (later, p.code(), p.code(-1)):
        assert finish(server, p.challenge(), code=text).status == 401, "used, or older than one that was used"
    p.forget_steps()
    assert finish(server, p.challenge(), code=p.code(-1)).status == 200, "a step before"
    p.forget_steps()
    assert finish(server, p.challenge(), code=p.code(-3)).status == 401, "ASVS 6.5.5: too old"
    assert finish(server, p.challenge(), code=p.code(3)).status == 401
    assert newest(admin, "auth.second_factor_passed", p.id)["after"] == {"by": "totp"}


def test_nothing_without_the_second_factor(server):
    """ASVS 6.3.3, 6.3.4: a challenge is no credential, and every way by password leads to it."""
    p = Person(server, "nothing@example.org")
    challenge = p.challenge()
    for shown in (challenge, "Bearer " + challenge):
        assert Api(server.url, headers={"Authorization": "Bearer " + shown}).get("/api/auth/me").status == 401
    cookie = server.api.post("/api/auth/login", {"email": p.email, "password": PASSWORD, "cookie": True})
    assert cookie.status == 200 and "Set-Cookie" not in cookie.headers and "csrf_token" not in cookie.json()
    done = finish(server, cookie.json()["challenge"], code=p.recovery[0], cookie=True)
    assert done.status == 200 and done.headers["Set-Cookie"].startswith("__Host-fairway=")
    browser = Api(server.url, headers={"Cookie": done.headers["Set-Cookie"].split(";")[0]})
    assert browser.get("/api/auth/me").json()["name"] == "Ada Lovelace"
    for wrong in ({"challenge": challenge}, {"challenge": challenge, "code": "1", "passkey": {}}, {"code": "123456"}):
        assert server.api.post("/api/auth/second-factor", wrong).status == 422


def test_reset_by_link_asks_too(server, admin):
    """ASVS 6.4.3: a new password by link does not get around the second factor."""
    p = Person(server, "link@example.org")
    token = admin.post(f"/api/users/{p.id}/one-time-link").json()["token"]
    answer = server.api.post("/api/auth/one-time", {"token": token, "password": "another violet bus"})
    assert answer.status == 200 and answer.json()["second_factor_required"] is True
    assert "access_token" not in answer.json()
    assert p.api.get("/api/auth/me").status == 401
    assert finish(server, answer.json()["challenge"], code=p.recovery[0]).status == 200
    p.forget_steps()
    asked = begin(server, p.email, "another violet bus")
    assert finish(server, asked["challenge"], code=p.code()).status == 200


def test_recovery_codes(server):
    """ASVS 6.5.1, 6.5.2, 6.5.3, 6.5.4: ten of 120 bits, each once, only hashes kept; new ones end the old."""
    p = Person(server, "recover@example.org")
    assert len(set(p.recovery)) == 10 and all(len(c) == 29 and len(c.replace("-", "")) == 24 for c in p.recovery)
    kept = [row[0] for row in sql(server, f"SELECT code_hash FROM recovery_codes WHERE user_id = '{p.id}'")]
    assert len(kept) == 10 and all(len(h) == 64 for h in kept)
    api = signed_in(server.url, finish(server, p.challenge(), code=p.recovery[0].lower().replace("-", " ")))
    assert finish(server, p.challenge(), code=p.recovery[0]).status == 401, "used"
    assert api.get("/api/auth/second-factors").json()["recovery_codes"] == 9
    new = api.post("/api/auth/recovery-codes")
    assert new.status == 200 and len(new.json()["recovery_codes"]) == 10
    assert not set(new.json()["recovery_codes"]) & set(p.recovery)
    assert finish(server, p.challenge(), code=p.recovery[1]).status == 401, "ended"
    assert finish(server, p.challenge(), code=new.json()["recovery_codes"][5]).status == 200
    other = Person(server, "recover-other@example.org")
    assert finish(server, other.challenge(), code=new.json()["recovery_codes"][6]).status == 401, "somebody else's"


def test_recovery_codes_stand_in_for_a_factor(server, admin):
    user = new_user(admin, "no-factor@example.org")
    assert user.post("/api/auth/recovery-codes").status == 409


# ---- guessing

def test_attempts_of_a_challenge(server):
    """ASVS 6.3.1: five attempts, then it is void also for the right code. A recovery code is right, so no lock is in the way."""
    p = Person(server, "attempts@example.org")
    challenge = p.challenge()
    assert [finish(server, challenge, code=p.wrong()).status for _ in range(5)] == [401] * 5
    sql(server, "DELETE FROM sign_in_failures")
    refused = finish(server, challenge, code=p.recovery[0])
    assert refused.status == 401 and "sign in with your password again" in refused.json()["detail"]
    assert finish(server, p.challenge(), code=p.recovery[0]).status == 200


def test_lockout(server, admin):
    """ASVS 6.3.1: wrong codes lock the second factor over all challenges, and the right password in between does not
    forget them."""
    p = Person(server, "locked-2fa@example.org")
    for _ in range(5):
        assert finish(server, p.challenge(), code=p.wrong()).status == 401
    p.forget_steps()
    challenge = p.challenge()
    locked = finish(server, challenge, code=p.code())
    assert locked.status == 429 and locked.headers["Retry-After"]
    assert "Too many attempts with this second factor" in locked.json()["detail"]

    def attempt(text):
        answer = finish(server, challenge, code=text)
        return answer if answer.status != 429 else None
    assert wait.until(lambda: attempt(p.wrong())).status == 401
    assert "in 2 seconds" in finish(server, p.challenge(), code=p.recovery[0]).json()["detail"], "twice as long"
    assert wait.until(lambda: attempt(p.recovery[0])).status == 200, "by itself it ends"
    assert finish(server, p.challenge(), code=p.wrong()).status == 401, "and counts anew"
    assert len(audited(admin, "auth.second_factor_failed", p.id)) == 7, "ASVS 16.3.1"


def at_once(n, call):
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return sorted(a.status for a in pool.map(call, range(n)))


@pytest.mark.parametrize("kind", ["totp", "recovery"])
def test_one_code_at_once(server, kind):
    """ASVS 6.5.1, 15.4.2: of 64 uses of one code at the same moment, by challenges of their own, one succeeds."""
    p = Person(server, f"at-once-{kind}@example.org")
    p.forget_steps()
    challenges = [p.challenge() for _ in range(64)]
    text = p.code() if kind == "totp" else p.recovery[0]
    statuses = at_once(64, lambda i: finish(server, challenges[i], code=text))
    assert statuses.count(200) == 1, statuses


def test_one_challenge_at_once(server):
    p = Person(server, "challenge-once@example.org")
    challenge = p.challenge()
    statuses = at_once(16, lambda i: finish(server, challenge, code=p.recovery[i % 10]))
    assert statuses.count(200) == 1, statuses
    left = p.sign_in().get("/api/auth/second-factors").json()["recovery_codes"]
    assert left == 9, "what came too late has used nothing up"


def test_guesses_at_once(server):
    """ASVS 6.3.1: guessing in parallel gets no more than five heard before the lock."""
    p = Person(server, "guesses@example.org")
    challenges = [p.challenge() for _ in range(48)]
    statuses = at_once(48, lambda i: finish(server, challenges[i], code=p.wrong()))
    assert set(statuses) == {401, 429} and 5 <= statuses.count(401) <= 6, statuses


# ---- challenges

def test_challenges(server):
    """ASVS 6.3.1, 6.3.4: a challenge is of one person and one sign-in, for five minutes, and works once."""
    p, other = Person(server, "mine@example.org"), Person(server, "theirs@example.org")
    challenge = p.challenge()
    assert finish(server, challenge, code=other.recovery[0]).status == 401, "another's code"
    assert finish(server, other.challenge(), code=other.recovery[0]).status == 200, "which is not used up by it"
    assert finish(server, challenge, code=p.recovery[0]).status == 200
    replayed = finish(server, challenge, code=p.recovery[1])
    assert replayed.status == 401 and "sign in with your password again" in replayed.json()["detail"]
    for wrong in ("fwm_" + "x" * 43, "x", challenge[:-1], "' OR 1=1 --"):
        assert finish(server, wrong, code=p.recovery[1]).status == 401, wrong
    expired = p.challenge()
    sql(server, f"UPDATE sign_in_challenges SET expires_at = 1 WHERE user_id = '{p.id}'")
    assert finish(server, expired, code=p.recovery[1]).status == 401
    assert challenge not in str(sql(server, "SELECT * FROM sign_in_challenges")), "only its hash is kept"


def test_challenges_end_with_their_reason(server, admin):
    p = Person(server, "reason@example.org")
    challenge = p.challenge()
    assert admin.patch(f"/api/users/{p.id}", {"status": "deactivated"}).status == 200
    assert finish(server, challenge, code=p.recovery[0]).status == 401
    assert admin.patch(f"/api/users/{p.id}", {"status": "active"}).status == 200
    challenge, api = p.challenge(), p.sign_in()
    assert api.post("/api/auth/password", {"current_password": PASSWORD, "new_password": "yet another bus"}).status == 204
    assert finish(server, challenge, code=p.recovery[1]).status == 401, "begun with the password before"


# ---- changing factors

def no_longer_recent(server, user_id):
    sql(server, f"UPDATE user_sessions SET authenticated_at = authenticated_at - {HOUR_US} WHERE user_id = '{user_id}'")


CHANGES = [("POST", "/api/auth/totp", None), ("POST", "/api/auth/totp/confirm", {"code": "123456"}),
           ("DELETE", "/api/auth/totp", None), ("POST", "/api/auth/recovery-codes", None),
           ("POST", "/api/auth/passkeys/options", None), ("DELETE", "/api/auth/passkeys/x", None)]


def test_changes_need_a_recent_sign_in(server, admin):
    """ASVS 7.5.1: changing factors needs that one shows again who one is; by the second factor, if there is one."""
    user = new_user(admin, "recent@example.org")
    no_longer_recent(server, user.user["id"])
    for method, path, body in CHANGES:
        answer = user.request(method, path, json_body=body)
        assert answer.status == 403 and "/api/auth/confirm" in answer.json()["detail"], answer
    wrong = user.post("/api/auth/confirm", {"password": "not this one"})
    assert wrong.status == 422 and wrong.json()["errors"][0]["pointer"] == "/password"
    for body in ({}, {"password": PASSWORD, "code": "123456"}):
        assert user.post("/api/auth/confirm", body).status == 422
    assert user.post("/api/auth/confirm", {"password": PASSWORD}).status == 200
    secret = user.post("/api/auth/totp").json()["secret"]
    codes = user.post("/api/auth/totp/confirm", {"code": code(secret, step_now())}).json()["recovery_codes"]
    no_longer_recent(server, user.user["id"])
    assert user.delete("/api/auth/totp").status == 403
    refused = user.post("/api/auth/confirm", {"password": PASSWORD})
    assert refused.status == 422 and "second factor" in refused.json()["errors"][0]["detail"]
    assert user.post("/api/auth/confirm", {"code": "AAAA-" * 5 + "AAAA"}).status == 422
    assert user.post("/api/auth/confirm", {"code": codes[0]}).status == 200
    assert user.delete("/api/auth/totp").status == 204
    assert user.delete("/api/auth/totp").status == 404
    assert user.get("/api/auth/second-factors").json()["recovery_codes"] == 0, "ASVS 6.5.6: they go with the last factor"
    assert "access_token" in begin(server, "recent@example.org")
    assert audited(admin, "auth.totp_removed", user.user["id"]) and audited(admin, "auth.confirmed", user.user["id"])


def test_ending_sessions_needs_a_recent_sign_in(server, admin):
    """ASVS 7.5.2: one sees one's sessions, and ends them after showing again who one is; one's own ends without."""
    user = new_user(admin, "sessions-recent@example.org")
    other = login(server, "sessions-recent@example.org")
    items = user.get("/api/auth/sessions").json()["items"]
    assert len(items) == 2
    theirs = other.get("/api/auth/me").json()["session_id"]
    no_longer_recent(server, user.user["id"])
    for path in ("/api/auth/sessions", f"/api/auth/sessions/{theirs}"):
        refused = user.delete(path)
        assert refused.status == 403 and "/api/auth/confirm" in refused.json()["detail"], refused
    assert user.post("/api/auth/confirm", {"password": PASSWORD}).status == 200
    assert user.delete(f"/api/auth/sessions/{theirs}").status == 204
    assert other.get("/api/auth/me").status == 401
    no_longer_recent(server, user.user["id"])
    own = user.get("/api/auth/me").json()["session_id"]
    assert user.delete(f"/api/auth/sessions/{own}").status == 204


def test_guesses_of_a_session_are_counted(server, admin):
    """ASVS 6.3.1: who has stolen a session may not guess on in it."""
    p = Person(server, "session-guess@example.org")
    assert [p.api.post("/api/auth/confirm", {"code": p.wrong()}).status for _ in range(6)] == [422] * 5 + [429]
    assert finish(server, p.challenge(), code=p.recovery[0]).status == 429, "the same count as at the sign-in"


def test_confirming_renews_the_cookie(server, admin):
    """ASVS 7.2.4: the session token changes when its owner has shown again who they are."""
    new_user(admin, "cookie-2fa@example.org")
    answer = server.api.post("/api/auth/login", {"email": "cookie-2fa@example.org", "password": PASSWORD, "cookie": True})

    def browser(cookie, csrf):
        return Api(server.url, headers={"Cookie": cookie.split(";")[0], "X-CSRF-Token": csrf, "Sec-Fetch-Site": "same-origin"})
    old = browser(answer.headers["Set-Cookie"], answer.json()["csrf_token"])
    session = old.get("/api/auth/me").json()["session_id"]
    assert Api(server.url, headers={"Cookie": answer.headers["Set-Cookie"].split(";")[0]}).post(
        "/api/auth/confirm", {"password": PASSWORD}).status == 403, "not from another page"
    confirmed = old.post("/api/auth/confirm", {"password": PASSWORD})
    assert confirmed.status == 200, confirmed
    new = browser(confirmed.headers["Set-Cookie"], confirmed.json()["csrf_token"])
    assert new.get("/api/auth/me").json()["session_id"] == session
    assert new.post("/api/auth/totp").status == 200
    assert old.get("/api/auth/me").status == 401


def test_keys_may_not(server, admin):
    """ASVS 8.2.1: an API key neither sees nor changes the second factors of its owner."""
    user = new_user(admin, "by-key@example.org")
    key = user.post("/api/api-keys", {"name": "all", "scopes": ["*:*"]})
    assert key.status == 201, key
    api = Api(server.url, headers={"Authorization": "Bearer " + key.json()["key"]})
    for method, path, body in [*CHANGES, ("GET", "/api/auth/second-factors", None), ("GET", "/api/auth/passkeys", None),
                               ("POST", "/api/auth/confirm", {"password": PASSWORD}),
                               ("PATCH", "/api/auth/passkeys/x", {"name": "x"})]:
        answer = api.request(method, path, json_body=body)
        assert answer.status == 403 and "API key may not" in answer.json()["detail"], answer


def test_reset_by_an_administrator(server, admin):
    """ASVS 6.4.4: who has lost everything is helped by an administrator, which is written down."""
    p = Person(server, "lost@example.org")
    reader = new_user(admin, "reader@example.org", role="viewer")
    assert reader.post(f"/api/users/{p.id}/second-factors/reset").status in (403, 404)
    challenge = p.challenge()
    assert admin.post(f"/api/users/{p.id}/second-factors/reset").status == 204
    assert p.api.get("/api/auth/me").status == 401, "sessions have ended"
    assert finish(server, challenge, code=p.recovery[0]).status == 401
    assert "access_token" in begin(server, p.email)
    assert audited(admin, "auth.second_factors_reset", p.id)
    assert admin.post("/api/users/01980000-0000-7000-8000-000000000000/second-factors/reset").status == 404
    assert admin.post(f"/api/users/{admin.user['id']}/second-factors/reset").status == 409


# ---- passkeys

def add_passkey(server, api, device, name=None, **bent):
    options = api.post("/api/auth/passkeys/options")
    assert options.status == 200, options
    body = {"passkey": device.create(options.json(), bent.pop("origin", server.origin), **bent)}
    return api.post("/api/auth/passkeys", body | ({"name": name} if name else {}))


def passkey_sign_in(server, device, **bent):
    options = server.api.post("/api/auth/passkey-sign-in/options").json()
    return server.api.post("/api/auth/passkey-sign-in",
                           {"passkey": device.get(options, bent.pop("origin", server.origin), **bent)})


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
def test_passkey(server, admin, algorithm):
    """ASVS 6.3.3, 6.5.7, 6.7.2: registered, then enough alone when it has verified its user, else a second factor."""
    email = f"passkey{algorithm}@example.org"
    user = new_user(admin, email)
    options = user.post("/api/auth/passkeys/options").json()
    assert options["rp"]["id"] == "localhost" and options["attestation"] == "none"
    assert [p["alg"] for p in options["pubKeyCredParams"]] == [ES256, EDDSA, RS256]
    assert len(base64.urlsafe_b64decode(options["challenge"] + "=")) == 32
    device = Authenticator(algorithm)
    added = add_passkey(server, user, device, "Laptop")
    assert added.status == 200 and added.json()["passkey"]["name"] == "Laptop", added
    codes = added.json()["recovery_codes"]
    assert len(codes) == 10
    alone = signed_in(server.url, passkey_sign_in(server, device))
    assert alone.user["email"] == email
    asked = begin(server, email)
    assert asked["methods"] == ["passkey", "recovery_code"]
    request = asked["passkey_options"]
    assert [c["id"] for c in request["allowCredentials"]] == [b64(device.id)]
    assert request["allowCredentials"][0]["transports"] == ["internal", "hybrid"]
    done = finish(server, asked["challenge"], passkey=device.get(request, server.origin, flags=PRESENT))
    assert done.status == 200, done
    assert finish(server, begin(server, email)["challenge"], code=codes[0]).status == 200
    [kept] = alone.get("/api/auth/passkeys").json()["items"]
    assert kept["name"] == "Laptop" and kept["is_synced"] is False and kept["last_used_at"]
    assert alone.get("/api/auth/second-factors").json()["passkeys"] == 1


def test_passkeys_are_managed(server, admin):
    """ASVS 6.5.6: each can be removed, and signs nobody in then."""
    p = Person(server, "manage@example.org")
    first, second = Authenticator(), Authenticator(flags=PRESENT | VERIFIED | MAY_SYNC | SYNCED)
    added = add_passkey(server, p.api, first)
    assert added.status == 200 and added.json()["recovery_codes"] == [], "there are some already"
    assert add_passkey(server, p.api, first).status == 409, "known already"
    options = p.api.post("/api/auth/passkeys/options").json()
    assert [c["id"] for c in options["excludeCredentials"]] == [b64(first.id)]
    assert add_passkey(server, p.api, second, "Phone").json()["passkey"]["is_synced"] is True
    ids = [k["id"] for k in p.api.get("/api/auth/passkeys").json()["items"]]
    renamed = p.api.patch(f"/api/auth/passkeys/{ids[0]}", {"name": "Schlüssel ✓"})
    assert renamed.status == 200 and renamed.json()["name"] == "Schlüssel ✓"
    other = Person(server, "manage-other@example.org")
    for change in (other.api.patch(f"/api/auth/passkeys/{ids[0]}", {"name": "mine"}),
                   other.api.delete(f"/api/auth/passkeys/{ids[0]}")):
        assert change.status == 404, "ASVS 8.2.2: another's is not there"
    asked = begin(server, p.email)
    assert asked["methods"] == ["passkey", "totp", "recovery_code"]
    assert p.api.delete(f"/api/auth/passkeys/{ids[1]}").status == 204
    assert passkey_sign_in(server, second).status == 401
    assert passkey_sign_in(server, first).status == 200
    actions = [row["action"] for row in admin.get("/api/audit-logs", query={"resource_id": p.id, "limit": 100}).json()["items"]]
    assert {"auth.passkey_added", "auth.passkey_renamed", "auth.passkey_removed"} <= set(actions)


OTHER_CHALLENGE = b64(b"x" * 32)
BENT = {
    "origin": {"origin": "https://evil.example"},
    "http": {"origin": "https://localhost"},
    "party": {"rp_id": "evil.example"},
    "type": {"kind": "webauthn.create"},
    "challenge": {"challenge": OTHER_CHALLENGE},
    "no challenge": {"challenge": " "},
    "frame": {"crossOrigin": True},
    "top": {"topOrigin": "https://evil.example"},
    "absent": {"flags": VERIFIED},
    "not verified": {"flags": PRESENT},
    "impossible flags": {"flags": PRESENT | VERIFIED | SYNCED},
    "somebody else": {"handle": b"01980000-0000-7000-8000-000000000000"},
    "nobody": {"handle": None},
}


@pytest.fixture(scope="module")
def keyed(server):
    user = new_user(server.admin, "bent@example.org")
    device = Authenticator(counts=False)
    assert add_passkey(server, user, device).status == 200
    return device


@pytest.mark.parametrize("what", BENT)
def test_bent_assertions(server, keyed, what):
    """ASVS 6.7.2: anything that is not for this sign-in, this page and this server is refused, with one sentence."""
    refused = passkey_sign_in(server, keyed, **BENT[what])
    assert refused.status == 401 and refused.json()["detail"].startswith("The passkey was not accepted"), refused
    assert passkey_sign_in(server, keyed).status == 200


def test_bent_signatures(server, keyed):
    options = server.api.post("/api/auth/passkey-sign-in/options").json()
    shown = keyed.get(options, server.origin)
    stranger = Authenticator()
    stranger.id, stranger.user_handle = keyed.id, keyed.user_handle
    for body in (stranger.get(options, server.origin), {**shown, "id": b64(b"unknown")}, {**shown, "id": "%%"},
                 {**shown, "response": {**shown["response"], "signature": "AA"}},
                 {**shown, "response": {**shown["response"], "authenticatorData": "AA"}},
                 {**shown, "response": {**shown["response"], "clientDataJSON": b64(b"[]")}}):
        assert server.api.post("/api/auth/passkey-sign-in", {"passkey": body}).status == 401
    told = audited(server.admin, "auth.sign_in_failed", hashlib.sha256(b64(keyed.id).encode()).hexdigest())
    assert len(told) >= 4, "ASVS 16.3.1"
    assert server.api.post("/api/auth/passkey-sign-in", {"passkey": shown}).status == 200
    assert server.api.post("/api/auth/passkey-sign-in", {"passkey": shown}).status == 401, "a challenge works once"


@pytest.mark.parametrize("what", ["origin", "party", "type", "challenge", "frame", "absent", "impossible flags"])
def test_bent_registrations(server, admin, what):
    user = new_user(admin, f"bent-{what.replace(' ', '-')}@example.org")
    bent = dict(BENT[what])
    if "kind" in bent:
        bent["kind"] = "webauthn.get"
    refused = add_passkey(server, user, Authenticator(), **bent)
    assert refused.status == 422 and refused.json()["errors"][0]["pointer"] == "/passkey", refused
    assert user.get("/api/auth/passkeys").json()["items"] == []


def test_registrations_are_of_one_session_owner(server, admin):
    ada, eve = new_user(admin, "ada-reg@example.org"), new_user(admin, "eve-reg@example.org")
    options = ada.post("/api/auth/passkeys/options").json()
    made = Authenticator().create(options, server.origin)
    assert eve.post("/api/auth/passkeys", {"passkey": made}).status == 422, "a challenge of another"
    assert ada.post("/api/auth/passkeys", {"passkey": made}).status == 200
    assert ada.post("/api/auth/passkeys", {"passkey": made}).status == 422, "a challenge works once"
    late = ada.post("/api/auth/passkeys/options").json()
    sql(server, "UPDATE sign_in_challenges SET expires_at = 1 WHERE purpose = 'passkey_add'")
    assert ada.post("/api/auth/passkeys", {"passkey": Authenticator().create(late, server.origin)}).status == 422
    crossed = server.api.post("/api/auth/passkey-sign-in/options").json() | {"user": {"id": b64(b"x")}, "rp": {"id": "localhost"}}
    assert ada.post("/api/auth/passkeys", {"passkey": Authenticator().create(crossed, server.origin)}).status == 422, \
        "a challenge for something else"


def test_purposes_are_kept_apart(server, admin):
    """The challenge of a second factor signs nobody in without the password's challenge, and the other way round."""
    user = new_user(admin, "purpose@example.org")
    device = Authenticator()
    assert add_passkey(server, user, device).status == 200
    asked = begin(server, "purpose@example.org")
    shown = device.get(asked["passkey_options"], server.origin)
    assert server.api.post("/api/auth/passkey-sign-in", {"passkey": shown}).status == 401
    free = server.api.post("/api/auth/passkey-sign-in/options").json()
    assert finish(server, asked["challenge"], passkey=device.get(free, server.origin)).status == 401
    assert newest(admin, "auth.second_factor_failed", user.user["id"])["after"] == {"by": "passkey"}
    other = Person(server, "purpose-other@example.org")
    their_device = Authenticator()
    assert add_passkey(server, other.api, their_device).status == 200
    assert finish(server, asked["challenge"], passkey=their_device.get(asked["passkey_options"], server.origin)).status == 401
    assert finish(server, asked["challenge"], passkey=device.get(asked["passkey_options"], server.origin)).status == 200


def test_copies(server, admin):
    """WebAuthn 7.2 step 22: a counter that does not grow tells of a copy; it is refused and written down."""
    user = new_user(admin, "copied@example.org")
    device = Authenticator()
    assert add_passkey(server, user, device).status == 200
    device.count = 40
    assert passkey_sign_in(server, device).status == 200
    device.count = 40  # the next is 41 again
    assert passkey_sign_in(server, device).status == 401
    assert newest(admin, "auth.passkey_copied", user.user["id"])["after"]["sign_count"] == 41
    assert passkey_sign_in(server, device).status == 200, "42"


def test_one_assertion_at_once(server, keyed):
    options = server.api.post("/api/auth/passkey-sign-in/options").json()
    shown = keyed.get(options, server.origin)
    statuses = at_once(64, lambda _: server.api.post("/api/auth/passkey-sign-in", {"passkey": shown}))
    assert statuses == [200] + [401] * 63


def test_passkeys_are_not_locked(server):
    """ASVS 6.3.1: wrong codes, which anybody with the password can send, keep nobody with a passkey out."""
    p = Person(server, "not-locked@example.org")
    device = Authenticator()
    assert add_passkey(server, p.api, device).status == 200
    for _ in range(5):
        finish(server, p.challenge(), code=p.wrong())
    asked = begin(server, p.email)
    assert finish(server, asked["challenge"], code=p.recovery[0]).status == 429
    assert finish(server, asked["challenge"], passkey=device.get(asked["passkey_options"], server.origin)).status == 200


def test_confirming_by_passkey(server, admin):
    user = new_user(admin, "confirm-passkey@example.org")
    device, other = Authenticator(), Authenticator()
    assert add_passkey(server, user, device).status == 200
    assert add_passkey(server, new_user(admin, "confirm-other@example.org"), other).status == 200
    no_longer_recent(server, user.user["id"])

    def confirm(authenticator):
        options = server.api.post("/api/auth/passkey-sign-in/options").json()
        return user.post("/api/auth/confirm", {"passkey": authenticator.get(options, server.origin)})
    assert confirm(other).status == 422
    assert user.post("/api/auth/passkeys/options").status == 403
    assert confirm(device).status == 200
    assert user.post("/api/auth/passkeys/options").status == 200


def test_deactivated(server, admin):
    user = new_user(admin, "gone@example.org")
    device = Authenticator()
    assert add_passkey(server, user, device).status == 200
    assert admin.patch(f"/api/users/{user.user['id']}", {"status": "deactivated"}).status == 200
    assert passkey_sign_in(server, device).status == 401


# ---- where one is required

@pytest.mark.parametrize("pg", [False, True])
@pytest.mark.parametrize("who", ["everyone", "admins"])
def test_required(new_server, who, pg):
    """ASVS 6.3.3: who has none can do nothing but set one up."""
    server = new_server(auth=None, pg=pg, env=NO_LIMITS, config=f"auth:\n  require_second_factor: {who}\n")
    admin = first_admin(server)
    assert admin.get("/api/auth/me").json()["second_factor_missing"] is True
    assert admin.get("/api/users").status == 403
    admin = fully(admin)
    for email, role, limited in (("viewer@example.org", "viewer", who == "everyone"), ("chief@example.org", "admin", True)):
        user = new_user(admin, email, role=role)
        teams = user.get("/api/teams")
        assert teams.status == (403 if limited else 200), teams
        if limited:
            assert "second factor is required" in teams.json()["detail"]
            assert user.get("/api/auth/second-factors").json()["is_required"] is True
            assert user.post("/api/api-keys", {"name": "x", "scopes": ["*:*"]}).status == 403
            fresh = server.api.post("/api/auth/refresh", {"refresh_token": user.tokens["refresh_token"]})
            assert signed_in(server.url, fresh).get("/api/teams").status == 403, "refreshing lifts nothing"
            user = fully(signed_in(server.url, fresh))
            assert user.get("/api/teams").status == 200
            assert user.get("/api/auth/me").json().get("second_factor_missing") is None
            assert user.delete("/api/auth/totp").status == 409, "the last one stays"


def fully(api):
    secret = api.post("/api/auth/totp").json()["secret"]
    assert api.post("/api/auth/totp/confirm", {"code": code(secret, step_now())}).status == 200
    return api


@pytest.mark.parametrize("pg", [False, True])
def test_the_secret_key_rotates(new_server, pg):
    """ASVS 13.3.4: the secret of the app is sealed anew with the others."""
    server = new_server(auth=None, pg=pg, env=NO_LIMITS)
    server.admin = first_admin(server)
    p = Person(server, "rotate@example.org")

    def sealed():
        return sql(server, f"SELECT secret FROM user_totp WHERE id = '{p.id}'")[0][0].split(":")[1]
    before = sealed()
    where = ["--data", str(server.data)] + (["--database", server.database_url] if pg else [])
    done = run_cli("secrets", "rotate", *where)
    assert done.returncode == 0, done.stderr
    assert sealed() != before
    assert p.sign_in().get("/api/auth/me").status == 200


@pytest.mark.parametrize("pg", [False, True])
def test_an_administrator_without_device(new_server, pg):
    """ASVS 6.4.4: the last administrator is helped by whoever has the database."""
    server = new_server(auth=None, pg=pg, env=NO_LIMITS)
    fully(first_admin(server))
    assert begin(server, "admin@example.org")["second_factor_required"]
    where = ["--data", str(server.data)] + (["--database", server.database_url] if pg else [])
    done = run_cli("users", "reset-second-factors", "Admin@Example.org", *where)
    assert done.returncode == 0, done.stderr
    assert login(server, "admin@example.org")
    missing = run_cli("users", "reset-second-factors", "nobody@example.org", *where)
    assert missing.returncode == 4 and "no user" in missing.stderr


# ---- addresses

def test_base_url(new_server):
    server = new_server(auth=None, args=["--base-url", "https://fairway.example.org"])
    api = first_admin(server)
    options = api.post("/api/auth/passkeys/options").json()
    assert options["rp"]["id"] == "fairway.example.org"
    device = Authenticator()
    made = device.create(options, "https://fairway.example.org")
    assert api.post("/api/auth/passkeys", {"passkey": made}).status == 200


def test_an_address_has_no_passkeys(new_server):
    server = new_server(auth=None, args=["--base-url", "https://192.0.2.7"])
    api = first_admin(server)
    assert api.get("/api/auth/second-factors").json()["passkeys_possible"] is False
    refused = api.post("/api/auth/passkeys/options")
    assert refused.status == 409 and "server.base_url" in refused.json()["detail"]
    assert server.api.post("/api/auth/passkey-sign-in/options").status == 409
