# SPDX-License-Identifier: Apache-2.0
"""Requirements of OWASP ASVS 5.0.0, a test each. The number is in the name; docs/security/asvs.md says what each asks and
names the tests elsewhere that prove the others."""
import json
import re
import socket
import time

import pytest

from support import wait
from support.api import Api
from support.identity import PASSWORD, login, new_user
from support.server import ROOT

TEXTS = ("/", "/metrics", "/api", "/api/openapi.json", "/api/auth/jwks.json", "/.backstage/health/v1/readiness")
ORGANIZATION = "00000000-0000-7000-8000-000000000001"


def logged(server, event, request_id):
    """The line about this request; it is written after the answer."""
    def found():
        lines = [json.loads(line) for line in server.log().splitlines() if f'"event":"{event}"' in line and line.endswith("}")]
        return [line for line in lines if line["request_id"] == request_id]
    [line] = wait.until(found)
    return line


def raw(server, request):
    """What comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as s:
        s.sendall(request)
        answer = b""
        while block := s.recv(65536):
            answer += block
    return answer


# ---- V1 encoding

def test_v1_2_4_values_are_bound_and_never_sql(locked, admin):
    for hostile in ("' OR '1'='1", "x'); DROP TABLE teams;--", "%' ESCAPE '", "\\", "a\"b", "$1", "?1"):
        answer = admin.get("/api/teams", query={"q": hostile})
        assert answer.status == 200 and answer.json()["items"] == [], hostile
        answer = admin.get("/api/teams", query={"name": hostile, "name[contains]": hostile})
        assert answer.status == 200 and answer.json()["items"] == [], hostile
        made = admin.post("/api/teams", {"org_id": ORGANIZATION, "name": hostile, "slug": f"s-{abs(hash(hostile))}"})
        assert made.status == 201 and made.json()["name"] == hostile
        assert admin.delete(made.headers["Location"]).status == 204
    assert admin.get("/api/teams", query={"sort": "name;DROP TABLE teams"}).status == 400


# ---- V2 business logic

def test_v2_2_1_input_is_checked_on_the_server(locked, admin):
    answer = admin.post("/api/teams", {"org_id": ORGANIZATION, "name": " ", "slug": "UP", "extra": 1})
    assert answer.status == 422
    assert {e["pointer"] for e in answer.json()["errors"]} >= {"/name", "/slug", "/extra"}


def test_v2_3_3_all_or_nothing(locked, admin):
    """A binding whose rule is broken by a later check leaves no row, no event and no audit row."""
    before = admin.get("/api/audit-logs", query={"action": "role-bindings.created"}).json()["items"]
    bindings = admin.get("/api/role-bindings?total=true").json()["total"]
    [viewer] = admin.get("/api/roles?name=viewer").json()["items"]
    refused = admin.post("/api/role-bindings", {"subject_kind": "user", "subject_id": admin.user["id"], "role_id": viewer["id"],
                                                "scope_kind": "team", "scope_id": "0192a3b4-c5d6-7e8f-9012-3456789abcde"})
    assert refused.status == 422
    assert admin.get("/api/role-bindings?total=true").json()["total"] == bindings
    assert admin.get("/api/audit-logs", query={"action": "role-bindings.created"}).json()["items"] == before


# ---- V3 browsers

def test_v3_3_4_the_session_is_in_no_body(locked, admin):
    new_user(admin, "cookie-body@example.org")
    answer = locked.api.post("/api/auth/login", {"email": "cookie-body@example.org", "password": PASSWORD, "cookie": True})
    value = answer.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
    assert "HttpOnly" in answer.headers["Set-Cookie"] and value not in answer.text


def test_v3_3_5_the_cookie_is_small(locked, admin):
    new_user(admin, "cookie-size@example.org")
    answer = locked.api.post("/api/auth/login", {"email": "cookie-size@example.org", "password": PASSWORD, "cookie": True})
    assert len(answer.headers["Set-Cookie"].split(";")[0]) < 4096


def test_v3_4_8_pages_have_their_own_window(locked):
    assert locked.api.get("/").headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_v3_5_2_a_form_cannot_write(locked, admin):
    """What a page may send without asking first (no preflight) changes nothing: neither the type nor the origin fit."""
    body = json.dumps({"org_id": ORGANIZATION, "name": "Form", "slug": "form"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert admin.request("POST", "/api/teams", body=body, headers={"Content-Type": kind}).status == 415, kind
    crossing = {"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert admin.request("POST", "/api/teams", body=body, headers=crossing).status == 403


def test_v3_5_3_reading_changes_nothing(locked, admin):
    """No operation that GET or HEAD reaches carries a permission that changes something. That somebody's data was exported
    is written down."""
    document = admin.get("/api/openapi.json").json()
    reads = {"read", "export"}

    def changes():
        rows = admin.get("/api/audit-logs?limit=200").json()["items"]
        return [row["id"] for row in rows if not row["action"].endswith(".exported")]
    for path, item in document["paths"].items():
        if "get" in item and "x-permission" in item["get"]:
            assert item["get"]["x-permission"]["action"] in reads, path
    rows = changes()
    for path in document["paths"]:
        if "{" not in path and "get" in document["paths"][path]:
            admin.get(path)
            admin.request("HEAD", path)
    assert changes()[:len(rows)] == rows, "no change, no audit row"


def test_v3_5_6_no_jsonp(locked, admin):
    answer = admin.get("/api/teams", query={"callback": "steal"})
    assert answer.status == 400 and "steal(" not in answer.text


def test_v3_7_2_no_open_redirect(locked, admin):
    """Nothing answers with a Location that leads elsewhere."""
    for path in ("//evil.example", "/\\evil.example", "/%2f%2fevil.example", "/api//evil.example", "/?next=https://evil.example",
                 "/api/auth/login?return_to=https://evil.example", "/https://evil.example"):
        answer = raw(locked, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{locked.port}\r\nConnection: close\r\n\r\n".encode())
        head = answer.split(b"\r\n\r\n")[0]
        assert b"evil" not in head and b"\r\nlocation:" not in head.lower(), path


# ---- V4 HTTP

def test_v4_1_1_content_type_with_charset(locked, admin):
    for path in TEXTS:
        kind = admin.get(path).headers["Content-Type"]
        assert kind.startswith("application/json") or "charset=utf-8" in kind, f"{path}: {kind}"


def test_v4_1_2_no_redirect_on_the_api(locked):
    for path in ("/api/teams", "/api/teams/", "/api"):
        assert locked.api.get(path, headers={"X-Forwarded-Proto": "http"}).status not in range(300, 400), path


def test_v4_1_4_other_methods_are_refused(locked, admin):
    for method in ("TRACE", "CONNECT", "TRACK", "PROPFIND", "DELETE", "BREW"):
        answer = raw(locked, f"{method} /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert answer.split(b" ")[1] in (b"400", b"405", b"501"), (method, answer[:100])
    answer = admin.request("DELETE", "/api/health")
    assert answer.status == 405 and answer.headers["Allow"]


def test_v4_2_1_one_length_of_a_message(locked):
    """What two servers in a row could read differently is refused; nothing behind it is answered."""
    smuggled = "GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for head in ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
                 "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "Transfer-Encoding: xchunked\r\n",
                 "Content-Length: +5\r\n", "Content-Length : 5\r\n"):
        answer = raw(locked, f"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\n{head}\r\n0\r\n\r\n{smuggled}".encode())
        statuses = set(re.findall(rb"HTTP/1.1 (\d+)", answer))
        assert statuses and statuses <= {b"400", b"411", b"501"}, (head, answer[:200])


# ---- V6 passwords

def test_v6_2_5_any_characters(locked, admin):
    user = new_user(admin, "composition@example.org")
    for password in ("ααααβββγ δ", "        yyyyyy  z", "🦉🦉🦉🚌🚌🚌🏔🏔", "onlylowercaseletters"):
        change = user.post("/api/auth/password", {"current_password": getattr(user, "password", PASSWORD), "new_password": password})
        assert change.status == 204, (password, change)
        user.password = password
        assert login(locked, "composition@example.org", password)


def test_v6_2_8_exactly_as_given(locked, admin):
    password = "Violet Bus " + "x" * 200 + "A"
    user = new_user(admin, "exact@example.org", password=password)
    assert login(locked, "exact@example.org", password).user["id"] == user.user["id"]
    for other in (password[:-1], password.lower(), password + " ", " " + password, password[:72]):
        assert locked.api.post("/api/auth/login", {"email": "exact@example.org", "password": other}).status in (401, 429), other


def test_v6_2_9_long_passwords(locked, admin):
    assert new_user(admin, "long@example.org", password="ab cd ef " * 28)


def test_v6_3_2_no_default_account(new_server):
    server = new_server(auth=None)
    for email in ("admin", "root", "admin@localhost", "admin@example.org"):
        for password in ("admin", "password", "fairway", ""):
            assert server.api.post("/api/auth/login", {"email": email, "password": password}).status in (401, 422, 429)
    assert server.api.get("/api/users").status == 401


def test_v6_3_8_no_account_can_be_told_by_time(locked, admin):
    """Both cost a whole password hash: the quickest of the unknown takes as long as the quickest of the known. On a busy machine
    it takes more of them to find a quick one."""
    quickest = {"known": 60.0, "unknown": 60.0}
    for n in range(6):
        new_user(admin, f"timed-{n}@example.org")
        for _ in range(3):
            for kind, email in (("known", f"timed-{n}@example.org"), ("unknown", f"nobody-{n}@example.org")):
                started = time.monotonic()
                assert locked.api.post("/api/auth/login", {"email": email, "password": "wrong password"}).status == 401
                quickest[kind] = min(quickest[kind], time.monotonic() - started)
        if 0.5 < quickest["known"] / quickest["unknown"] < 2:
            return
    raise AssertionError(quickest)


def test_v6_4_1_activation_works_once_and_soon_not_at_all(locked, admin):
    made = admin.post("/api/users", {"email": "activation@example.org", "name": "A"}).json()
    link = admin.post(f"/api/users/{made['id']}/one-time-link").json()
    assert len(link["token"]) >= 40
    ends = time.mktime(time.strptime(link["expires_at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert 0 < ends - time.time() <= 3700
    body = {"token": link["token"], "password": PASSWORD}
    assert [locked.api.post("/api/auth/one-time", body).status for _ in range(2)] == [200, 401]


def test_v6_4_6_an_administrator_does_not_choose_a_password(locked, admin):
    user = new_user(admin, "chosen@example.org")
    path = f"/api/users/{user.user['id']}"
    for body in ({"password": PASSWORD}, {"password_hash": "x"}, {"new_password": PASSWORD}):
        assert admin.patch(path, body).status == 422


# ---- V7 sessions

def test_v7_2_3_tokens_are_random(locked, admin):
    new_user(admin, "random@example.org")
    seen = [login(locked, "random@example.org").tokens["refresh_token"] for _ in range(4)]
    assert len(set(seen)) == 4 and all(len(t) >= 4 + 22 for t in seen)
    assert len({t[4:12] for t in seen}) == 4, "no common part"


def test_v7_2_4_each_sign_in_makes_a_new_session(locked, admin):
    new_user(admin, "anew@example.org")
    answers = [locked.api.post("/api/auth/login", {"email": "anew@example.org", "password": PASSWORD, "cookie": True},
                               headers={"Cookie": "__Host-fairway=" + "A" * 43}) for _ in range(2)]
    cookies = [a.headers["Set-Cookie"].split(";")[0] for a in answers]
    assert cookies[0] != cookies[1] and "A" * 43 not in "".join(cookies), "nobody fixes a session beforehand"


def test_v7_4_5_an_administrator_ends_sessions(locked, admin):
    user = new_user(admin, "ended@example.org")
    assert admin.post(f"/api/users/{user.user['id']}/sign-out").status == 204
    assert user.get("/api/auth/me").status == 401


# ---- V8 access

def test_v8_2_3_fields_that_only_code_writes(locked, admin):
    """What is read-only is refused, not ignored: ids, times, who did it, an API key's owner."""
    made = admin.post("/api/teams", {"org_id": ORGANIZATION, "name": "F", "slug": "fields"})
    for name, value in (("id", ORGANIZATION), ("created_by", admin.user["id"]), ("created_at", "2020-01-01T00:00:00Z"),
                        ("deleted_at", None)):
        assert admin.patch(made.headers["Location"], {name: value}).status == 422, name
    [role] = admin.get("/api/roles?name=viewer").json()["items"]
    assert admin.post("/api/roles", {"name": "mine", "permissions": ["Team:read"], "built_in": True}).status == 422
    key = admin.post("/api/api-keys", {"name": "k", "scopes": ["Team:read"]}).json()["api_key"]
    assert admin.patch(f"/api/api-keys/{key['id']}", {"user_id": role["id"]}).status == 422


