# SPDX-License-Identifier: Apache-2.0
"""People and programs with rights of their own on a server that enforces them: their API keys, limits of a key, what is
written down of refusals, streams that end with the right to them, a catalog in parts."""
import base64
import json
import threading
import time

import pytest
from support.api import Api
from support.identity import NO_LIMITS, first_admin, grant, new_user
from support.server import FairwayServer
from support.wait import until

ORGANIZATION = "00000000-0000-7000-8000-000000000001"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, binary):
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with FairwayServer(auth=None, database_url=url, env=NO_LIMITS) as running:
        running.admin = first_admin(running)
        yield running


@pytest.fixture
def admin(server):
    return server.admin


def with_key(server, answer):
    assert answer.status == 201, answer
    return Api(server.url, headers={"Authorization": "Bearer " + answer.json()["key"]})


def metric(server, name):
    lines = server.api.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)


# ---- API keys

def test_everybody_has_keys_of_their_own(server, admin):
    viewer, other = new_user(admin, "keys1@example.org", role="viewer"), new_user(admin, "keys2@example.org", role=None)
    made = viewer.post("/api/api-keys", {"name": "mine", "scopes": ["Team:read", "ApiKey:*"]})
    key = with_key(server, made)
    path = "/api/api-keys/" + made.json()["api_key"]["id"]
    assert viewer.get("/api/api-keys", query={"total": "true"}).json()["total"] == 1
    assert key.get("/api/api-keys", query={"total": "true"}).json()["total"] == 1
    assert other.get("/api/api-keys").json()["items"] == []
    for answer in (other.get(path), other.get(path + "/history"), other.patch(path, {"name": "x"}), other.delete(path),
                   other.post(path + "/rotate", {})):
        assert answer.status == 404, answer
    assert path[-36:] in [k["id"] for k in admin.pages("/api/api-keys")]
    assert viewer.patch(path, {"name": "renamed"}).json()["name"] == "renamed"
    assert viewer.get(path + "/history").status == 200
    assert key.get("/api/teams").status == 200
    assert viewer.delete(path).status == 204
    assert key.get("/api/teams").status == 401


def test_scopes_reach_no_further_than_who_makes_them(server, admin):
    viewer = new_user(admin, "keys3@example.org", role="viewer")
    for scopes in (["*:*"], ["*:read"], ["Team:read", "Team:update"], ["Webhook:read"]):
        refused = viewer.post("/api/api-keys", {"name": "wide", "scopes": scopes})
        assert refused.status == 422, (scopes, refused)
        assert refused.json()["errors"][0]["pointer"] == f"/scopes/{len(scopes) - 1}"
    made = viewer.post("/api/api-keys", {"name": "fits", "scopes": ["Team:read", "Service:read"]}).json()["api_key"]
    assert viewer.patch("/api/api-keys/" + made["id"], {"scopes": ["Team:*"]}).status == 422
    assert viewer.patch("/api/api-keys/" + made["id"], {"scopes": ["Team:read"]}).status == 200


def test_keys_of_others_take_more(server, admin):
    account = admin.post("/api/service-accounts", {"name": "robot"}).json()
    viewer = new_user(admin, "keys4@example.org", role="viewer")
    for_robot = {"name": "robot's", "scopes": ["Team:read"], "service_account_id": account["id"]}
    assert viewer.post("/api/api-keys", for_robot).status == 403
    role = admin.post("/api/roles", {"name": "key-keeper", "permissions": ["ApiKey:*"]}).json()["id"]
    bound = admin.post("/api/role-bindings", {"subject_kind": "user", "subject_id": viewer.user["id"], "role_id": role,
                                              "scope_kind": "platform"})
    assert bound.status == 201, bound
    made = viewer.post("/api/api-keys", for_robot)
    assert made.status == 201, made
    grant(admin, account["id"], "developer", kind="service_account")
    path = "/api/api-keys/" + made.json()["api_key"]["id"]
    assert viewer.post("/api/api-keys", for_robot).status == 403, "the robot may do more than who would have its key"
    assert viewer.post(path + "/rotate", {}).status == 403
    assert viewer.delete(path).status == 204
    robot = with_key(server, admin.post("/api/api-keys", {**for_robot, "scopes": ["Team:*", "ApiKey:*"]}))
    assert robot.post("/api/api-keys", {"name": "its own", "scopes": ["Team:read"]}).status == 201
    assert [k["service_account_id"] for k in robot.pages("/api/api-keys")] == [account["id"]] * 2


def test_a_rotated_key_overlaps_and_its_use_is_seen(server, admin):
    user = new_user(admin, "keys5@example.org", role="viewer")
    made = user.post("/api/api-keys", {"name": "rotates", "scopes": ["Team:read"]})
    old, path = with_key(server, made), "/api/api-keys/" + made.json()["api_key"]["id"]
    assert "last_used_at" not in made.json()["api_key"]
    rotated = user.post(path + "/rotate", {"overlap_seconds": 3600})
    new = Api(server.url, headers={"Authorization": "Bearer " + rotated.json()["key"]})
    assert old.get("/api/teams").status == new.get("/api/teams").status == 200
    until(lambda: user.get(path).json().get("last_used_at"), what="the use is noted")
    assert user.post(path + "/rotate", {"overlap_seconds": 0}).status == 200
    assert old.get("/api/teams").status == new.get("/api/teams").status == 401


