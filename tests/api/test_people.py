# SPDX-License-Identifier: Apache-2.0
"""Users and teams are the User and Group entities of the catalog; on both databases."""
import json
import re

import pytest

from support.api import Api
from support.files import Files
from support.identity import NO_LIMITS, PASSWORD, first_admin, grant, login, new_user
from support.server import run_cli
from support.wait import until

DEFAULT_ORG = "00000000-0000-7000-8000-000000000001"
PATCH = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture
def files():
    with Files() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def on_pg(request):
    return request.param == "postgresql"


def config(files, strategy="delete"):
    return (f"catalog:\n  orphanStrategy: {strategy}\n  processingInterval: {{ hours: 1 }}\n"
            "  rules: [{ allow: [Group, User, Component, Location] }]\n"
            f"  locations: [{{ type: url, target: '{files.url}/org.yaml' }}]\n"
            f"backend:\n  reading:\n    allow: [{{ host: '127.0.0.1:{files.port}' }}]\n")


def user(name, email=None, groups=(), display=None):
    profile = {"displayName": display or name.title()}
    if email:
        profile["email"] = email
    return {"apiVersion": "backstage.io/v1alpha1", "kind": "User", "metadata": {"name": name},
            "spec": {"profile": profile, "memberOf": list(groups)}}


