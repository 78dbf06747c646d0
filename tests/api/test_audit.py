# SPDX-License-Identifier: Apache-2.0
"""The audit trail of the real program: chained soon after the commit, verified by `fairway audit verify`, which finds every
way of tampering with the database behind its back."""
import csv
import datetime
import hashlib
import io
import itertools
import json
import sqlite3
import subprocess
import threading

import pytest
from support import pg
from support.server import run_cli
from support.wait import until

FILE = "audit-checkpoints.jsonl"
EVERY_ROW = {"FAIRWAY_AUDIT_CHECKPOINT_ROWS": "10", "FAIRWAY_AUDIT_CHECKPOINT_EVERY": "1h"}
MEMBERS = ["action", "actor_id", "actor_kind", "actor_name", "address", "after_state", "at", "before_state", "id", "key_id",
           "request_id", "resource_id", "resource_type", "seq", "session_id"]
_names = itertools.count(1)


class Database:
    """The database of a server, from outside and without its triggers."""

    def __init__(self, server):
        self.server = server

    def run(self, *statements):
        if not self.server.database_url:
            connection = sqlite3.connect(self.server.data / "fairway.db", timeout=30, isolation_level=None)
            try:
                connection.execute("BEGIN IMMEDIATE")
                rows = [connection.execute(sql).fetchall() for sql in statements][-1]
                connection.execute("COMMIT")
                return rows
            finally:
                connection.close()
        command = [pg.prefix() + "/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-1", "-d", self.server.database_url]
        for sql in statements:
            command += ["-c", sql]
        done = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return [tuple(line.split("|")) for line in done.stdout.splitlines()]

    def tamper(self, *statements):
        if self.server.database_url:
            off = [f"ALTER TABLE {t} DISABLE TRIGGER USER" for t in ("audit_logs", "audit_checkpoints")]
        else:
            off = [f"DROP TRIGGER IF EXISTS {t}" for t in (
                "audit_logs_never_removed", "audit_logs_never_changed", "audit_checkpoints_never_removed",
                "audit_checkpoints_never_changed")]
        self.run(*off, *statements)

    def count(self, what):
        return int(self.run(f"SELECT COUNT(*) FROM audit_logs WHERE {what}")[0][0])


def create(api):
    slug = f"audited-{next(_names)}"
    answer = api.post("/api/organizations", {"name": slug, "slug": slug})
    assert answer.status == 201, answer
    return answer.json()["id"]


def verify(server, *args):
    database = ["--database", server.database_url] if server.database_url else []
    return run_cli("audit", "verify", "--data", server.data, *database, *args, cwd=server.dir)


def wait_chained(server):
    until(lambda: Database(server).count("seq IS NULL") == 0, what="the chain")


def wait_signed(server, number):
    file = server.data / FILE
    until(lambda: file.exists() and file.read_text().count("\n") >= number, what="checkpoints in the file")


@pytest.fixture(params=["sqlite", "postgresql"])
def written(request, new_server):
    """A stopped server with forty rows and four checkpoints, the last one over row 31 at least; on each of the databases."""
    server = new_server(pg=request.param == "postgresql", env=EVERY_ROW)
    for part in range(4):
        for _ in range(10):
            create(server.api)
        wait_signed(server, part + 1)
    wait_chained(server)
    server.stop()
    assert verify(server).returncode == 0
    return server


