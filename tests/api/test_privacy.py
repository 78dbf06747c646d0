# SPDX-License-Identifier: Apache-2.0
"""What is held about a person can be handed out and erased, and is in no log; on both databases.
ASVS 14.2.1 (nothing personal in logs), 16.2.5, GDPR articles 15 and 17."""
import subprocess

import pytest

from support import pg
from support.api import Api
from support.identity import PASSWORD, first_admin, grant, login, new_user
from support.mail import MailServer, is_installed, token_of
from support.server import FairwayServer, run_cli
from support.wait import until

PATCH = {"Content-Type": "application/merge-patch+json"}
DEFAULT_ORG = "00000000-0000-7000-8000-000000000001"
# Words that occur nowhere else.
EMAIL, NAME = "zyxwv.quokka@privacy-test.example", "Zyxwv Quokka-Test"
OTHER = "other.wombat@privacy-test.example"
WORDS = ("zyxwv", "quokka", "wombat", "privacy-test")

pytestmark = pytest.mark.skipif(not is_installed(), reason="python3-aiosmtpd is not installed")


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request, binary):
    url = request.getfixturevalue("postgres_databases").create() if request.param == "postgresql" else None
    with MailServer() as mail, FairwayServer(auth=None, database_url=url, env={**mail.settings(), "FAIRWAY_LOG_LEVEL": "debug"}) as server:
        server.mail, server.admin = mail, first_admin(server)
        yield server


def dump(server, *but):
    """All rows of the database as text, by table."""
    if server.database_url:
        def sql(text):
            command = [pg.prefix() + "/psql", "-X", "-q", "-A", "-t", "-d", server.database_url, "-c", text]
            return subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
        names = sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'")
        return {n: sql(f'SELECT * FROM "{n}"') for n in names.split() if n not in but}
    import sqlite3
    connection = sqlite3.connect(server.data / "fairway.db", timeout=30)
    names = [r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%entity_text%' "
                                               "AND sql NOT LIKE 'CREATE VIRTUAL TABLE search_%'")]  # what is in those is in tables beside them
    rows = {n: repr(connection.execute(f'SELECT * FROM "{n}"').fetchall()) for n in names if n not in but}
    connection.close()
    return rows


def found_in(tables):
    return sorted(n for n, text in tables.items() if any(w in text.lower() for w in WORDS))


def events(server):
    return server.admin.get("/api/events", query={"limit": 500}, headers={"Accept": "application/json"}).text.lower()


def drive(server):
    """Everything that has to do with addresses, the wrong way too. Gives the person, signed in."""
    admin, anybody = server.admin, server.api
    made = admin.post("/api/users", {"email": EMAIL, "name": NAME, "entity_ref": "user:default/z1"}).json()
    assert admin.post("/api/users", {"email": EMAIL, "name": NAME}).status == 409
    assert admin.post("/api/users", {"email": EMAIL + " ", "name": NAME, "status": "zyxwv"}).status == 422
    broken = b'{"email": "' + EMAIL.encode() + b'", '
    assert admin.request("POST", "/api/users", body=broken, headers={"Content-Type": "application/json"}).status == 400
    assert admin.post(f"/api/users/{made['id']}/invitation").status == 202
    token = token_of(server.mail.wait_for(EMAIL))
    signed = anybody.post("/api/auth/one-time", {"token": token, "password": PASSWORD}).json()
    anybody.post("/api/auth/one-time", {"token": token, "password": "zyxwv password"})
    for email in (EMAIL, OTHER, EMAIL.upper()):
        assert anybody.post("/api/auth/login", {"email": email, "password": "not quokka"}).status == 401
    for email in (EMAIL, OTHER):
        assert anybody.post("/api/auth/password-reset", {"email": email}).status == 202
    server.mail.wait_for(EMAIL, 2)
    admin.get("/api/users", query={"email": EMAIL})
    admin.get("/api/users", query={"q": "zyxwv"})
    admin.get("/api/users", query={"sort": EMAIL})
    assert admin.patch(f"/api/users/{made['id']}", {"avatar_url": "https://quokka.example/x.png"}, headers=PATCH).status == 200
    login(server, EMAIL)
    # A mail server that names the address in what it says.
    server.mail.stop()
    server.mail.start(refuse=f"550 <{EMAIL}> is unknown")
    assert admin.post(f"/api/users/{made['id']}/invitation").status == 202
    until(lambda: admin.get("/api/jobs", query={"state": "dead"}).json()["items"])
    server.mail.stop()
    server.mail.start(slow_s=0)
    api = Api(server.url, headers={"Authorization": "Bearer " + signed["access_token"]})
    api.user = signed["user"]
    return api