def group(name, parent=None, members=(), display=None, namespace="default"):
    spec = {"type": "team", "children": []}
    if display:
        spec["profile"] = {"displayName": display}
    if parent:
        spec["parent"] = parent
    if members:
        spec["members"] = list(members)
    return {"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def text(*entities):
    return "\n---\n".join(json.dumps(e) for e in entities)


class Org:
    """A server that reads an org from a web server, and its administrator."""

    def __init__(self, server, files):
        self.server, self.files = server, files
        self.admin = first_admin(server)

    def read(self, *entities):
        self.files["/org.yaml"] = text(*entities)
        [source] = self.admin.get("/api/sources", query={"limit": 100}).json()["items"][:1]
        before = source["read_at"]
        assert self.admin.post(f"/api/sources/{source['id']}/refresh").status == 202

        def is_read():
            now = self.admin.get(f"/api/sources/{source['id']}").json()
            return now["read_at"] not in (None, before) and now
        return until(is_read, what="a read")

    def user(self, ref):
        found = [u for u in self.admin.get("/api/users", query={"limit": 500}).json()["items"] if u.get("entity_ref") == ref]
        return found[0] if found else None

    def team(self, ref):
        found = [t for t in self.admin.get("/api/teams", query={"limit": 500}).json()["items"] if t.get("entity_ref") == ref]
        return found[0] if found else None

    def entity(self, ref):
        kind, rest = ref.split(":")
        answer = self.admin.get(f"/api/catalog/entities/by-name/{kind}/{rest}")
        return answer.json() if answer.status == 200 else None

    def members(self, team):
        items = self.admin.get("/api/team-memberships", query={"team_id": team["id"], "limit": 500}).json()["items"]
        return {m["user_id"]: m for m in items}


@pytest.fixture
def org(new_server, files, on_pg):
    files["/org.yaml"] = text(group("empty"))
    made = Org(new_server(auth=None, pg=on_pg, env=NO_LIMITS, config=config(files)), files)
    until(lambda: made.entity("group:default/empty"))
    return made


def relations(entity):
    return {(r["type"], r["targetRef"]) for r in entity["relations"]}


# ---- from the catalog

def test_an_org_becomes_people_and_teams(org):
    org.read(group("platform", display="Platform"), group("pay", parent="platform", members=["user:bob"]),
             user("ada", "Ada@Example.org", ["pay"], "Ada Lovelace"), user("bob"))
    ada, bob = org.user("user:default/ada"), org.user("user:default/bob")
    assert (ada["name"], ada["email"], ada["status"]) == ("Ada Lovelace", "ada@example.org", "active")
    assert ada["source"].startswith("url:") and "email" not in bob and bob["status"] == "active"
    platform, pay = org.team("group:default/platform"), org.team("group:default/pay")
    assert platform["name"] == "Platform" and pay["slug"] == "pay" and pay["parent_id"] == platform["id"]
    assert set(org.members(pay)) == {ada["id"], bob["id"]}, "stated by the user, and by the group"
    # Nobody was invited, and nobody gets in by guessing.
    assert org.server.api.post("/api/auth/login", {"email": "ada@example.org", "password": PASSWORD}).status == 401
    assert org.server.api.post("/api/auth/login", {"email": "", "password": PASSWORD}).status == 422

    org.read(group("platform"), group("pay"), user("ada", "ada@new.example.org", [], "Ada King"), user("bob", groups=["platform"]))
    again = org.user("user:default/ada")
    assert (again["id"], again["name"], again["email"]) == (ada["id"], "Ada King", "ada@new.example.org")
    assert org.members(pay) == {} and set(org.members(platform)) == {bob["id"]}
    assert "parent_id" not in org.team("group:default/pay")


def test_fields_of_a_source_are_changed_there(org):
    org.read(group("pay"), user("ada", "ada@example.org", ["pay"]))
    ada, pay = org.user("user:default/ada"), org.team("group:default/pay")
    refused = org.admin.patch(f"/api/users/{ada['id']}", {"name": "Eve"}, headers=PATCH)
    assert refused.status == 409 and "managed by url:" in refused.json()["detail"] and "org.yaml" in refused.json()["detail"]
    assert refused.json()["errors"][0]["pointer"] == "/name"
    assert org.admin.delete(f"/api/users/{ada['id']}").status == 409
    assert org.admin.patch(f"/api/teams/{pay['id']}", {"description": "x"}, headers=PATCH).status == 409
    assert org.admin.delete(f"/api/teams/{pay['id']}").status == 409
    [membership] = org.members(pay).values()
    refused = org.admin.delete(f"/api/team-memberships/{membership['id']}")
    assert refused.status == 409 and "org.yaml" in refused.json()["detail"]
    bob = org.admin.post("/api/users", {"email": "bob@example.org", "name": "Bob"}).json()
    assert org.admin.post("/api/team-memberships", {"team_id": pay["id"], "user_id": bob["id"]}).status == 201
    # What the catalog does not say is the record's own.
    led = org.admin.patch(f"/api/team-memberships/{membership['id']}", {"role": "lead"}, headers=PATCH)
    assert led.status == 200 and led.json()["role"] == "lead"
    assert org.admin.patch(f"/api/users/{ada['id']}", {"status": "deactivated"}, headers=PATCH).status == 200


def test_who_vanishes_is_out_at_once(org):
    org.read(user("ada", "ada@example.org"), user("bob", "bob@example.org"))
    ada, bob = org.user("user:default/ada"), org.user("user:default/bob")
    grant(org.admin, ada["id"])
    link = org.admin.post(f"/api/users/{ada['id']}/one-time-link").json()["token"]
    session = org.server.api.post("/api/auth/one-time", {"token": link, "password": PASSWORD}).json()
    as_ada = Api(org.server.url, headers={"Authorization": "Bearer " + session["access_token"]})
    key = as_ada.post("/api/api-keys", {"name": "k", "scopes": ["*:read"]})
    assert key.status == 201, key
    as_key = Api(org.server.url, headers={"Authorization": "Bearer " + key.json()["key"]})
    assert as_ada.get("/api/auth/me").status == 200 and as_key.get("/api/auth/me").status == 200
    org.admin.patch(f"/api/users/{bob['id']}", {"status": "deactivated"}, headers=PATCH)
    org.read(group("empty"))
    assert as_ada.get("/api/auth/me").status == 401 and as_key.get("/api/auth/me").status == 401
    gone = org.user("user:default/ada")
    assert gone["status"] == "deactivated" and gone["id"] == ada["id"], "not deleted"
    org.read(user("ada", "ada@example.org"), user("bob", "bob@example.org"))
    assert org.user("user:default/ada")["status"] == "active", "the vanishing alone had deactivated her"
    assert org.user("user:default/bob")["status"] == "deactivated", "an administrator had"
    assert as_ada.get("/api/auth/me").status == 401, "what ended stays ended"
    assert login(org.server, "ada@example.org").user["id"] == ada["id"]
    assert org.admin.get(f"/api/role-bindings?subject_id={ada['id']}").json()["items"], "roles are keyed by the person"


def test_a_team_vanishes_and_returns(org):
    org.read(group("pay"), user("ada", groups=["pay"]))
    pay, ada = org.team("group:default/pay"), org.user("user:default/ada")
    grant(org.admin, pay["id"], "viewer", "team")
    org.read(user("ada", groups=["pay"]))
    assert org.team("group:default/pay") is None
    org.read(group("pay", display="Payments"), user("ada", groups=["pay"]))
    assert org.team("group:default/pay")["id"] == pay["id"] and set(org.members(pay)) == {ada["id"]}
    assert len(org.admin.get(f"/api/role-bindings?subject_id={pay['id']}").json()["items"]) == 1


def test_kept_orphans_are_out_too(new_server, files, on_pg):
    files["/org.yaml"] = text(user("ada", "ada@example.org"))
    org = Org(new_server(auth=None, pg=on_pg, env=NO_LIMITS, config=config(files, "keep")), files)
    until(lambda: org.user("user:default/ada"))
    org.read(group("empty"))
    until(lambda: org.user("user:default/ada")["status"] == "deactivated")
    assert org.entity("user:default/ada"), "the entity is kept"


def test_a_source_never_takes_the_last_administrator(org):
    org.read(user("root", "root@example.org"), user("ada"))
    root = org.user("user:default/root")
    grant(org.admin, root["id"])
    me = org.admin.user["id"]
    assert org.admin.patch(f"/api/users/{me}", {"status": "deactivated"}, headers=PATCH).status == 200
    org.files["/org.yaml"] = text(group("empty"))
    # Nobody is left who could ask for a read: the next start does.
    org.server.restart()
    until(lambda: "last_administrator_kept" in org.server.log(), what="the log")
    database = ["--database", org.server.database_url] if org.server.database_url else []
    made = run_cli("users", "reset-link", "root@example.org", "--data", org.server.data, *database, cwd=org.server.dir)
    token = re.search(r"one-time=(fwo_[\w-]+)", made.stdout).group(1)
    signed = org.server.api.post("/api/auth/one-time", {"token": token, "password": PASSWORD}).json()
    left = Api(org.server.url, headers={"Authorization": "Bearer " + signed["access_token"]})
    people = {u.get("email"): u["status"] for u in left.get("/api/users").json()["items"]}
    assert people["root@example.org"] == "active" and people[None] == "deactivated", people


def test_an_address_that_two_claim(org):
    org.read(user("ada", "same@example.org"), user("bob", "same@example.org"), user("cy", "no address"))
    ada, bob = org.user("user:default/ada"), org.user("user:default/bob")
    assert sorted([ada.get("email"), bob.get("email")], key=str) == [None, "same@example.org"] or \
        {ada.get("email"), bob.get("email")} == {"same@example.org", None}
    [source] = org.admin.get("/api/sources").json()["items"][:1]
    problems = {p["entity_ref"]: p["message"]
                for p in org.admin.get(f"/api/sources/{source['id']}/problems").json()["items"]}
    assert "already" in problems["user:default/bob"] and "no address" in problems["user:default/cy"]
    assert "user:default/ada" not in problems and source["state"] == "ok", "the read itself is fine"
    assert "same@example.org" not in problems["user:default/bob"]
    # A later read of the same text says it again; when the address is free, the other gets it.
    org.read(user("ada", "same@example.org"), user("bob", "same@example.org"), user("cy"))
    problems = [p["entity_ref"] for p in org.admin.get(f"/api/sources/{source['id']}/problems").json()["items"]]
    assert problems == ["user:default/bob"]
    org.read(user("ada", "ada@example.org"), user("bob", "same@example.org"))
    assert org.user("user:default/bob")["email"] == "same@example.org"
    assert org.admin.get(f"/api/sources/{source['id']}/problems").json()["items"] == []


def test_who_was_here_before_is_found_by_the_address(org):
    ada = new_user(org.admin, "ada@example.org", role=None)
    team = org.admin.post("/api/teams", {"org_id": DEFAULT_ORG, "name": "Pay", "slug": "pay"}).json()
    assert org.admin.post("/api/team-memberships", {"team_id": team["id"], "user_id": ada.user["id"], "role": "lead"}).status == 201
    assert ada.user["entity_ref"] == "user:default/ada"
    org.read(user("lovelace", "ada@example.org", display="A. Lovelace"))
    linked = org.user("user:default/lovelace")
    assert linked["id"] == ada.user["id"] and linked["name"] == "A. Lovelace" and linked["source"]
    assert org.entity("user:default/ada") is None, "one person, one entity"
    assert ada.get("/api/auth/me").status == 200, "still signed in"
    assert org.members(team)[linked["id"]]["role"] == "lead"
    assert ("hasMember", "user:default/lovelace") in relations(org.entity("group:default/pay"))
    # Renamed in the source: the same person, for the address is.
    org.read(user("ada-l", "ada@example.org", display="A. Lovelace"))
    assert org.user("user:default/ada-l")["id"] == ada.user["id"] and org.user("user:default/lovelace") is None
    assert ada.get("/api/auth/me").status == 200


def test_names_that_are_taken_stay_whose_they_are(org):
    """A source must not get hold of an account, or of a team's rights, by a name."""
    new_user(org.admin, "eve@example.org", role=None)
    team = org.admin.post("/api/teams", {"org_id": DEFAULT_ORG, "name": "Root", "slug": "root"}).json()
    org.read(user("eve", "other@example.org"), group("root", members=["user:eve"]))
    assert org.user("user:default/eve")["email"] == "eve@example.org"
    assert org.team("group:default/root")["id"] == team["id"] and org.members(team) == {}
    [source] = org.admin.get("/api/sources").json()["items"][:1]
    names = {p["name"] for p in org.admin.get(f"/api/sources/{source['id']}/problems").json()["items"]}
    assert names == {"ConflictError"}


def test_namespaces_and_odd_names(org):
    acme = org.admin.post("/api/organizations", {"name": "Acme", "slug": "acme"}).json()
    org.read(group("pay", namespace="acme"), group("pay"), group("a.b"), group("a-b"))
    assert org.team("group:acme/pay")["org_id"] == acme["id"]
    assert org.team("group:default/pay")["org_id"] == DEFAULT_ORG
    slugs = {org.team("group:default/a.b")["slug"], org.team("group:default/a-b")["slug"]}
    assert len(slugs) == 2 and all(s.startswith("a-b") for s in slugs)


def test_many_by_few_statements(org):
    """A thousand people in a hundred teams, and again with every other one gone."""
    def people(numbers):
        return [user(f"p{i}", f"p{i}@example.org", [f"g{i % 100}"]) for i in numbers]
    groups = [group(f"g{i}") for i in range(100)]
    org.read(*groups, *people(range(1000)))
    count = org.admin.get("/api/users", query={"total": "true", "limit": 1}).json()["total"]
    assert count == 1001
    assert org.admin.get("/api/team-memberships", query={"total": "true", "limit": 1}).json()["total"] == 1000
    org.read(*groups, *people(range(0, 1000, 2)))
    found = org.admin.get("/api/users", query={"total": "true", "limit": 1, "status": "deactivated"}).json()["total"]
    assert found == 500
    rows = org.admin.get("/api/audit-logs", query={"action": "people.followed", "limit": 100}).json()["items"]
    assert len(rows) < 20, "an entry for each batch, not for each person"


# ---- to the catalog

def test_people_made_here_are_entities(org):
    ada = org.admin.post("/api/users", {"email": "ada.l@example.org", "name": "Ada"}).json()
    other = org.admin.post("/api/users", {"email": "ada.l@example.com", "name": "Ada"}).json()
    named = org.admin.post("/api/users", {"email": "x@example.com", "name": "X", "entity_ref": "user:default/xenia"}).json()
    assert (ada["entity_ref"], other["entity_ref"], named["entity_ref"]) == \
        ("user:default/ada.l", "user:default/ada.l-2", "user:default/xenia")
    taken = org.admin.post("/api/users", {"email": "y@example.com", "name": "Y", "entity_ref": "user:default/xenia"})
    assert taken.status == 409 and taken.json()["errors"][0]["pointer"] == "/entity_ref"
    assert org.entity("user:default/ada.l")["spec"]["profile"] == {"displayName": "Ada", "email": "ada.l@example.org"}
    up = org.admin.post("/api/teams", {"org_id": DEFAULT_ORG, "name": "Up", "slug": "up"}).json()
    down = org.admin.post("/api/teams", {"org_id": DEFAULT_ORG, "name": "Down", "slug": "down", "parent_id": up["id"]}).json()
    member = org.admin.post("/api/team-memberships", {"team_id": down["id"], "user_id": ada["id"]}).json()
    assert relations(org.entity("group:default/down")) == {("childOf", "group:default/up"), ("hasMember", "user:default/ada.l")}
    assert ("parentOf", "group:default/down") in relations(org.entity("group:default/up"))
    assert relations(org.entity("user:default/ada.l")) == {("memberOf", "group:default/down")}
    loop = org.admin.patch(f"/api/teams/{up['id']}", {"parent_id": down["id"]}, headers=PATCH)
    assert loop.status == 422 and loop.json()["errors"][0]["pointer"] == "/parent_id"
    changed = org.admin.patch(f"/api/users/{ada['id']}", {"name": "Ada King", "avatar_url": "https://x.org/a.png"}, headers=PATCH)
    assert changed.status == 200
    assert org.entity("user:default/ada.l")["spec"]["profile"]["displayName"] == "Ada King"
    assert org.admin.delete(f"/api/team-memberships/{member['id']}").status == 204
    assert relations(org.entity("user:default/ada.l")) == set()
    assert org.admin.delete(f"/api/teams/{up['id']}").status == 204
    assert org.entity("group:default/up") is None and relations(org.entity("group:default/down")) == set()
    assert org.admin.delete(f"/api/users/{ada['id']}").status == 204 and org.entity("user:default/ada.l") is None
    assert org.admin.post(f"/api/users/{ada['id']}/restore").status == 200 and org.entity("user:default/ada.l")


def test_an_entity_written_by_api_is_a_person(org):
    entity = user("cy", "cy@example.org")
    made = org.admin.put("/api/catalog/entities/by-name/user/default/cy", entity)
    assert made.status == 201, made
    cy = org.user("user:default/cy")
    assert cy["email"] == "cy@example.org" and "source" not in cy
    entity["metadata"]["labels"] = {"floor": "3"}
    entity["spec"]["profile"]["email"] = "admin@example.org"
    taken = org.admin.put("/api/catalog/entities/by-name/user/default/cy", entity)
    assert taken.status in (400, 422) and org.user("user:default/cy")["email"] == "cy@example.org"
    # Who may write the catalog, and not people, does not get at an account by it (ASVS 8.2.1).
    editor = new_user(org.admin, "editor@example.org", role="maintainer")
    for name in ("cy", "new", "admin"):
        entity["metadata"]["name"], entity["spec"]["profile"]["email"] = name, "evil@example.org"
        refused = editor.put(f"/api/catalog/entities/by-name/user/default/{name}", entity)
        assert refused.status == 403, refused
    assert editor.delete(f"/api/catalog/entities/by-uid/{org.entity('user:default/cy')['metadata']['uid']}").status == 403
    assert org.user("user:default/cy")["status"] == "active"


# ---- who administers, who is bound

def test_the_last_administrator_stays(org):
    me = org.admin.user["id"]
    for attempt in (org.admin.patch(f"/api/users/{me}", {"status": "deactivated"}, headers=PATCH), org.admin.delete(f"/api/users/{me}")):
        assert attempt.status == 409 and "last administrator" in attempt.json()["detail"]
    other = new_user(org.admin, "second@example.org")
    assert org.admin.patch(f"/api/users/{other.user['id']}", {"status": "deactivated"}, headers=PATCH).status == 200
    assert org.admin.patch(f"/api/users/{me}", {"status": "deactivated"}, headers=PATCH).status == 409, \
        "who is deactivated does not count"


def test_who_is_bound_exists(org):
    [viewer] = org.admin.get("/api/roles", query={"name": "viewer"}).json()["items"]
    for kind in ("user", "team", "service_account", "api_key"):
        body = {"subject_kind": kind, "subject_id": "0192a3b4-c5d6-7e8f-9012-3456789abcde", "role_id": viewer["id"],
                "scope_kind": "platform"}
        if kind == "api_key":
            body["effect"] = "deny"
        refused = org.admin.post("/api/role-bindings", body)
        assert refused.status == 422 and refused.json()["errors"][0]["pointer"] == "/subject_id", refused
    team = org.admin.post("/api/teams", {"org_id": DEFAULT_ORG, "name": "T", "slug": "t"}).json()
    nobody = org.admin.post("/api/team-memberships", {"team_id": team["id"], "user_id": viewer["id"]})
    assert nobody.status == 422 and nobody.json()["errors"][0]["pointer"] == "/user_id"
