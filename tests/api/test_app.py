# SPDX-License-Identifier: Apache-2.0
"""The program as a whole: starting, stopping, settings, migrations, backup and restore, doctor."""
import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import tarfile

import pytest

from support import wait
from support.server import run_cli


def organizations(server):
    return {item["name"] for item in server.api.pages("/api/organizations")}


# ---- serving

def test_restart_keeps_everything(new_server):
    server = new_server()
    assert server.api.post("/api/organizations", {"name": "Kept", "slug": "kept"}).status == 201
    server.restart()
    assert "Kept" in organizations(server)
    server.kill()
    server.start()
    assert "Kept" in organizations(server)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(new_server, number):
    server = new_server()
    with server.api.events() as stream:
        assert stream.status == 200
        server.signal(number)
        assert server.wait(20) == 0


def test_two_servers_start_at_once(new_server, postgres_databases, tmp_path):
    """Both migrate the same empty database; both serve."""
    from support.server import FairwayServer
    from conftest import new_database
    url = new_database(postgres_databases)
    pair = [FairwayServer(database_url=url), FairwayServer(database_url=url)]
    try:
        for server in pair:
            server.spawn()
        for server in pair:
            wait.until(lambda: b"ready at" in server.stdout_path.read_bytes() or server.process.poll() is not None, 60)
            assert server.process.poll() is None, server.log()
    finally:
        for server in pair:
            server.close()


def test_open_is_refused_beyond_loopback(tmp_path):
    done = run_cli("serve", "--auth", "open", "--host", "0.0.0.0", "--port", "0", "--data", str(tmp_path / "data"))
    assert done.returncode == 2 and "refused on 0.0.0.0" in done.stderr


def test_port_in_use(server, tmp_path):
    done = run_cli("serve", "--auth", "open", "--port", str(server.port), "--data", str(tmp_path / "data"))
    assert done.returncode == 1 and f"server.port (--port): Port {server.port} of 127.0.0.1 is taken" in done.stderr


@pytest.mark.parametrize("args,told", [
    (["--prot", "1"], "did you mean --port?"),
    (["--port", "99999"], "65535"),
    (["--config"], "--config needs a file name"),
    (["--config", "/no/such/file.yaml"], "/no/such/file.yaml"),
    (["extra"], "'extra' is one argument too many"),
    (["--services", "catalgo"], "services (--services): there is no module 'catalgo'; there are organizations, "),
    (["--database", "mysql://app@db/app"], "database.url (--database): The database URL must begin with"),
    (["--base-url", "fairway"], "server.base_url (--base-url): must be a URL"),
    (["--host", "192.0.2.1"], "server.host (--host): Cannot listen on 192.0.2.1"),
])
def test_wrong_settings(tmp_path, args, told):
    """Exit code 2, and which setting it is, where it was given, and what will do."""
    done = run_cli("serve", "--data", str(tmp_path / "data"), *args)
    assert done.returncode == 2 and told in done.stderr, done


@pytest.mark.parametrize("text,told", [
    ("catalog:\n  locations:\n    type: file\n    target: a.yaml\n", "fairway.yaml:3: catalog.locations must be a list."),
    ("reading:\n  allow: example.com\n", "reading.allow must be a list; it is \"example.com\"."),
    ("server:\n  port: ninety\n", "fairway.yaml:2: server.port must be a whole number, from 0 to 65535; it is \"ninety\"."),
])
def test_wrong_values_in_a_file(tmp_path, text, told):
    config = tmp_path / "fairway.yaml"
    config.write_text(text)
    done = run_cli("serve", "--data", str(tmp_path / "data"), "--config", config)
    assert done.returncode == 2 and told in done.stderr, done