def test_a_key_has_limits_of_its_own(new_server, request):
    with FairwayServer(auth=None) as server:
        admin = first_admin(server)
        for rate, pointer in (({"per_minute": 3001}, "per_minute"), ({"per_minute": 5, "burst": 501}, "burst")):
            refused = admin.post("/api/api-keys", {"name": "k", "scopes": ["Team:read"], "rate_limit": rate})
            assert refused.status == 422 and refused.json()["errors"][0]["pointer"] == "/rate_limit/" + pointer, refused
        made = admin.post("/api/api-keys", {"name": "k", "scopes": ["Team:read"],
                                            "rate_limit": {"per_minute": 6, "burst": 3}})
        key = with_key(server, made)
        answers = [key.get("/api/teams") for _ in range(4)]
        assert [a.status for a in answers] == [200, 200, 200, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"key";q=3;w=30'
        assert answers[0].headers["RateLimit"].startswith('"key";r=2;')
        assert 8 <= int(answers[3].headers["Retry-After"]) <= 10
        assert "At most 6 requests a minute" in answers[3].json()["detail"]
        path = "/api/api-keys/" + made.json()["api_key"]["id"]
        assert admin.patch(path, {"rate_limit": None}).status == 200
        until(lambda: key.get("/api/teams").status == 200, what="the limit is that of all keys")
        assert key.get("/api/teams").headers["RateLimit-Policy"] == '"key";q=500;w=10'


# ---- refusals

def denied_of(admin, actor):
    return [row for row in admin.pages("/api/audit-logs", query={"action": "authz.denied", "actor": actor})]


def test_refusals_are_written_down_once(server, admin):
    user = new_user(admin, "denied@example.org", role="viewer")
    before = metric(server, "fairway_authz_denied_total")
    while time.time() % 60 > 50:  # what follows lies in one minute
        time.sleep(0.5)
    for _ in range(30):
        assert user.post("/api/teams", {"org_id": ORGANIZATION, "name": "x", "slug": "x"}).status == 403
    assert user.get("/api/webhooks").status == 403
    rows = until(lambda: len(found := denied_of(admin, user.user["id"])) == 2 and found, what="two rows")
    by_permission = {row["resource_id"]: row for row in rows}
    assert set(by_permission) == {"Team:create", "Webhook:read"}
    entry = admin.get("/api/audit-logs/" + by_permission["Team:create"]["id"]).json()
    assert entry["after"]["permission"] == "Team:create" and entry["after"]["operation"] == "teams.create"
    assert entry["after"]["count"] >= 1 and entry["address"] == "127.0.0.1"
    assert metric(server, "fairway_authz_denied_total") - before == 31
    assert Api(server.url).get("/api/teams").status == 401
    assert metric(server, "fairway_authz_denied_total") - before == 31, "nobody knows who asked"


def test_the_rest_is_counted_when_the_server_ends(new_server):
    server = new_server(auth=None, env=NO_LIMITS)
    admin = first_admin(server)
    user = new_user(admin, "denied@example.org", role="viewer")
    while time.time() % 60 > 50:
        time.sleep(0.5)
    for _ in range(20):
        assert user.get("/api/webhooks").status == 403
    until(lambda: denied_of(admin, user.user["id"]), what="a row at once")
    server.stop()
    server.start()
    admin.url = server.url
    rows = [admin.get("/api/audit-logs/" + row["id"]).json() for row in denied_of(admin, user.user["id"])]
    assert len(rows) == 2 and sum(row["after"]["count"] for row in rows) == 20


# ---- live streams

def ends_within(stream, seconds=2.0):
    """Whether the server ends the stream; events before that are read past."""
    ended = threading.Event()

    def read():
        try:
            for _ in stream:
                pass
        except (OSError, ValueError, AttributeError):
            pass
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    return ended.wait(seconds)


def revocations(admin):
    """What takes the right to read events away: name, and a function that gives (who reads, how it is taken)."""
    def session():
        user = new_user(admin, "stream-session@example.org", role="viewer")
        return user, lambda: user.post("/api/auth/logout").status in (200, 204)

    def key():
        user = new_user(admin, "stream-key@example.org", role="viewer")
        made = user.post("/api/api-keys", {"name": "stream", "scopes": ["Event:read"]})
        reader = Api(admin.url, headers={"Authorization": "Bearer " + made.json()["key"]})
        return reader, lambda: user.delete("/api/api-keys/" + made.json()["api_key"]["id"]).status == 204

    def rotated():
        user = new_user(admin, "stream-rotated@example.org", role="viewer")
        made = user.post("/api/api-keys", {"name": "stream", "scopes": ["Event:read"]})
        reader = Api(admin.url, headers={"Authorization": "Bearer " + made.json()["key"]})
        path = "/api/api-keys/" + made.json()["api_key"]["id"]
        return reader, lambda: user.post(path + "/rotate", {"overlap_seconds": 0}).status == 200

    def role():
        user = new_user(admin, "stream-role@example.org", role="viewer")
        [bound] = admin.get("/api/role-bindings", query={"subject_id": user.user["id"]}).json()["items"]
        return user, lambda: admin.delete("/api/role-bindings/" + bound["id"]).status == 204

    def account():
        user = new_user(admin, "stream-account@example.org", role="viewer")
        return user, lambda: admin.patch("/api/users/" + user.user["id"], {"status": "deactivated"}).status == 200

    return {f.__name__: f for f in (session, key, rotated, role, account)}


@pytest.mark.parametrize("what", ["session", "key", "rotated", "role", "account"])
def test_a_stream_ends_with_the_right_to_it(server, admin, what):
    reader, take = revocations(admin)[what]()
    with reader.events() as stream, admin.events() as other:
        assert "retry" in next(iter(stream))
        assert take()
        assert ends_within(stream), "within two seconds"
        assert not ends_within(other, 0.5), "others go on"


def test_a_stream_shows_what_its_reader_may_read(server, admin):
    viewer = new_user(admin, "stream-viewer@example.org", role="viewer")
    with viewer.events() as stream, admin.events() as all_of_it:
        next(iter(stream)), next(iter(all_of_it))
        made = admin.post("/api/roles", {"name": "seen-by-few", "permissions": ["Team:read"]})
        assert made.status == 201
        team = admin.post("/api/teams", {"org_id": ORGANIZATION, "name": "Seen", "slug": "seen"}).json()["id"]
        types = []
        for message in stream:
            if "event" in message:
                types.append(message["event"])
                if json.loads(message["data"])["subject"] == team:
                    break
        assert types == ["teams.created"]
        assert next(m for m in all_of_it if "event" in m)["event"] == "roles.created"
    page = viewer.get("/api/events", query={"types": "*", "limit": 200}).json()["items"]
    assert page and not {"roles", "users", "role-bindings"} & {e["type"].split(".")[0] for e in page}


def test_streams_of_another_process_end_too(new_server):
    env = {**NO_LIMITS, "FAIRWAY_SECRET_KEY": base64.b64encode(b"k" * 32).decode()}
    first = new_server(auth=None, env=env, pg=True)
    admin = first_admin(first)
    second = new_server(auth=None, env=env, database_url=first.database_url)
    for what in ("key", "role"):
        reader, take = revocations(admin)[what]()
        there = Api(second.url, headers=reader.headers)
        with there.events() as stream:
            assert "retry" in next(iter(stream))
            assert take()
            assert ends_within(stream)
        until(lambda: there.get("/api/events").status in (401, 403), deadline_s=2, what="pages too")


# ---- what one may do, and what changes

def test_permissions_that_are_held(server, admin):
    viewer = new_user(admin, "held@example.org", role="viewer")
    held = viewer.get("/api/auth/permissions").json()
    assert held["all"] is False and "Team:read" in held["everywhere"] and "Role:create" not in held["everywhere"] + held["somewhere"]
    assert admin.get("/api/auth/permissions").json()["all"] is True
    assert server.api.get("/api/auth/permissions").status == 401
    key = with_key(server, admin.post("/api/api-keys", {"name": "narrow", "scopes": ["Team:read"]}))
    assert key.get("/api/auth/permissions").json()["all"] is False
    local = new_user(admin, "held-locally@example.org", role=None)
    [role] = admin.get("/api/roles", query={"name": "maintainer"}).json()["items"]
    bound = {"subject_kind": "user", "subject_id": local.user["id"], "role_id": role["id"], "scope_kind": "organization", "scope_id": ORGANIZATION}
    assert admin.post("/api/role-bindings", bound).status == 201
    until(lambda: "Team:update" in local.get("/api/auth/permissions").json()["somewhere"])
    assert "Team:update" not in local.get("/api/auth/permissions").json()["everywhere"]


def test_changes_need_a_sign_in_only(server, admin):
    nobody = new_user(admin, "changes@example.org", role=None)
    assert nobody.get("/api/events").status == 403
    assert server.api.get("/api/events/changes", headers={"Accept": "text/event-stream"}).status == 401
    with nobody.events("/api/events/changes") as stream:
        assert stream.status == 200
        new_user(admin, "changes-other@example.org", role=None)
        told = json.loads(next(message["data"] for message in stream if message["data"]))
        assert "users.created" in told["types"] and set(told) == {"types"}
        assert admin.post(f"/api/users/{nobody.user['id']}/sign-out").status in (200, 204)
        for _ in stream:
            pass  # it ends with the session
