# SPDX-License-Identifier: Apache-2.0
"""Signing in, sessions, tokens, cookies, API keys, the first administrator; on both databases."""
import base64
import concurrent.futures
import json
import zlib

import pytest

from support import wait
from support.api import Api
from support.identity import NO_LIMITS, PASSWORD, first_admin, grant, link_of, login, new_user, signed_in
from support.server import FairwayServer, run_cli

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, binary):
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with FairwayServer(auth=None, database_url=url, env=NO_LIMITS) as running:
        running.first_link = link_of(running)
        running.admin = first_admin(running)
        yield running


@pytest.fixture
def admin(server):
    return server.admin


def as_json(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def as_part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def with_token(server, token):
    return Api(server.url, headers={"Authorization": "Bearer " + token})


def status_of(server, token, path="/api/auth/me"):
    return with_token(server, token).get(path).status


# ---- the first administrator

def test_first_link(server):
    assert server.first_link, "printed at the first start"
    again = server.api.post("/api/auth/one-time", {"token": server.first_link, "password": PASSWORD})
    assert again.status == 401 and "used" in again.json()["detail"]
    assert server.first_link not in server.log(), "a secret is in no log"
    assert server.admin.user["status"] == "active" and server.admin.user["email"] == "admin@example.org"


def test_no_link_when_people_exist(server):
    server.restart()
    assert link_of(server) is None
    server.admin = login(server, "admin@example.org")


@pytest.mark.parametrize("pg", [False, True])
def test_unused_link_is_printed_anew(new_server, pg):
    server = new_server(env=NO_LIMITS, auth=None, pg=pg)
    first = link_of(server)
    server.restart()
    second = link_of(server)
    assert first and second and first != second
    assert server.api.post("/api/auth/one-time", {"token": first, "password": PASSWORD}).status == 401, "replaced"
    admin = first_admin(server)
    assert [u["email"] for u in admin.get("/api/users").json()["items"]] == ["admin@example.org"]


def test_everything_else_wants_credentials(server):
    document = server.api.get("/api/openapi.json").json()
    asked = 0
    for path, item in document["paths"].items():
        for method, op in item.items():
            if op.get("security") == []:
                continue
            target = path.replace("{", "").replace("}", "")
            answer = server.api.request(method.upper(), target)
            assert answer.status == 401, f"{method} {path}: {answer}"
            asked += 1
    assert asked > 100


# ---- passwords

def test_same_answer_for_known_and_unknown(server, admin):
    new_user(admin, "same@example.org")
    answers = []
    for email in ("same@example.org", "nobody@example.org", "not an address"):
        answer = server.api.post("/api/auth/login", {"email": email, "password": "wrong password"})
        body = answer.json()
        body.pop("request_id")
        answers.append((answer.status, sorted(k for k in answer.headers if k != "Date"), body))
    assert answers[0][0] == 401
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("exists", [True, False])
def test_lockout(server, admin, exists):
    email = f"locked-{exists}@example.org".lower()
    if exists:
        new_user(admin, email)
    seen = [server.api.post("/api/auth/login", {"email": email, "password": "wrong password"}).status for _ in range(5)]
    assert seen == [401] * 5
    locked = server.api.post("/api/auth/login", {"email": email.upper(), "password": PASSWORD})
    assert locked.status == 429 and locked.headers["Retry-After"] and "try again in 1 second" in locked.json()["detail"]

    def attempt(password):
        answer = server.api.post("/api/auth/login", {"email": email, "password": password})
        return answer if answer.status != 429 else None
    # The sixth failure waits twice as long.
    assert wait.until(lambda: attempt("wrong password")).status == 401
    again = server.api.post("/api/auth/login", {"email": email, "password": "wrong password"})
    assert again.status == 429 and "in 2 seconds" in again.json()["detail"]
    assert wait.until(lambda: attempt(PASSWORD)).status == (200 if exists else 401), "the lock ends by itself"


def test_password_rules(server, admin):
    made = admin.post("/api/users", {"email": "grace.hopper@example.org", "name": "Grace Hopper"}).json()
    token = admin.post(f"/api/users/{made['id']}/one-time-link").json()["token"]
    for bad in ("short", "password1", "aaaaaaaaaa", "hopper123", "x" * 257):
        answer = server.api.post("/api/auth/one-time", {"token": token, "password": bad})
        assert answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/password", bad
    assert server.api.post("/api/auth/one-time", {"token": token, "password": PASSWORD}).status == 200, \
        "a refused password does not use the link up"


def test_change_password(server, admin):
    user = new_user(admin, "change@example.org")
    other = login(server, "change@example.org")
    wrong = user.post("/api/auth/password", {"current_password": "not this one", "new_password": "another violet bus"})
    assert wrong.status == 422 and wrong.json()["errors"][0]["pointer"] == "/current_password"
    done = user.post("/api/auth/password", {"current_password": PASSWORD, "new_password": "another violet bus"})
    assert done.status == 204, done
    assert user.get("/api/auth/me").status == 200
    assert other.get("/api/auth/me").status == 401, "other sessions have ended"
    assert server.api.post("/api/auth/login", {"email": "change@example.org", "password": PASSWORD}).status == 401
    assert login(server, "Change@Example.org", "another violet bus")


def test_users(admin):
    made = admin.post("/api/users", {"email": "Case@Example.org", "name": "Case"})
    assert made.status == 201 and made.json()["email"] == "case@example.org" and made.json()["status"] == "invited"
    twice = admin.post("/api/users", {"email": "case@EXAMPLE.org", "name": "Twice"})
    assert twice.status == 409, twice
    path = f"/api/users/{made.json()['id']}"
    assert admin.patch(path, {"status": "active"}).status == 200
    assert admin.put(path, {"email": "case@example.org", "name": "Case B"}).json()["status"] == "active"
    assert admin.patch(path, {"status": "invited"}).status == 422
    assert admin.delete(path).status == 204
    assert admin.post("/api/users", {"email": "case@example.org", "name": "Next"}).status == 201, "free again"


# ---- tokens

def test_access_token(server, admin):
    header, payload, _ = admin.tokens["access_token"].split(".")
    keys = server.api.get("/api/auth/jwks.json")
    assert keys.headers["Cache-Control"] == "public, max-age=300"
    assert as_json(header)["alg"] == "EdDSA" and as_json(header)["typ"] == "at+jwt"
    assert as_json(header)["kid"] in [k["kid"] for k in keys.json()["keys"]]
    assert all(set(k) == {"kty", "crv", "alg", "use", "kid", "x"} for k in keys.json()["keys"]), "no private part"
    claims = as_json(payload)
    assert claims["exp"] - claims["iat"] == 900 == admin.tokens["expires_in"]
    assert claims["sub"] == admin.user["id"] and claims["sid"] and claims["jti"] and claims["aud"] == "fairway"
    me = admin.get("/api/auth/me").json()
    assert me["kind"] == "user" and me["session_id"] == claims["sid"] and me["user"]["email"] == "admin@example.org"


def test_forged_tokens(server, admin):
    token = admin.tokens["access_token"]
    header, payload, signature = token.split(".")
    claims, head = as_json(payload), as_json(header)
    forged = {
        "none": as_part({"alg": "none", "typ": "at+jwt", "kid": head["kid"]}) + f".{payload}.",
        "HS256": as_part({**head, "alg": "HS256"}) + f".{payload}.{signature}",
        "other type": as_part({**head, "typ": "JWT"}) + f".{payload}.{signature}",
        "unknown key": as_part({**head, "kid": "x" * 43}) + f".{payload}.{signature}",
        "path as key": as_part({**head, "kid": "../../../dev/null"}) + f".{payload}.{signature}",
        "other subject": f"{header}." + as_part({**claims, "sub": "0192a3b4-c5d6-7e8f-9012-3456789abcde"}) + f".{signature}",
        "longer": f"{header}." + as_part({**claims, "exp": claims["exp"] + 9000}) + f".{signature}",
        "refresh token": admin.tokens["refresh_token"], "empty": "", "dots": "..", "long": "a" * 10000,
        "basic": "YTpi", "no utf-8": "\xff\xfe.\xff.\xff",
    }
    for name, value in forged.items():
        api = Api(server.url, headers={"Authorization": b"Bearer " + value.encode("latin-1")})
        answer = api.get("/api/teams")
        assert answer.status == 401, f"{name}: {answer}"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["detail"].startswith("The credentials are missing or not valid any more"), name
    assert Api(server.url, headers={"Authorization": "Basic YTpi"}).get("/api/teams").status == 401
    assert status_of(server, token) == 200


def test_refresh_rotates(server, admin):
    user = new_user(admin, "refresh@example.org")
    first = user.tokens["refresh_token"]
    second = server.api.post("/api/auth/refresh", {"refresh_token": first})
    assert second.status == 200 and second.headers["Cache-Control"] == "no-store"
    renewed = second.json()
    assert renewed["refresh_token"] != first
    assert status_of(server, renewed["access_token"]) == 200
    third = server.api.post("/api/auth/refresh", {"refresh_token": renewed["refresh_token"]}).json()
    stolen = server.api.post("/api/auth/refresh", {"refresh_token": first})
    assert stolen.status == 401, "it has been used"
    for token in (user.tokens["access_token"], renewed["access_token"], third["access_token"]):
        assert status_of(server, token) == 401, "the family has ended at once"
    assert server.api.post("/api/auth/refresh", {"refresh_token": third["refresh_token"]}).status == 401
    assert server.api.post("/api/auth/refresh", {"refresh_token": "fwr_nothing"}).status == 401
    assert login(server, "refresh@example.org"), "the account has not"


def test_64_parallel_refreshes(server, admin):
    user = new_user(admin, "parallel@example.org")
    body = {"refresh_token": user.tokens["refresh_token"]}
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: Api(server.url).post("/api/auth/refresh", body), range(64)))
    assert sorted(a.status for a in answers) == [200] + [401] * 63
    won = next(a for a in answers if a.status == 200).json()
    assert status_of(server, won["access_token"]) == 401, "63 came too late: the family has ended"


