# SPDX-License-Identifier: Apache-2.0
"""Roles, bindings and members of teams over HTTP, on an open server: everything can be edited, nothing is enforced. What is
decided, hidden and refused is tested without HTTP in src/app/access_test.c."""
import uuid

ADMIN = "00000000-0000-7000-8000-0000000000a1"
VIEWER = "00000000-0000-7000-8000-0000000000a4"
ORGANIZATION = "00000000-0000-7000-8000-000000000001"


def make_team(api):
    slug = "t" + uuid.uuid4().hex[:10]
    return api.post("/api/teams", {"org_id": ORGANIZATION, "name": slug, "slug": slug}).json()["id"]


def make_user(api):
    name = "u" + uuid.uuid4().hex[:10]
    return api.post("/api/users", {"email": name + "@example.org", "name": name}).json()["id"]


def test_built_in_roles_are_there_and_stay(each_api):
    roles = {r["name"]: r for r in each_api.pages("/api/roles") if r["built_in"]}
    assert sorted(roles) == ["admin", "auditor", "developer", "maintainer", "viewer"]
    assert roles["admin"]["permissions"] == ["*:*"]
    answer = each_api.patch("/api/roles/" + ADMIN, {"permissions": ["Team:read"]})
    assert answer.status == 409 and "comes with the server" in answer.json()["detail"]
    assert each_api.delete("/api/roles/" + ADMIN).status == 409


def test_a_role_names_permissions_that_exist(each_api):
    name = "r" + uuid.uuid4().hex[:10]
    answer = each_api.post("/api/roles", {"name": name, "permissions": ["Team:read", "Taem:read"]})
    assert answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/permissions/1"
    made = each_api.post("/api/roles", {"name": name, "permissions": ["Team:*"]})
    assert made.status == 201 and made.json()["built_in"] is False
    assert each_api.delete("/api/roles/" + made.json()["id"]).status == 204


def test_a_binding_is_made_ended_and_gone(each_api):
    user = make_user(each_api)
    binding = {"subject_kind": "user", "subject_id": user, "role_id": VIEWER, "scope_kind": "organization",
               "scope_id": ORGANIZATION}
    made = each_api.post("/api/role-bindings", binding)
    assert made.status == 201 and made.json()["effect"] == "allow"
    assert each_api.post("/api/role-bindings", binding).status == 409
    path = "/api/role-bindings/" + made.json()["id"]
    assert each_api.patch(path, {"role_id": ADMIN}).status == 422  # that would be another binding
    assert each_api.patch(path, {"expires_at": "2999-01-01T00:00:00Z"}).status == 200

    question = {"subject": {"kind": "user", "id": user}, "action": "read", "on": "Service",
                "scope": {"kind": "organization", "id": ORGANIZATION}}
    answer = each_api.post("/api/authz/explain", question).json()
    assert answer["decision"] == "allow" and answer["rule"]["binding_id"] == made.json()["id"]
    assert answer["rule"]["pattern"] == "Service:read" and answer["needed"] is None
    assert each_api.delete(path).status == 204
    answer = each_api.post("/api/authz/explain", question).json()
    assert answer["decision"] == "deny" and answer["rule"] is None
    assert "viewer" in answer["needed"]["roles"]
    assert [s["kind"] for s in answer["needed"]["scopes"]] == ["organization", "platform"]


def test_members_of_a_team(each_api):
    team, user = make_team(each_api), make_user(each_api)
    made = each_api.post("/api/team-memberships", {"team_id": team, "user_id": user})
    assert made.status == 201 and made.json()["role"] == "member" and made.json()["joined_at"]
    assert each_api.post("/api/team-memberships", {"team_id": team, "user_id": user}).status == 409
    listed = each_api.get("/api/team-memberships?team_id=" + team).json()["items"]
    assert [m["user_id"] for m in listed] == [user]
    path = "/api/team-memberships/" + made.json()["id"]
    assert each_api.patch(path, {"role": "lead"}).json()["role"] == "lead"
    assert each_api.delete(path).status == 204


def test_an_open_server_says_that_it_asks_nobody(each_api):
    answer = each_api.post("/api/authz/explain", {"action": "delete", "on": "Organization"}).json()
    assert answer["decision"] == "allow" and "asks nobody" in answer["reason"]


def test_members_without_the_module_access(new_server):
    server = new_server(args=["--services", "organizations,identity"])
    team = make_team(server.api)
    made = server.api.post("/api/team-memberships", {"team_id": team, "user_id": make_user(server.api)})
    assert made.status == 201 and made.json()["joined_at"]
