# SPDX-License-Identifier: Apache-2.0
"""What two may do at the same moment, on two processes with one database. 64 refreshes of one token are in
tests/api/test_identity.py, exact limits in test_limits.py (64 clients) and test_limits_redis.py (two processes)."""
import base64
import concurrent.futures
import time

import pytest

from support.api import Api
from support.identity import NO_LIMITS, first_admin, grant, new_user
from support.wait import until

SAME_KEY = {"FAIRWAY_SECRET_KEY": base64.b64encode(b"k" * 32).decode()}
AT_ONCE_S = 2


@pytest.fixture(scope="module")
def pair(binary, postgres_databases):
    """Two processes on one PostgreSQL; the administrator of the first."""
    from conftest import new_database
    from support.server import FairwayServer
    url = new_database(postgres_databases)
    with FairwayServer(auth=None, database_url=url, env={**NO_LIMITS, **SAME_KEY}) as one:
        one.admin = first_admin(one)
        with FairwayServer(auth=None, database_url=url, env={**NO_LIMITS, **SAME_KEY}) as two:
            yield one, two


def at(server, api):
    """The same credentials at another process."""
    return Api(server.url, headers=api.headers)


def stops_at_once(caller, path, status):
    """It is refused within two seconds, and from then on."""
    started = time.monotonic()
    until(lambda: caller.get(path).status == status, deadline_s=20, what="the other process knows")
    took = time.monotonic() - started
    assert took < AT_ONCE_S, took
    assert {caller.get(path).status for _ in range(20)} == {status}


def test_a_key_ended_here_is_ended_there(pair):
    one, two = pair
    made = one.admin.post("/api/api-keys", {"name": "two", "scopes": ["Team:read"]}).json()
    there = Api(two.url, headers={"Authorization": "Bearer " + made["key"]})
    assert there.get("/api/teams").status == 200
    assert there.get("/api/organizations").status == 403, "both keep to its scopes"
    assert one.admin.delete(f"/api/api-keys/{made['api_key']['id']}").status == 204
    stops_at_once(there, "/api/teams", 401)


def test_a_role_taken_here_is_taken_there(pair):
    one, two = pair
    user = new_user(one.admin, "role-two@example.org", role="viewer")
    there = at(two, user)
    assert there.get("/api/teams").status == 200
    [binding] = one.admin.get("/api/role-bindings", query={"subject_id": user.user["id"]}).json()["items"]
    assert one.admin.delete(f"/api/role-bindings/{binding['id']}").status == 204
    stops_at_once(there, "/api/teams", 403)
    grant(at(two, one.admin), user.user["id"], "viewer")
    until(lambda: user.get("/api/teams").status == 200, deadline_s=20, what="and given there, it holds here")


def test_who_is_deactivated_here_is_nobody_there(pair):
    one, two = pair
    user = new_user(one.admin, "off-two@example.org", role="viewer")
    there = at(two, user)
    assert there.get("/api/teams").status == 200
    assert one.admin.patch(f"/api/users/{user.user['id']}", {"status": "deactivated"}).status == 200
    stops_at_once(there, "/api/teams", 401)


def bindings_of(admin, user_id):
    items = admin.get("/api/role-bindings", query={"subject_id": user_id}).json()["items"]
    return [f"/api/role-bindings/{b['id']}" for b in items]


@pytest.mark.parametrize("way", ["binding", "deactivate", "delete"])
def test_two_administrators_remove_each_other(pair, way):
    """At the same moment, at two processes: one remains, whoever was first."""
    one, two = pair
    for n in range(4):
        other = new_user(one.admin, f"{way}-{n}@example.org")
        admins = [(one.admin, one), (at(two, other), two)]
        ids = [one.admin.user["id"], other.user["id"]]
        targets = [bindings_of(one.admin, i)[0] if way == "binding" else f"/api/users/{i}" for i in reversed(ids)]

        def remove(i):
            api = admins[i][0]
            if way == "deactivate":
                return api.patch(targets[i], {"status": "deactivated"}).status
            return api.delete(targets[i]).status
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(remove, range(2)))
        assert sum(a in (200, 204) for a in answers) == 1, f"one of two, never both: {answers}"
        left = 0 if answers[0] in (200, 204) else 1
        survivor = admins[left][0]
        assert until(lambda: survivor.get("/api/users").status == 200, what="somebody is left")
        one.admin = one.admin if left == 0 else other


def test_64_changes_of_one_role_at_once(pair):
    """Each sees what the one before left: the last binding of each is there once, none is lost, none is doubled."""
    one, two = pair
    user = new_user(one.admin, "many@example.org", role=None)
    [viewer] = one.admin.get("/api/roles?name=viewer").json()["items"]
    body = {"subject_kind": "user", "subject_id": user.user["id"], "role_id": viewer["id"], "scope_kind": "platform"}
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda n: at(pair[n % 2], one.admin).post("/api/role-bindings", body).status, range(64)))
    assert sorted(set(answers)) == [201, 409] and answers.count(201) == 1
    [binding] = bindings_of(one.admin, user.user["id"])
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda n: at(pair[n % 2], one.admin).delete(binding).status, range(64)))
    assert sorted(set(answers)) == [204, 404] and answers.count(204) == 1
    assert user.get("/api/teams").status == 403