# ---- sessions

def test_sessions(server, admin):
    user = new_user(admin, "sessions@example.org")
    second, third = login(server, "sessions@example.org"), login(server, "sessions@example.org")
    listed = user.get("/api/auth/sessions").json()["items"]
    assert len(listed) == 3 and [s["is_current"] for s in listed] == [False, False, True]
    assert {s["address"] for s in listed} == {"127.0.0.1"}
    mine = second.get("/api/auth/me").json()["session_id"]
    assert admin.delete(f"/api/auth/sessions/{mine}").status == 404, "another's"
    assert user.delete(f"/api/auth/sessions/{mine}").status == 204
    assert second.get("/api/auth/me").status == 401
    assert server.api.post("/api/auth/refresh", {"refresh_token": second.tokens["refresh_token"]}).status == 401
    assert user.delete("/api/auth/sessions").status == 204
    assert third.get("/api/auth/me").status == 401
    assert user.post("/api/auth/logout").status == 204
    assert user.get("/api/auth/me").status == 401
    again = login(server, "sessions@example.org")
    assert admin.post(f"/api/users/{user.user['id']}/sign-out").status == 204
    assert again.get("/api/auth/me").status == 401


def test_deactivating_ends_everything_at_once(server, admin):
    user = new_user(admin, "leaver@example.org")
    key = user.post("/api/api-keys", {"name": "of a leaver", "scopes": ["*:*"]}).json()["key"]
    link = admin.post(f"/api/users/{user.user['id']}/one-time-link").json()["token"]
    assert user.get("/api/teams").status == 200 and status_of(server, key, "/api/teams") == 200
    assert admin.patch(f"/api/users/{user.user['id']}", {"status": "deactivated"}).status == 200
    assert user.get("/api/teams").status == 401 and status_of(server, key, "/api/teams") == 401
    assert server.api.post("/api/auth/refresh", {"refresh_token": user.tokens["refresh_token"]}).status == 401
    assert server.api.post("/api/auth/login", {"email": "leaver@example.org", "password": PASSWORD}).status == 401
    assert server.api.post("/api/auth/one-time", {"token": link, "password": PASSWORD}).status == 401
    assert admin.patch(f"/api/users/{user.user['id']}", {"status": "active"}).status == 200
    assert user.get("/api/teams").status == 401 and status_of(server, key, "/api/teams") == 401, "what ended stays ended"
    assert login(server, "leaver@example.org")