def test_rows_are_chained_at_once_and_the_chain_can_be_computed_elsewhere(each_server):
    """By a few lines of Python, without any code of ours."""
    database = Database(each_server)
    subject = create(each_server.api)
    until(lambda: database.count(f"resource_id = '{subject}' AND seq IS NOT NULL") == 1, deadline_s=5, what="the chain")
    wait_chained(each_server)
    names = ", ".join([*MEMBERS, "prev_hash", "hash"])
    if each_server.database_url:
        rows = [json.loads(line) for (line,) in database.run(
            f"SELECT replace(row_to_json(t)::text, '|', '\\u007c') FROM (SELECT {names} FROM audit_logs ORDER BY seq) t")]
    else:
        rows = [dict(zip([*MEMBERS, "prev_hash", "hash"], row)) for row in
                database.run(f"SELECT {names} FROM audit_logs ORDER BY seq")]
    before = "0" * 64
    for number, row in enumerate(rows, 1):
        assert (row["seq"], row["prev_hash"]) == (number, before)
        text = json.dumps({name: row[name] for name in MEMBERS}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        before = hashlib.sha256((text + before).encode()).hexdigest()
        assert row["hash"] == before
    done = verify(each_server)  # while the server runs
    assert done.returncode == 0 and f"{len(rows)} rows" in done.stdout, done


def test_checkpoints_are_signed_lines_that_name_each_other(written):
    lines = (written.data / FILE).read_text().splitlines()
    assert ((written.data / FILE).stat().st_mode & 0o777) == 0o600
    before = "0" * 64
    for number, line in enumerate(lines, 1):
        checkpoint = json.loads(line)["checkpoint"]
        assert (checkpoint["number"], checkpoint["previous"]) == (number, before)
        body = json.dumps(checkpoint, sort_keys=True, separators=(",", ":"))
        assert f'{{"checkpoint":{body},' in line
        before = hashlib.sha256(body.encode()).hexdigest()
    assert len(lines) >= 4


CUT_OFF = ["DELETE FROM audit_logs WHERE seq > 30", "DELETE FROM audit_checkpoints WHERE seq > 30",
           "UPDATE audit_head SET seq = 30, hash = (SELECT hash FROM audit_logs WHERE seq = 30), checkpoint_seq = 30, "
           "checkpoint = (SELECT MAX(number) FROM audit_checkpoints)"]
TAMPERINGS = {
    "edit": (["UPDATE audit_logs SET actor_name = 'mallory' WHERE seq = 7"], "row 7 ", "edited"),
    "edit of the last": (["UPDATE audit_logs SET after_state = '{}' WHERE seq = 40"], "row 40 ", "edited"),
    "removal": (["DELETE FROM audit_logs WHERE seq = 12"], "row 12 ", "removed"),
    "reorder": (["UPDATE audit_logs SET seq = -1 WHERE seq = 30", "UPDATE audit_logs SET seq = 30 WHERE seq = 31",
                 "UPDATE audit_logs SET seq = 31 WHERE seq = -1"], "row 30 ", "reordered"),
    "insertion": (["INSERT INTO audit_logs (id, at, actor_kind, action, resource_type, resource_id, seq, prev_hash, hash) "
                   "SELECT '00000000-0000-7000-8000-000000000000', at, actor_kind, action, resource_type, 'forged', 41, hash, "
                   "hash FROM audit_logs WHERE seq = 40"], "row 41 ", "inserted"),
    "insertion without a place": (["INSERT INTO audit_logs (id, at, actor_kind, action, resource_type, resource_id) VALUES "
                                   "('00000000-0000-7000-8000-000000000000', 5, 'user', 'a', 'b', 'c')"], "1 rows", "not chained"),
    "truncation": (["DELETE FROM audit_logs WHERE seq > 30", "UPDATE audit_head SET seq = 30, hash = (SELECT hash FROM "
                    "audit_logs WHERE seq = 30)"], "rows 31 to", "missing"),
    "truncation with checkpoints": (CUT_OFF, "rows 31 to", "missing"),
}


@pytest.mark.parametrize("how", TAMPERINGS)
def test_verify_finds(written, how):
    statements, where, why = TAMPERINGS[how]
    Database(written).tamper(*statements)
    done = verify(written)
    assert done.returncode == 1, done
    assert where in done.stdout and why in done.stdout, done.stdout


def test_the_database_itself_refuses(written):
    database = Database(written)
    for sql in ("UPDATE audit_logs SET actor_name = 'mallory' WHERE seq = 7", "DELETE FROM audit_logs WHERE seq = 40",
                "DELETE FROM audit_checkpoints"):
        with pytest.raises((sqlite3.IntegrityError, subprocess.CalledProcessError)):
            database.run(sql)
    assert verify(written).returncode == 0


def test_a_file_kept_elsewhere_is_a_witness(written):
    elsewhere = written.dir / "elsewhere.jsonl"
    elsewhere.write_bytes((written.data / FILE).read_bytes())
    (written.data / FILE).unlink()
    Database(written).tamper(*CUT_OFF)
    alone = verify(written)  # nothing left to see it by, and it says so
    assert alone.returncode == 0 and "no checkpoints outside the database" in alone.stdout, alone
    assert verify(written, "--checkpoints", elsewhere).returncode == 1


def test_what_cannot_be_checked_is_no_verdict(written, tmp_path):
    done = run_cli("audit", "verify", "--data", tmp_path)
    assert done.returncode == 3 and "there is no" in done.stderr, done
    assert list(tmp_path.iterdir()) == []
    assert verify(written, "--checkpoints", tmp_path / "none").returncode == 2


def test_a_crash_leaves_nothing_unchained_for_long(new_server):
    """Whatever was acknowledged is chained after the next start, in one chain, with the checkpoints in the file."""
    server = new_server(env=EVERY_ROW)
    for _ in range(3):
        threads = [threading.Thread(target=lambda: [create(server.api) for _ in range(25)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.kill()
        server.start()
        wait_chained(server)
        done = verify(server)
        assert done.returncode == 0, done
    assert Database(server).count("seq IS NOT NULL") >= 300


def test_two_processes_make_one_chain(new_server):
    first = new_server(pg=True, env={**EVERY_ROW, "FAIRWAY_SECRET_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})
    second = new_server(database_url=first.database_url, env=first.env)
    threads = [threading.Thread(target=lambda s=s: [create(s.api) for _ in range(30)]) for s in (first, second) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_chained(first)
    wait_signed(first, 3)
    wait_signed(second, 3)  # each data folder is a witness of all
    key = {"FAIRWAY_SECRET_KEY": first.env["FAIRWAY_SECRET_KEY"]}
    for server in (first, second):
        done = run_cli("audit", "verify", "--data", server.data, "--database", server.database_url, env=key)
        assert done.returncode == 0 and "120 rows" in done.stdout, done


# ---- over HTTP


def moment(entry):
    return datetime.datetime.fromisoformat(entry["at"].replace("Z", "+00:00"))


def entries(api, **query):
    return list(api.pages("/api/audit-logs", query=query, limit=2))


def test_search_by_each_filter(each_api):
    ids = [create(each_api) for _ in range(5)]
    answer = each_api.patch(f"/api/organizations/{ids[0]}", {"name": "renamed"}, headers={"Content-Type": "application/merge-patch+json"})
    request = answer.headers["X-Request-Id"]
    of_one = entries(each_api, resource_type="Organization", resource_id=ids[0])
    assert [e["action"] for e in of_one] == ["organizations.updated", "organizations.created"]  # newest first
    assert [e["id"] for e in entries(each_api, request_id=request)] == [of_one[0]["id"]]
    assert {e["action"] for e in entries(each_api, action="organizations.updated")} == {"organizations.updated"}
    assert {"organizations.updated", "organizations.created"} <= {e["action"] for e in entries(each_api, action="organizations.*")}
    assert entries(each_api, action="organization.*") == [] and entries(each_api, actor="nobody") == []
    times = [moment(e) for e in reversed(entries(each_api, resource_type="Organization"))]
    assert times == sorted(times)
    middle = times[len(times) // 2].isoformat()
    late, early = entries(each_api, **{"from": middle}), entries(each_api, to=middle)
    everything = entries(each_api)
    assert all(moment(e) >= times[len(times) // 2] for e in late) and not {e["id"] for e in late} & {e["id"] for e in early}
    assert len(late) + len(early) == len(everything) and late and early
    assert len({e["id"] for e in everything}) == len(everything)
    assert all("before" not in e and "after" not in e for e in everything)


def test_one_entry_has_before_and_after(each_api):
    subject = create(each_api)
    each_api.patch(f"/api/organizations/{subject}", {"name": "new name"}, headers={"Content-Type": "application/merge-patch+json"})
    entry, created = entries(each_api, resource_id=subject)
    whole = each_api.get(f"/api/audit-logs/{entry['id']}").json()
    assert whole["after"]["name"] == "new name" and whole["before"]["name"].startswith("audited-")
    assert each_api.get(f"/api/audit-logs/{created['id']}").json()["before"] is None
    assert each_api.get("/api/audit-logs/0192a3b4-c5d6-7e8f-9012-3456789abcde").status == 404
    assert each_api.get("/api/audit-logs", query={"cursor": "AAAA"}).status == 400
    assert each_api.get("/api/audit-logs", query={"from": "yesterday"}).status in (400, 422)
    for method in (each_api.delete, each_api.put, each_api.patch):
        assert method(f"/api/audit-logs/{entry['id']}").status == 405


def test_export_as_json_lines_and_csv(each_api):
    formula = '=cmd|"/c calc"!A1'
    ids = [create(each_api) for _ in range(70)]  # more than a chunk
    each_api.patch(f"/api/organizations/{ids[0]}", {"name": formula}, headers={"Content-Type": "application/merge-patch+json"})
    answer = each_api.get("/api/audit-logs/export", query={"resource_type": "Organization"})
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert set(ids) <= {line["resource_id"] for line in lines}
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)
    assert lines == [each_api.get(f"/api/audit-logs/{line['id']}").json() | {
        k: line[k] for k in ("seq", "hash", "prev_hash")} for line in lines]
    answer = each_api.get("/api/audit-logs/export", query={"format": "csv", "resource_type": "Organization"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["id"] for row in rows] == [line["id"] for line in lines]
    for row, line in zip(rows, lines):
        assert row["action"] == line["action"] and json.loads(row["after"]) == line["after"]


def test_csv_runs_nowhere(server):
    """Whatever stands in a row, no cell begins as a formula does."""
    for n, start in enumerate("=+-@\t\r"):
        Database(server).run("INSERT INTO audit_logs (id, at, actor_kind, actor_name, action, resource_type, resource_id) VALUES "
                             f"('0192a3b4-c5d6-7e8f-9012-00000000000{n}', 1700000000000000, 'user', '{start}1+1', 'a', 'Csv', 'say \"x\",')")
    answer = server.api.get("/api/audit-logs/export", query={"format": "csv", "resource_type": "Csv"})
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert len(rows) == 7
    for row in rows[1:]:
        assert row[5].startswith("'") and row[12] == 'say "x",'
        assert not any(cell[:1] in set("=+-@\t\r\n") for cell in row if cell)


def job_of(api):
    job = api.post("/api/audit-logs/verify")
    assert job.status == 202, job
    path = job.headers["Location"]
    return until(lambda: (found := api.get(path).json())["state"] in ("succeeded", "dead") and found, what="the verification")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_verify_as_a_job(kind, new_server):
    server = new_server(pg=kind == "postgresql", env=EVERY_ROW)
    for _ in range(12):
        create(server.api)
    wait_chained(server)
    assert job_of(server.api)["state"] == "succeeded"
    Database(server).tamper("UPDATE audit_logs SET actor_name = 'mallory' WHERE seq = 3")
    job = job_of(server.api)
    assert job["state"] == "dead" and "row 3 " in job["error"] and "edited" in job["error"], job
    assert "audit.not_intact" in server.log()


def test_the_command_line_follows(server):
    subject = create(server.api)
    done = server.cli("audit-logs", "list", "--resource-id", subject)
    assert done.returncode == 0 and "organizations.created" in done.stdout, done
    done = server.cli("audit-logs", "export", "--resource-id", subject)
    assert done.returncode == 0 and json.loads(done.stdout)["resource_id"] == subject, done