def test_nothing_personal_in_logs_events_jobs_and_trail(world):
    drive(world)
    log = world.log().lower()
    assert len(log) > 5000 and not [w for w in WORDS if w in log], [line for line in log.splitlines() if any(w in line for w in WORDS)][:3]
    assert not [w for w in WORDS if w in events(world)]
    assert not [w for w in WORDS if w in world.admin.get("/api/jobs", query={"limit": 500}).text.lower()]
    trail = world.admin.get("/api/audit-logs/export").text.lower()
    assert "users.created" in trail and "auth.sign_in_failed" in trail
    tables = dump(world)
    for table in ("audit_logs", "events", "jobs", "job_logs"):
        assert not any(w in tables.get(table, "").lower() for w in WORDS), table


def test_export(world):
    person = drive(world)
    me = person.user["id"]
    grant(world.admin, me)
    key = person.post("/api/api-keys", {"name": "my key", "scopes": ["*:read"]}).json()["key"]
    team = world.admin.post("/api/teams", {"org_id": DEFAULT_ORG, "name": "T", "slug": "t"}).json()
    world.admin.post("/api/team-memberships", {"team_id": team["id"], "user_id": me})
    answer = world.admin.get(f"/api/users/{me}/export")
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    whole = answer.json()
    assert whole["user"]["email"] == EMAIL and whole["entity"]["spec"]["profile"]["displayName"] == NAME
    tables = whole["tables"]
    assert tables["api_keys"][0]["name"] == "my key" and tables["api_keys"][0]["scopes"] == ["*:read"]
    assert tables["team_memberships"][0]["team_id"] == team["id"] and tables["role_bindings"] and tables["sessions"]
    assert tables["sessions"][0]["created_at"].endswith("Z") and tables["one_time_links"]
    assert key not in answer.text and "hash" not in answer.text and "argon2" not in answer.text
    assert "auth.signed_in" in {r["action"] for r in whole["did"]} and {r["action"] for r in whole["was_changed"]} >= {"users.created"}
    assert whole["truncated"] == []
    own = person.get("/api/auth/me/export")
    assert own.status == 200 and own.json()["user"]["id"] == me
    other = new_user(world.admin, "auditor@example.org", role="auditor")
    assert other.get(f"/api/users/{me}/export").status == 403, "of others only with the right"
    assert world.admin.get("/api/audit-logs", query={"action": "users.exported"}).json()["items"], "who took it is noted"


def test_erase(world):
    person = drive(world)
    me = person.user["id"]
    team = world.admin.post("/api/teams", {"org_id": DEFAULT_ORG, "name": "T", "slug": "t"}).json()
    assert world.admin.post("/api/team-memberships", {"team_id": team["id"], "user_id": me}).status == 201
    grant(world.admin, me)
    key = person.post("/api/api-keys", {"name": "k", "scopes": ["*:read"]}).json()["key"]
    refused = world.admin.post(f"/api/users/{me}/erase", {"confirm": "yes"})
    assert refused.status == 422 and world.admin.get(f"/api/users/{me}").json()["email"] == EMAIL
    other = new_user(world.admin, "viewer@example.org", role="maintainer")
    assert other.post(f"/api/users/{me}/erase", {"confirm": me}).status in (403, 404), "administrators only"
    assert world.admin.post(f"/api/users/{me}/erase", {"confirm": me}).status == 200
    left = world.admin.get(f"/api/users/{me}").json()
    assert left["name"] == "Erased user" and left["status"] == "deactivated" and left["erased_at"]
    assert "email" not in left and "avatar_url" not in left and "entity_ref" not in left
    assert person.get("/api/auth/me").status == 401
    assert Api(world.url, headers={"Authorization": "Bearer " + key}).get("/api/auth/me").status == 401
    assert world.api.post("/api/auth/login", {"email": EMAIL, "password": PASSWORD}).status == 401
    assert world.admin.get("/api/catalog/entities/by-name/user/default/z1").status == 404
    until(lambda: found_in(dump(world)) == [], deadline_s=60, what="no trace in any table, the history of the catalog and the search index included")
    # What the person did is still there, and leads to nobody; the chain holds.
    rows = world.admin.get("/api/audit-logs", query={"actor": me}).json()["items"]
    assert rows and {r["actor_name"] for r in rows} == {"Erased user"}
    database = ["--database", world.database_url] if world.database_url else []
    until(lambda: run_cli("audit", "verify", "--data", world.data, *database, cwd=world.dir).returncode == 0, what="an intact trail")
    # It cannot be undone, nor done twice; the address is free.
    assert world.admin.patch(f"/api/users/{me}", {"status": "active"}, headers=PATCH).status == 409
    assert world.admin.post(f"/api/users/{me}/erase", {"confirm": me}).status == 409
    assert world.admin.post(f"/api/users/{me}/one-time-link").status == 409
    assert world.admin.post("/api/users", {"email": EMAIL, "name": "Again"}).status == 201