def test_places_that_cannot_be_used(tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = run_cli("serve", "--data", str(tmp_path / "taken"))
    assert done.returncode == 1 and f"data.dir (--data): folder {tmp_path}/taken" in done.stderr, done
    gone = {"FAIRWAY_DATABASE_URL": "postgresql://app:open-sesame@127.0.0.1:1/app"}
    done = run_cli("serve", "--data", str(tmp_path / "data"), env=gone)
    assert done.returncode == 1 and "database.url (environment FAIRWAY_DATABASE_URL): The PostgreSQL server" in done.stderr, done
    assert "open-sesame" not in done.stderr


def test_module_subset(new_server):
    server = new_server(args=["--services", "organizations"])
    assert [m["name"] for m in server.api.get("/api").json()["modules"]] == ["organizations"]
    assert server.api.get("/api/organizations").status == 200
    assert server.api.get("/api/catalog/locations").status == 404
    assert "without its module services" in server.api.get("/api/services").json()["detail"]


def test_sighup_reads_settings_again(new_server):
    server = new_server(config="log:\n  level: error\n")
    server.config_path.write_text("log:\n  level: debug\n")
    server.signal(signal.SIGHUP)
    server.config_path.write_text("log: {level: loud}\n")
    assert server.api.get("/api/health").status == 200
    server.signal(signal.SIGHUP)
    wait.until(lambda: "settings.reload_failed" in server.log(), what="the refused settings in the log")
    assert server.api.get("/api/health").status == 200


def test_listening_settings(new_server):
    """Where it listens is printed; how people reach it may differ. Idle connections are closed after the time set."""
    server = new_server(args=["--base-url", "https://fairway.example.com/"], env={"FAIRWAY_HTTP_IDLE_TIMEOUT": "1s"})
    assert server.url.startswith("http://127.0.0.1:")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 ")


# ---- migrations

def test_migrate(tmp_path):
    data = ["--data", str(tmp_path / "data")]
    before = run_cli("migrate", "--status", *data)
    assert before.returncode == 1 and before.stdout.startswith("0 of ") and before.stderr == ""
    assert not (tmp_path / "data").exists()
    done = run_cli("migrate", *data)
    assert done.returncode == 0 and "up to date" in done.stdout
    assert run_cli("migrate", *data).stdout.startswith("0 migrations applied")
    assert run_cli("migrate", "--status", *data).returncode == 0


def test_changed_migration_is_refused(tmp_path):
    data = ["--data", str(tmp_path / "data")]
    assert run_cli("migrate", *data).returncode == 0
    with sqlite3.connect(tmp_path / "data" / "fairway.db") as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(schema_migrations)")]
        digest = next(c for c in columns if "sha" in c or "hash" in c)
        db.execute(f"UPDATE schema_migrations SET {digest} = 'other' WHERE name LIKE '0001%'")
    refused = run_cli("serve", "--port", "0", *data)
    assert refused.returncode == 1 and "0001" in refused.stderr


# ---- backup and restore

def test_backup_and_restore(new_server, tmp_path):
    server = new_server()
    assert server.api.post("/api/organizations", {"name": "Saved", "slug": "saved"}).status == 201
    file, data = tmp_path / "backup.tar.gz", ["--data", str(server.data)]
    done = run_cli("backup", str(file), *data)  # while it runs
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as tar:
        assert tar.getnames() == ["manifest.json", "fairway.db", "secret.key"]
        manifest = json.load(tar.extractfile("manifest.json"))
    assert manifest["database"] == "sqlite" and len(manifest["files"]) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["backup.tar.gz"], "nothing is left lying about"
    again = run_cli("backup", str(file), *data)
    assert again.returncode == 1 and "is there already" in again.stderr

    assert server.api.post("/api/organizations", {"name": "Later", "slug": "later"}).status == 201
    refused = run_cli("restore", str(file), *data)
    assert refused.returncode == 1 and "--force" in refused.stderr
    running = run_cli("restore", str(file), "--force", *data)
    assert running.returncode == 1 and "stop it first" in running.stderr
    assert "Later" in organizations(server)
    server.stop()
    restored = run_cli("restore", str(file), "--force", *data)
    assert restored.returncode == 0 and "Restored the backup of 20" in restored.stdout, restored.stderr
    server.start()
    assert "Saved" in organizations(server) and "Later" not in organizations(server)
    kept = [p.name for p in server.data.iterdir() if ".before-" in p.name]
    assert any(name.startswith("fairway.db.before-") for name in kept)

    elsewhere = run_cli("restore", str(file), "--data", str(tmp_path / "new"))
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert (tmp_path / "new" / "secret.key").read_bytes() == (server.data / "secret.key").read_bytes()
    assert sorted(p.name for p in (tmp_path / "new").iterdir() if "-" not in p.name) == ["fairway.db", "secret.key"]


def test_backup_without_key(new_server, tmp_path):
    server = new_server()
    done = run_cli("backup", str(tmp_path / "b.tgz"), "--no-secret-key", "--data", str(server.data))
    assert done.returncode == 0 and "secret key is not in it" in done.stdout
    with tarfile.open(tmp_path / "b.tgz") as tar:
        assert tar.getnames() == ["manifest.json", "fairway.db"]


def repack(source, target, change):
    with tarfile.open(source) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}
    change(members)
    work = target.parent / (target.name + ".d")
    work.mkdir()
    for name, content in members.items():
        (work / name).write_bytes(content)
    with tarfile.open(target, "w:gz") as tar:
        for name in members:
            tar.add(work / name, arcname=name)