def test_v8_3_2_changes_of_rights_count_at_once(locked, admin):
    user = new_user(admin, "demoted@example.org", role="viewer")
    assert user.get("/api/teams").status == 200
    [binding] = admin.get("/api/role-bindings", query={"subject_id": user.user["id"]}).json()["items"]
    assert admin.delete(f"/api/role-bindings/{binding['id']}").status == 204
    assert user.get("/api/teams").status == 403, "with the token of before"


# ---- V13 configuration

def test_v13_4_3_no_directory_listing_and_no_way_out(locked):
    for path in ("/assets/", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "/.git/config", "/secret.key"):
        answer = raw(locked, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert b"root:" not in answer and b"Index of" not in answer and b"[core]" not in answer, path


def test_v13_4_6_no_versions_of_components(locked):
    answer = locked.api.get("/api/nothing")
    assert "Server" not in answer.headers and "X-Powered-By" not in answer.headers
    text = answer.text + locked.api.get("/api/health").text
    assert not re.search(r"microhttpd|sqlite|postgres|openssl|libcurl", text, re.I)


# ---- V14 data

def test_v14_2_1_credentials_are_taken_from_no_address(locked, admin):
    for query in ({"access_token": admin.tokens["access_token"]}, {"token": admin.tokens["access_token"]},
                  {"api_key": admin.tokens["access_token"]}):
        assert locked.api.get("/api/events", query=query).status == 401


def test_v14_3_2_answers_are_kept_by_nobody_else(locked, admin):
    for path in ("/api/teams", "/api/auth/me", f"/api/users/{admin.user['id']}"):
        assert re.search(r"private|no-store", admin.get(path).headers["Cache-Control"]), path
    answer = locked.api.post("/api/auth/refresh", {"refresh_token": admin.tokens["refresh_token"]})
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    admin.headers["Authorization"] = "Bearer " + answer.json()["access_token"]
    admin.tokens = answer.json()


# ---- V15 code

def test_v15_3_3_no_mass_assignment(locked, admin):
    answer = admin.post("/api/users", {"email": "mass@example.org", "name": "M", "role": "admin", "is_admin": True, "id": ORGANIZATION})
    assert answer.status == 422 and len(answer.json()["errors"]) >= 3


def test_v15_3_7_one_parameter_has_one_value(locked, admin):
    for query in ([("limit", "1"), ("limit", "500")], [("total", "true"), ("total", "false")]):
        assert admin.get("/api/teams", query=query).status == 400
    assert raw(locked, b"GET /api/health HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n").split(b" ")[1] == b"400"


# ---- V16 log and errors

def test_v16_2_1_who_when_where_what(locked, admin):
    admin.get("/api/teams", headers={"X-Request-Id": "asvs-16-2-1"})
    line = logged(locked, "http.request", "asvs-16-2-1")
    assert line["actor"] == admin.user["id"] and line["address"] == "127.0.0.1" and line["operation"] == "teams.list"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"]), "V16.2.2: UTC"


def test_v16_3_1_sign_ins_are_recorded(locked, admin):
    user = new_user(admin, "recorded@example.org")
    login(locked, "recorded@example.org")
    locked.api.post("/api/auth/login", {"email": "recorded@example.org", "password": "wrong password"})
    rows = admin.get("/api/audit-logs", query={"action": "auth.signed_in", "actor": user.user["id"]}).json()["items"]
    assert len(rows) == 2 and rows[0]["resource_type"] == "Session"
    failed = admin.get("/api/audit-logs", query={"action": "auth.sign_in_failed", "limit": 1})
    assert failed.json()["items"] and "wrong password" not in failed.text and "recorded@example.org" not in failed.text


def test_v16_3_2_refusals_are_logged(locked, admin):
    user = new_user(admin, "refused@example.org", role=None)
    assert user.get("/api/teams", headers={"X-Request-Id": "asvs-16-3-2"}).status == 403
    line = logged(locked, "access.denied", "asvs-16-3-2")
    assert line["actor"] == user.user["id"] and (line["on"], line["action"]) == ("Team", "read")


def test_v16_4_1_nobody_writes_lines_of_the_log(locked, admin):
    hostile = 'x"\\n{"event":"forged"}\n\x1b[2J\u2028'
    admin.get("/api/teams", query={"q": hostile})
    admin.post("/api/teams", {"org_id": ORGANIZATION, "name": hostile, "slug": "log-lines"})
    locked.api.post("/api/auth/login", {"email": hostile, "password": hostile})
    raw(locked, b'GET /"%0a{"event":"forged"}%0d%0a HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a"b\\\r\nConnection: close\r\n\r\n')
    for line in locked.log().splitlines():
        assert json.loads(line)["event"] != "forged" and "\x1b" not in line


def test_v16_5_1_errors_tell_nothing_of_the_inside(locked, admin):
    for answer in (admin.get("/api/teams/none"), admin.post("/api/teams", {"x": 1}), admin.get("/api/teams?cursor=AAAA"),
                   admin.request("POST", "/api/teams", body="{", headers={"Content-Type": "application/json"}),
                   admin.request("PATCH", "/api/teams/x", body="[[[[", headers={"Content-Type": "application/json"})):
        assert 400 <= answer.status < 500
        assert not re.search(r"sqlite|postgres|SELECT|\.c:\d|/src/|0x[0-9a-f]{6}|stack", answer.text, re.I), answer


# ---- what the pages say

def test_every_test_here_stands_in_the_table():
    page = (ROOT / "docs" / "security" / "asvs.md").read_text()
    here = [name for name in globals() if name.startswith("test_v")]
    assert [name for name in here if f"`{name}`" not in page] == []
