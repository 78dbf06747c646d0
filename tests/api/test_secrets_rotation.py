# SPDX-License-Identifier: Apache-2.0
"""Secrets at rest: nowhere in clear text, and the key they are sealed with is replaced while servers run."""
import fcntl
import os
import pathlib
import signal
import sqlite3
import subprocess

import pytest
from support import pg
from support.receiver import Receiver
from support.server import binary, run_cli
from support.wait import until

KEY_FILE = "secret.key"
HOOKS = 12


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request, new_server):
    return new_server(pg=request.param == "postgresql", env={"FAIRWAY_WEBHOOKS_ALLOW": "127.0.0.1", "FAIRWAY_LOG_LEVEL": "debug"})


def place(server):
    return ["--data", server.data, *(["--database", server.database_url] if server.database_url else [])]


def secrets(server, verb, *args):
    return run_cli("secrets", verb, *place(server), *args, cwd=server.dir)


def sealed(server):
    """Every sealed value."""
    sql = ("SELECT secret FROM webhooks UNION ALL SELECT previous_secret FROM webhooks WHERE previous_secret IS NOT NULL "
           "UNION ALL SELECT private_key FROM audit_keys UNION ALL SELECT private_key FROM signing_keys")
    if server.database_url:
        done = subprocess.run([pg.prefix() + "/psql", "-X", "-q", "-A", "-t", "-d", server.database_url, "-c", sql], check=True,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return done.stdout.split()
    connection = sqlite3.connect(server.data / "fairway.db", timeout=30)
    try:
        return [row[0] for row in connection.execute(sql)]
    finally:
        connection.close()


def key_ids(server):
    return {text.split(":")[1] for text in sealed(server)}


def create(api, url, name, **more):
    answer = api.post("/api/webhooks", {"name": name, "url": url, "types": ["organizations.*"], **more})
    assert answer.status == 201, answer
    return answer.json()


def filled(server, url):
    hooks = [create(server.api, url, f"hook {n}") for n in range(HOOKS)]
    for hook in hooks[:3]:  # with a secret before, which signs too
        assert server.api.post(f"/api/webhooks/{hook['id']}/rotate-secret").status == 200
    server.api.post("/api/organizations", {"name": "first", "slug": "first"})
    until(lambda: any(len(text) > 60 for text in sealed(server)) and len(sealed(server)) == HOOKS + 4, what="the signing key")
    return hooks


def assert_delivers(server, receiver, hook):
    """The secret opens: a signed message arrives."""
    before = len(receiver.messages)
    assert server.api.post(f"/api/webhooks/{hook['id']}/test").status == 202
    until(lambda: len(receiver.messages) > before, what="a delivery")


def test_rotation_while_the_server_runs(server):
    with Receiver() as receiver:
        hooks = filled(server, receiver.url)
        (old,) = key_ids(server)
        done = secrets(server, "rotate")
        assert done.returncode == 0, done
        (new,) = key_ids(server)
        assert new != old and f"{HOOKS + 4} values are sealed anew" in done.stdout
        assert_delivers(server, receiver, hooks[0])  # it has read the new key by itself
        create(server.api, receiver.url, "after")
        assert key_ids(server) == {new}
        early = secrets(server, "retire")
        assert early.returncode == 1 and "may still be running" in early.stderr
        assert secrets(server, "retire", "--now").returncode == 0
        assert len((server.data / KEY_FILE).read_text().split()) == 1
        assert ((server.data / KEY_FILE).stat().st_mode & 0o777) == 0o600
        server.restart()
        assert_delivers(server, receiver, hooks[-1])
    assert run_cli("audit", "verify", *place(server), cwd=server.dir).returncode == 0  # its key was sealed anew, too


def test_killed_in_the_middle_it_goes_on(server):
    with Receiver() as receiver:
        hooks = filled(server, receiver.url)
        (old,) = key_ids(server)
        command = [str(binary()), "secrets", "rotate", "--batch", "1", *map(str, place(server))]
        env = {k: v for k, v in os.environ.items() if not k.startswith("FAIRWAY_")}
        read_end, write_end = os.pipe()  # so full that it stops after three lines, in the middle of its work
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
        os.write(write_end, b"x" * 4000)
        with subprocess.Popen(command, stdout=write_end, env=env, cwd=server.dir) as running:
            os.close(write_end)
            until(lambda: len(key_ids(server)) == 2, what="the first value sealed anew")
            running.send_signal(signal.SIGKILL)
        os.close(read_end)
        assert len(key_ids(server)) == 2
        for hook in hooks:
            assert_delivers(server, receiver, hook)  # both keys open
        refused = secrets(server, "retire", "--now")
        assert refused.returncode == 1 and "still sealed with an old key" in refused.stderr
        assert secrets(server, "rotate").returncode == 0
        assert len(key_ids(server)) == 1 and old not in key_ids(server)
        assert len((server.data / KEY_FILE).read_text().split()) == 2, "no third key was made"
        again = secrets(server, "rotate")
        assert again.returncode == 0 and "already" in again.stdout
        assert secrets(server, "retire", "--now").returncode == 0
        server.restart()
        for hook in hooks:
            assert_delivers(server, receiver, hook)


def test_keys_given_by_the_environment(new_server):
    old, new = ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=")
    server = new_server(env={"FAIRWAY_SECRET_KEY": old})
    create(server.api, "https://hooks.example.com/x", "hook")
    run = {"cwd": server.dir}
    alone = run_cli("secrets", "rotate", *place(server), env={"FAIRWAY_SECRET_KEY": old}, **run)
    assert alone.returncode == 1 and "secret.old_keys" in alone.stderr
    server.stop()
    server.env = {"FAIRWAY_SECRET_KEY": new, "FAIRWAY_SECRET_OLD_KEYS": old}
    server.start()
    before = key_ids(server)
    done = run_cli("secrets", "rotate", *place(server), env=server.env, **run)
    assert done.returncode == 0 and not key_ids(server) & before, done
    assert old not in done.stdout + done.stderr and new not in done.stdout + done.stderr
    assert "remove them" in run_cli("secrets", "retire", *place(server), env=server.env, **run).stdout


def test_a_damaged_value_is_named_and_left(server):
    with Receiver() as receiver:
        hooks = filled(server, receiver.url)
        sql = f"UPDATE webhooks SET secret = 'v1:00000000:AAAA' WHERE id = '{hooks[5]['id']}'"
        if server.database_url:
            subprocess.run([pg.prefix() + "/psql", "-X", "-q", "-d", server.database_url, "-c", sql], check=True)
        else:
            with sqlite3.connect(server.data / "fairway.db", timeout=30) as connection:
                connection.execute(sql)
        done = secrets(server, "rotate")
        assert done.returncode == 1 and hooks[5]["id"] in done.stderr, done
        assert len(key_ids(server)) == 2  # all others are done


def dump(server):
    done = subprocess.run([pg.prefix() + "/pg_dump", "-d", server.database_url], check=True, capture_output=True)
    return done.stdout


def test_a_secret_is_nowhere_in_clear_text(server, postgres_databases):
    """A canary through the API, then everything that is on the disk: database, WAL, log, PostgreSQL's own files, a dump."""
    canary = "whsec_" + "Q0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJZ"
    header = "canary-7c1b0a55-of-a-health-check"
    hook = create(server.api, "https://hooks.example.com/x", "canary", secret=canary)
    server.api.patch(f"/api/webhooks/{hook['id']}", {"name": "renamed", "secret": canary + "Q0FO"},
                     headers={"Content-Type": "application/merge-patch+json"})
    service = server.api.post("/api/services", {"name": "canary", "owner": "x"}).json()
    answer = server.api.post(f"/api/services/{service['id']}/health-checks", {
        "name": "x", "endpoint": "http://example.com", "enabled": False, "headers": {"X-Key": header}})
    assert answer.status == 201, answer
    assert server.api.post("/api/webhooks", {"name": "bad", "url": "https://x.example.com", "types": ["*"],
                                             "secret": canary + "!"}).status == 422  # refused, and not logged either
    assert secrets(server, "rotate").returncode == 0
    server.kill()  # what is in the WAL stays there
    needles = [canary.removeprefix("whsec_").encode(), header.encode()]
    folders = [server.dir, *([pathlib.Path(postgres_databases.server.dir)] if server.database_url else [])]
    files = [path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert [needle for needle in needles for text in files if needle in text] == []
    assert any(b"renamed" in text for text in files), "nothing was written"
    if server.database_url:
        text = dump(server)
        assert b"renamed" in text and not any(needle in text for needle in needles)