def test_the_last_administrator_is_not_erased(world):
    me = world.admin.user["id"]
    refused = world.admin.post(f"/api/users/{me}/erase", {"confirm": me})
    assert refused.status == 409 and "last administrator" in refused.json()["detail"]
    assert world.admin.get("/api/auth/me").status == 200


def test_names_in_the_trail_are_those_of_now(world):
    second = new_user(world.admin, "second@example.org", name="Before")
    second.post("/api/organizations", {"name": "Acme", "slug": "acme"})
    query = {"actor": second.user["id"], "action": "organizations.created"}
    [row] = world.admin.get("/api/audit-logs", query=query).json()["items"]
    assert row["actor_name"] == "Before"
    world.admin.patch(f"/api/users/{second.user['id']}", {"name": "After"}, headers=PATCH)
    [row] = world.admin.get("/api/audit-logs", query={**query, "actor": "After"}).json()["items"]
    assert row["actor_name"] == "After"
    history = world.admin.get(f"/api/organizations/{row['resource_id']}/history").json()["items"]
    assert history[0]["actor_name"] == "After"
    [changed] = [h for h in world.admin.get(f"/api/users/{second.user['id']}/history").json()["items"]
                 if h["action"] == "users.updated" and h["after"]["name"] == "[personal, changed]"]
    assert changed["before"]["name"] == "[personal]" and changed["after"]["email"] == "[personal]", "that it changed, not what it was"


def test_erasing_touches_nobody_else(world):
    """The name of one begins with that of another; and who was linked under another name is gone with it."""
    made = {}
    for name in ("ann", "anne"):
        made[name] = world.admin.post("/api/users", {"email": f"{name}@example.org", "name": name}).json()["id"]
    team = world.admin.post("/api/teams", {"org_id": DEFAULT_ORG, "name": "T", "slug": "t"}).json()
    for user in made.values():
        assert world.admin.post("/api/team-memberships", {"team_id": team["id"], "user_id": user}).status == 201
    group = world.admin.get("/api/catalog/entities/by-name/group/default/t").json()
    group["spec"]["members"] = ["user:default/ann", "user:default/anne"]
    for description in ("one", "two"):
        group["metadata"]["description"] = description
        assert world.admin.put("/api/catalog/entities/by-name/group/default/t", group).status == 200
    assert world.admin.post(f"/api/users/{made['ann']}/erase", {"confirm": made["ann"]}).status == 200
    now = world.admin.get("/api/catalog/entities/by-name/group/default/t").json()
    assert now["spec"]["members"] == ["user:default/anne"]
    path = "/api/catalog/entities/by-name/group/default/t/history"
    revisions = [str(r["revision"]) for r in world.admin.get(path).json()["items"]]
    history = "".join(world.admin.get(path + "/" + r).text for r in revisions)
    assert '"user:default/anne"' in history and '"user:default/ann"' not in history
    assert world.admin.get("/api/catalog/entities/by-name/user/default/anne").status == 200
    assert world.admin.get(f"/api/users/{made['anne']}").json()["email"] == "anne@example.org"
    listed = [u.get("email") for u in world.admin.get("/api/users", query={"sort": "email", "limit": 2}).json()["items"]]
    assert len(listed) == 2, "people without an address are sorted, too"
