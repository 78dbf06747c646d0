# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under load, again and again on the same data, on both databases.

After each restart: every acknowledged write is there with its state, every state of every record has
exactly one event and one audit row, nothing has an event that is not there, and the store is sound. At
the end, when all jobs have run: every registered location has brought its entity, the last acknowledged
refresh has been carried out, every event has reached the webhook. FAIRWAY_LONG=1 runs 200 rounds."""
import collections
import os
import random
import time

import crash_load
import database
import pytest
from support import wait

ROUNDS = 200 if os.environ.get("FAIRWAY_LONG") else 20
IN_FLIGHT = 16  # deliveries that one crash can cut off at most
SETTLE_S = 120  # a lease of a dead process ends after 30 s, and failed jobs wait before they repeat

CONFIG = """
catalog: {{ processing_interval: 0 }}
reading: {{ allow: [{{ host: "127.0.0.1:{port}" }}] }}
webhooks: {{ allow: ["127.0.0.1:{port}"] }}
"""

# Each gives the rows that must not be.
INVARIANTS = {
    "records whose events are not one per revision": """
        SELECT t.id, t.revision, e.n FROM teams t LEFT JOIN
            (SELECT subject, COUNT(*) AS n FROM events WHERE source = '/api/teams' GROUP BY subject) e ON e.subject = t.id
        WHERE e.n IS NULL OR e.n <> t.revision""",
    "records whose audit rows are not one per revision": """
        SELECT t.id, t.revision, a.n FROM teams t LEFT JOIN
            (SELECT resource_id, COUNT(*) AS n FROM audit_logs WHERE resource_type = 'Team' GROUP BY resource_id) a
            ON a.resource_id = t.id
        WHERE a.n IS NULL OR a.n <> t.revision""",
    "events of records that are not there": """
        SELECT subject FROM events WHERE source = '/api/teams' AND subject NOT IN (SELECT id FROM teams)""",
    "audit rows of records that are not there": """
        SELECT resource_id FROM audit_logs WHERE resource_type = 'Team' AND resource_id NOT IN (SELECT id FROM teams)""",
    "records there twice": "SELECT slug FROM teams GROUP BY slug HAVING COUNT(*) > 1",
    "events there twice": "SELECT id FROM events GROUP BY id HAVING COUNT(*) > 1",
    "entities whose creation is not one event": """
        SELECT ref, e.n FROM entities LEFT JOIN
            (SELECT subject, COUNT(*) AS n FROM events WHERE type = 'catalog.entity.created' GROUP BY subject) e
            ON e.subject = ref
        WHERE kind = 'component' AND (e.n IS NULL OR e.n <> 1)""",
    "created entities that are not there": """
        SELECT subject FROM events WHERE type = 'catalog.entity.created' AND subject NOT IN (SELECT ref FROM entities)
            AND subject NOT IN (SELECT subject FROM events WHERE type = 'catalog.entity.deleted')""",
    "teams whose group is not there, and groups whose team is not": """
        SELECT entity_ref FROM teams WHERE deleted_at IS NULL AND entity_ref NOT IN (SELECT ref FROM entities)
        UNION ALL SELECT entity_ref FROM teams t WHERE deleted_at IS NOT NULL AND entity_ref IN (SELECT ref FROM entities)""",
}


@pytest.fixture
def hosts():
    outside = crash_load.Hosts()
    yield outside
    outside.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_nothing_acknowledged_is_lost_or_doubled(kind, new_server, hosts):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    server = new_server(pg=kind == "postgresql", config=CONFIG.format(port=hosts.port))
    outside = database.of(server)
    ledger, numbers = crash_load.Ledger(), crash_load.numbers()
    prepare(server, outside, hosts)
    for _ in range(ROUNDS):
        load = crash_load.Load(server.api, ledger, hosts, numbers)
        load.start()
        time.sleep(moments.uniform(0.02, 0.4))  # the moment of the crash is what is random here
        server.kill()
        load.end()
        outside.after_kill()
        server.start()
        check_store(outside)
        check_teams(outside, ledger)
        repeat_unanswered(server, ledger)
    assert len(ledger.teams) > ROUNDS and ledger.locations and ledger.organizations, "the load did not write"
    check_in_the_end(server, outside, ledger, hosts)


def prepare(server, outside, hosts):
    webhook = {"name": "crash", "url": hosts.url("hook"), "types": ["organizations.created"]}
    answer = server.api.post("/api/webhooks", webhook)
    assert answer.status == 201, answer
    answer = server.api.post("/api/catalog/locations", {"type": "url", "target": hosts.url("refreshed.yaml")})
    assert answer.status == 201, answer
    wait.until(lambda: outside.rows("SELECT id FROM entities WHERE ref = 'component:default/refreshed'"),
               what="the first read of a location")


def check_store(outside):
    assert outside.problems() == []
    for what, sql in INVARIANTS.items():
        assert outside.rows(sql) == [], what


def check_teams(outside, ledger):
    """Each is in the acknowledged state or in the one under way; that is the known one from now on."""
    found = {row[0]: row[1:] for row in outside.rows(
        "SELECT id, revision, description, CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END FROM teams")}
    for team in ledger.teams:
        state = found.get(team.id)
        assert state is not None, f"the acknowledged team {team.slug} is lost"
        assert state in (team.known, team.pending), f"team {team.slug}: {state}, not {team.known} or {team.pending}"
        team.known, team.pending = state, None
    organizations = {row[0] for row in outside.rows("SELECT id FROM organizations")}
    assert set(ledger.organizations) <= organizations


def repeat_unanswered(server, ledger):
    """A creation without an answer is sent again with its key: it exists once, whatever had happened."""
    for team in ledger.unknown:
        answer = server.api.post("/api/teams", team.body(), headers={"Idempotency-Key": team.key})
        assert answer.status == 201, answer
        team.id, team.known = answer.json()["id"], ("1", "", "0")
        ledger.teams.append(team)
    ledger.unknown.clear()


def check_in_the_end(server, outside, ledger, hosts):
    waiting = "SELECT id, type, state, attempt, error FROM jobs WHERE state IN ('queued', 'running', 'failed')"
    created = "SELECT id FROM events WHERE type = 'organizations.created'"
    deadline = time.monotonic() + SETTLE_S
    while jobs := outside.rows(waiting):
        assert time.monotonic() < deadline, f"jobs do not come to an end: {jobs[:5]}\n{server.log()[-4000:]}"
        time.sleep(0.2)
    wait.until(lambda: {row[0] for row in outside.rows(created)} <= set(hosts.received), what="the end of all deliveries")
    check_store(outside)
    check_teams(outside, ledger)
    assert outside.rows("SELECT id, type, error FROM jobs WHERE state = 'dead'") == []
    refs = {row[0] for row in outside.rows("SELECT ref FROM entities WHERE kind = 'component'")}
    assert {f"component:default/e{number}" for number in ledger.locations} <= refs
    check_refreshed(outside, ledger)
    check_deliveries(outside, hosts)


def check_refreshed(outside, ledger):
    [(text,)] = outside.rows("SELECT description FROM entities WHERE ref = 'component:default/refreshed'")
    assert int(text.removeprefix("generation ")) >= ledger.generation


def check_deliveries(outside, hosts):
    """One delivery per event, all arrived; repeated are only those that a crash cut off."""
    assert outside.rows("""SELECT e.id FROM events e LEFT JOIN webhook_deliveries d ON d.event_id = e.id
        WHERE e.type = 'organizations.created' AND (d.status IS NULL OR d.status <> 'succeeded')""") == []
    again = sum(count - 1 for count in collections.Counter(hosts.received).values())
    assert again <= ROUNDS * IN_FLIGHT, "deliveries were repeated without a crash"