@pytest.mark.parametrize("damage,told", [
    (lambda m: m.update({"fairway.db": m["fairway.db"][:-1] + b"x"}), "damaged"),
    (lambda m: m.pop("fairway.db"), "tar failed"),
    (lambda m: m.update({"manifest.json": b"{"}), "end"),
    (lambda m: m.update({"manifest.json": m["manifest.json"].replace(b'"format": 1', b'"format": 9')}), "does not know"),
    (lambda m: m.update({"manifest.json": m["manifest.json"].replace(b'"secret.key"', b'"../evil"')}), "no backup has"),
    (lambda m: m.update({"manifest.json": m["manifest.json"].replace(b'"sqlite"', b'"postgresql"')}), "is of PostgreSQL"),
])
def test_damaged_backup(server, tmp_path, damage, told):
    """Refused before anything is touched."""
    whole, broken, target = tmp_path / "whole.tgz", tmp_path / "broken.tgz", tmp_path / "target"
    assert run_cli("backup", str(whole), "--data", str(server.data)).returncode == 0
    repack(whole, broken, damage)
    done = run_cli("restore", str(broken), "--data", str(target))
    assert done.returncode == 1 and told in done.stderr, done
    assert list(target.iterdir()) == []


def test_backup_and_restore_postgresql(server_pg, postgres_databases, tmp_path):
    if server_pg.api.get("/api/organizations?slug=saved").json()["items"] == []:
        assert server_pg.api.post("/api/organizations", {"name": "Saved", "slug": "saved"}).status == 201
    tools = postgres_databases.server.bin
    env = {"PATH": tools + ":" + os.environ["PATH"], "FAIRWAY_DATABASE_URL": server_pg.database_url}
    file = tmp_path / "backup.tar.gz"
    done = run_cli("backup", str(file), "--data", str(server_pg.data), env=env)
    assert done.returncode == 0, done.stderr
    refused = run_cli("restore", str(file), "--data", str(tmp_path / "data"), env=env)
    assert refused.returncode == 1 and "holds data" in refused.stderr
    env["FAIRWAY_DATABASE_URL"] = postgres_databases.create()
    done = run_cli("restore", str(file), "--data", str(tmp_path / "data"), env=env)
    assert done.returncode == 0, done.stderr
    found = subprocess.run([tools + "/psql", "-X", "-A", "-t", "-d", env["FAIRWAY_DATABASE_URL"], "-c",
                            "SELECT count(*) FROM organizations WHERE name = 'Saved'"], capture_output=True, text=True)
    assert found.stdout.strip() == "1", found.stderr
    done = run_cli("restore", str(file), "--force", "--data", str(tmp_path / "other"), env=env)
    assert done.returncode == 0, done.stderr


# ---- doctor

def findings(done):
    return {line[6:18].strip(): (line[:5].strip(), line[19:]) for line in done.stdout.splitlines()[:-1]}


def test_doctor(server, tmp_path):
    fresh = run_cli("doctor", "--data", str(tmp_path / "data"), "--port", "0")
    assert fresh.returncode == 0, fresh.stdout
    found = findings(fresh)
    assert found["data"][0] == found["database"][0] == found["git"][0] == "ok"
    assert not (tmp_path / "data").exists(), "it changes nothing"
    running = findings(run_cli("doctor", "--data", str(server.data), "--port", str(server.port)))
    assert running["address"][0] == "warn" and "is taken" in running["address"][1]
    assert running["schema"] == ("ok", "is that of this version")
    assert running["pages"] == ("ok", "whole")
    assert running["secret key"][0] == "ok"


def test_doctor_finds(tmp_path):
    data = tmp_path / "data"
    assert run_cli("migrate", "--data", str(data)).returncode == 0
    data.chmod(0o755)
    (data / "secret.key").write_text("x")
    (data / "secret.key").chmod(0o644)
    done = run_cli("doctor", "--data", str(data), "--auth", "open", "--host", "0.0.0.0", "--port", "0")
    found = findings(done)
    assert done.returncode == 1
    assert found["data"][0] == "warn" and "chmod 700" in found["data"][1]
    assert found["secret key"][0] == "fail" and "chmod 600" in found["secret key"][1]
    assert found["sign-in"][0] == "fail"
    with open(data / "fairway.db", "r+b") as file:  # one page in the middle is overwritten
        head = file.read(32)
        page_size, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
        file.seek(pages // 2 * page_size)
        file.write(b"\xde\xad" * 2048)
    damaged = findings(run_cli("doctor", "--data", str(data), "--port", "0"))
    assert damaged["pages"][0] == "fail" and "Restore a backup" in damaged["pages"][1]
    (data / "fairway.db").write_bytes(b"this is no database" * 100)
    assert findings(run_cli("doctor", "--data", str(data), "--port", "0"))["database"][0] == "fail"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
    config = tmp_path / "fairway.yaml"
    config.write_text("sever:\n  port: 1\n")
    assert findings(run_cli("doctor", "--data", str(tmp_path / "d2"), "--config", str(config), "--port", "0"))["settings"][0] == "warn"