def test_two_processes(new_server, postgres_databases):
    """What one process ends is ended in the other, which had it in memory."""
    from conftest import new_database
    url = new_database(postgres_databases)
    same_key = {"FAIRWAY_SECRET_KEY": base64.b64encode(b"k" * 32).decode()}
    one = new_server(env={**NO_LIMITS, **same_key}, auth=None, database_url=url)
    admin = first_admin(one)
    user = new_user(admin, "two@example.org")
    two = new_server(env={**NO_LIMITS, **same_key}, auth=None, database_url=url)
    there = with_token(two, user.tokens["access_token"])
    assert there.get("/api/teams").status == 200, "a token of the one works at the other"
    assert user.post("/api/auth/logout").status == 204
    wait.until(lambda: there.get("/api/teams").status == 401, deadline_s=10, what="the other process knows")


# ---- cookies

def test_cookie_session(server, admin):
    new_user(admin, "browser@example.org")
    answer = server.api.post("/api/auth/login", {"email": "browser@example.org", "password": PASSWORD, "cookie": True})
    assert answer.status == 200 and set(answer.json()) == {"user", "csrf_token"}, "no tokens for a page to lose"
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert cookie.startswith("__Host-fairway=") and {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
    assert not any(a.startswith("Domain") for a in attributes)
    browser = Api(server.url, headers={"Cookie": "theme=dark; " + cookie})
    me = browser.get("/api/auth/me").json()
    csrf = me["csrf_token"]
    assert csrf == answer.json()["csrf_token"] and me["user"]["email"] == "browser@example.org"
    team = {"org_id": "00000000-0000-7000-8000-000000000001", "name": "C", "slug": "c"}
    own = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": csrf}
    refused = [
        {}, {"X-CSRF-Token": csrf}, {"Sec-Fetch-Site": "same-origin"}, {**own, "X-CSRF-Token": csrf[:-1]},
        {**own, "Sec-Fetch-Site": "cross-site"}, {**own, "Sec-Fetch-Site": "same-site"},
        {"X-CSRF-Token": csrf, "Origin": "https://evil.example"}, {"X-CSRF-Token": csrf, "Origin": "null"},
    ]
    for headers in refused:
        answer = browser.post("/api/teams", team, headers=headers)
        assert answer.status == 403, f"{headers}: {answer}"
    assert browser.get("/api/teams").json()["items"] == []
    assert browser.post("/api/teams", team, headers=own).status == 201
    assert browser.post("/api/teams", {**team, "slug": "d"},
                        headers={"X-CSRF-Token": csrf, "Origin": server.url}).status == 201
    other = server.api.post("/api/auth/login", {"email": "browser@example.org", "password": PASSWORD, "cookie": True})
    assert browser.post("/api/teams", team, headers={**own, "X-CSRF-Token": other.json()["csrf_token"]}).status == 403, \
        "bound to the session"
    token = browser.post("/api/auth/logout", headers=own)
    assert token.status == 204 and "Max-Age=0" in token.headers["Set-Cookie"]
    assert browser.get("/api/auth/me").status == 401


# ---- API keys

def test_api_key(server, admin):
    made = admin.post("/api/api-keys", {"name": "pipeline", "scopes": ["Team:*", "Organization:read"]})
    assert made.status == 201 and made.headers["Cache-Control"] == "no-store"
    key, record = made.json()["key"], made.json()["api_key"]
    assert key.startswith("fwk_") and len(key) == 40 and key.startswith(record["prefix"])
    crc, digits = zlib.crc32(key[4:34].encode()), ""
    for _ in range(6):
        digits, crc = ALPHABET[crc % 62] + digits, crc // 62
    assert key.endswith(digits)
    assert key not in admin.get("/api/api-keys").text + admin.get(f"/api/api-keys/{record['id']}/history").text + server.log()
    caller = with_token(server, key)
    me = caller.get("/api/auth/me").json()
    assert me["api_key_id"] == record["id"] and me["id"] == admin.user["id"] and "session_id" not in me
    assert caller.get("/api/teams").status == 200
    assert caller.get("/api/users").status == 403, "not in its scopes"
    used = wait.until(lambda: admin.get(f"/api/api-keys/{record['id']}").json().get("last_used_at"))
    assert caller.get("/api/teams").status == 200
    assert admin.get(f"/api/api-keys/{record['id']}").json()["last_used_at"] == used, "at most once a minute"
    flipped = key[:10] + ("a" if key[10] != "a" else "b") + key[11:]
    assert status_of(server, flipped, "/api/teams") == 401
    assert admin.delete(f"/api/api-keys/{record['id']}").status == 204
    assert status_of(server, key, "/api/teams") == 401


def test_key_does_not_reach_further_than_it_may(server, admin):
    key = admin.post("/api/api-keys", {"name": "narrow", "scopes": ["ApiKey:*", "Team:read"]}).json()
    caller = with_token(server, key["key"])
    assert caller.post("/api/api-keys", {"name": "less", "scopes": ["Team:read"]}).status == 201
    for scopes in (["*:*"], ["Team:*"], ["Team:read", "User:read"]):
        assert caller.post("/api/api-keys", {"name": "more", "scopes": scopes}).status == 422, scopes
        assert caller.patch(f"/api/api-keys/{key['api_key']['id']}", {"scopes": scopes}).status == 422, scopes
    wide = admin.post("/api/api-keys", {"name": "wide", "scopes": ["*:*"]}).json()["api_key"]
    assert caller.post(f"/api/api-keys/{wide['id']}/rotate").status == 422, "nor take over one that does"
    body = {"current_password": PASSWORD, "new_password": "another violet bus"}
    assert with_token(server, admin.post("/api/api-keys", {"name": "all", "scopes": ["*:*"]}).json()["key"]).post(
        "/api/auth/password", body).status == 403


def test_key_rotation(server, admin):
    made = admin.post("/api/api-keys", {"name": "rotated", "scopes": ["Team:read"]}).json()
    path = f"/api/api-keys/{made['api_key']['id']}"
    second = admin.post(path + "/rotate", {"overlap_seconds": 3600}).json()
    assert second["api_key"]["previous_until"]
    assert [status_of(server, k, "/api/teams") for k in (made["key"], second["key"])] == [200, 200]
    third = admin.post(path + "/rotate", {"overlap_seconds": 0}).json()
    assert [status_of(server, k["key"], "/api/teams") for k in (made, second, third)] == [401, 401, 200]
    for bad in ("2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"):
        refused = admin.post("/api/api-keys", {"name": "bad", "scopes": ["Team:read"], "expires_at": bad})
        assert refused.status == 422 and refused.json()["errors"][0]["pointer"] == "/expires_at"


def test_service_account(server, admin):
    account = admin.post("/api/service-accounts", {"name": "deployer"}).json()
    grant(admin, account["id"], kind="service_account")
    key = admin.post("/api/api-keys", {"name": "k", "scopes": ["*:*"], "service_account_id": account["id"]}).json()["key"]
    caller = with_token(server, key)
    me = caller.get("/api/auth/me").json()
    assert (me["kind"], me["id"], me["name"]) == ("service", account["id"], "deployer")
    made = caller.post("/api/organizations", {"name": "By a program", "slug": "by-a-program"})
    assert made.status == 201 and made.json()["created_by"] == account["id"]
    assert admin.patch(f"/api/service-accounts/{account['id']}", {"status": "disabled"}).status == 200
    assert caller.get("/api/teams").status == 401
    assert admin.patch(f"/api/service-accounts/{account['id']}", {"status": "active"}).status == 200
    assert caller.get("/api/teams").status == 200
    assert admin.delete(f"/api/service-accounts/{account['id']}").status == 204
    assert caller.get("/api/teams").status == 401


def test_command_line(server, admin):
    key = admin.post("/api/api-keys", {"name": "cli", "scopes": ["*:read"]}).json()["key"]
    for token in (key, admin.tokens["access_token"]):
        done = server.cli("auth", "me", "-o", "json", env={"FAIRWAY_TOKEN": token})
        assert done.returncode == 0 and json.loads(done.stdout)["id"] == admin.user["id"], done.stderr
    assert server.cli("auth", "me").returncode == 5


# ---- signing keys

def test_signing_key_rotation(server, admin):
    before = {k["kid"] for k in server.api.get("/api/auth/jwks.json").json()["keys"]}
    made = admin.post("/api/auth/keys/rotate")
    assert made.status == 200, made
    after = {k["kid"] for k in server.api.get("/api/auth/jwks.json").json()["keys"]}
    assert after == before | {made.json()["kid"]}, "published at once"
    again = login(server, "admin@example.org")
    assert as_json(again.tokens["access_token"].split(".")[0])["kid"] in before, "and signs later"
    assert admin.get("/api/auth/me").status == 200
    now = admin.post("/api/auth/keys/rotate", {"at_once": True}).json()
    assert [k["kid"] for k in server.api.get("/api/auth/jwks.json").json()["keys"]] == [now["kid"]]
    assert admin.get("/api/auth/me").status == 401, "its key is gone"
    renewed = server.api.post("/api/auth/refresh", {"refresh_token": again.tokens["refresh_token"]})
    server.admin = signed_in(server.url, renewed)
    assert as_json(server.admin.tokens["access_token"].split(".")[0])["kid"] == now["kid"]


def test_nothing_secret_is_kept(server, admin):
    """The log holds no password, no token and no address; the history of a user holds no password."""
    kept = server.log() + admin.get(f"/api/users/{admin.user['id']}/history").text.replace("admin@example.org", "")
    assert admin.user["id"] in kept, "who it was stands there by id"
    for secret in (PASSWORD, admin.tokens["refresh_token"], admin.tokens["access_token"], "admin@example.org",
                   "Lovelace"):
        assert secret not in kept


# ---- a lost administrator

@pytest.mark.parametrize("pg", [False, True])
def test_reset_link(new_server, pg):
    server = new_server(env=NO_LIMITS, auth=None, pg=pg)
    admin = first_admin(server)
    where = ["--data", str(server.data)] + (["--database", server.database_url] if pg else [])
    done = run_cli("users", "reset-link", "Admin@Example.org", *where)
    assert done.returncode == 0, done.stderr
    token = done.stdout.split("#one-time=")[1].split()[0]
    again = server.api.post("/api/auth/one-time", {"token": token, "password": "a quite new violet bus"})
    assert again.status == 200, again
    assert login(server, "admin@example.org", "a quite new violet bus").user["id"] == admin.user["id"]
    assert admin.get("/api/auth/me").status == 401, "sessions before have ended"
    missing = run_cli("users", "reset-link", "nobody@example.org", *where)
    assert missing.returncode == 4 and "no user" in missing.stderr


def test_a_narrow_key_cannot_give_more_than_it_has(server, admin):
    """Its owner could; through the key only what is in its scopes can be given away."""
    answer = admin.post("/api/api-keys", {"name": "narrow", "scopes": ["RoleBinding:*", "Role:read", "Team:read"]}).json()
    caller = with_token(server, answer["key"])
    roles = {r["name"]: r["id"] for r in admin.get("/api/roles").json()["items"]}
    subject = {"subject_kind": "user", "subject_id": new_user(admin, "narrow@example.org", role=None).user["id"],
               "scope_kind": "platform"}
    refused = caller.post("/api/role-bindings", {**subject, "role_id": roles["admin"]})
    assert refused.status == 403 and "do not hold" in refused.json()["detail"], refused
    allow = admin.post("/api/role-bindings", {"subject_kind": "api_key", "subject_id": answer["api_key"]["id"],
                                              "role_id": roles["viewer"], "scope_kind": "platform"})
    assert allow.status == 422 and allow.json()["errors"][0]["pointer"] == "/effect", allow
    assert caller.get("/api/teams").status == 200
    deny = admin.post("/api/role-bindings", {"subject_kind": "api_key", "subject_id": answer["api_key"]["id"],
                                             "role_id": roles["viewer"], "scope_kind": "platform", "effect": "deny"})
    assert deny.status == 201, deny
    assert caller.get("/api/teams").status == 403
