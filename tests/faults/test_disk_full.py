# SPDX-License-Identifier: Apache-2.0
"""The data folder on a small file system of its own, which is filled up while the server runs."""
import os
import pathlib
import subprocess

import pytest
from support import wait
from support.server import FairwayServer

MIB = 1024 * 1024


class SmallDiskServer(FairwayServer):
    """Its data folder is a tmpfs that only this process sees; others reach it through /proc."""

    SIZE = "40m"

    def command(self):
        self.data.mkdir(exist_ok=True)
        mount = f'mount -t tmpfs -o size={self.SIZE} data "$1" && shift && exec "$@"'
        return [*namespace(), "sh", "-c", mount, "sh", str(self.data), *super().command()]

    @property
    def disk(self):
        return pathlib.Path(f"/proc/{self.process.pid}/root{self.data}")


def namespace():
    return ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture
def server(binary):
    tried = subprocess.run([*namespace(), "sh", "-c", "mount -t tmpfs data /mnt"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no file system of one's own here: {tried.stderr.strip()}")
    with SmallDiskServer() as running:
        yield running


def fill(folder):
    with open(folder / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(b"x" * 65536):
                pass
        except OSError:
            pass


def assert_says_full(refused):
    """What is full and what to do, under a type of its own: not 413, as if the request were at fault."""
    assert refused.status == 507, refused
    problem = refused.json()
    assert problem["type"] == "urn:fairway:problem:insufficient-storage", refused
    assert problem["code"] == "insufficient-storage" and problem["status"] == 507, refused
    assert problem["detail"].startswith("The disk that holds the database is full"), refused
    assert "free some space" in problem["detail"], refused


def create(api, number):
    return api.post("/api/organizations", {"name": f"Organization {number}", "slug": f"o{number}",
                                           "settings": {"text": "x" * 20000}})


def test_a_full_disk_refuses_writes_and_loses_nothing(server):
    api, acknowledged = server.api, set()
    for number in range(5):
        assert create(api, number).status == 201
        acknowledged.add(f"o{number}")
    fill(server.disk)
    refused = None
    for number in range(5, 500):  # there is room in pages that are already allocated
        answer = create(api, number)
        if answer.status != 201:
            refused = answer
            break
        acknowledged.add(f"o{number}")
    assert refused is not None, "the disk did not fill up"
    assert_says_full(refused)

    assert {item["slug"] for item in api.pages("/api/organizations", limit=100)} == acknowledged | {"default"}
    assert api.get("/api/ready").status == 200

    (server.disk / "filler").unlink()
    wait.until(lambda: create(api, 1000).status == 201, what="a write after there is space again")
    assert {item["slug"] for item in api.pages("/api/organizations", limit=100)} == acknowledged | {"default", "o1000"}


ENTITIES = "/api/catalog/entities"


def test_a_long_list_tells_that_its_file_finds_no_room(server):
    api = server.api
    for number in range(24):  # more than a list may have that is made in memory
        entity = {"apiVersion": "backstage.io/v1alpha1", "kind": "Component",
                  "metadata": {"name": f"c{number}", "description": "x" * 60000},
                  "spec": {"type": "service", "lifecycle": "production", "owner": "team-a"}}
        answer = api.request("PUT", f"{ENTITIES}/by-name/component/default/c{number}", json_body=entity)
        assert answer.status == 201, answer
    assert len(api.get(ENTITIES).json()) == 24
    fill(server.disk)
    refused = api.get(ENTITIES)
    assert refused.status == 507, refused
    message = refused.json()["error"]["message"]
    assert "the disk of the data folder is full" in message and "free some space" in message, refused
    assert api.get(ENTITIES, query={"limit": 2}).status == 200, "a page needs no file"
    (server.disk / "filler").unlink()
    assert len(api.get(ENTITIES).json()) == 24


def test_a_backup_tells_which_disk_is_full(server):
    assert create(server.api, 1).status == 201
    fill(server.disk)
    inside = ["nsenter", "--target", str(server.process.pid), "--mount"]
    if os.geteuid() != 0:
        inside += ["--user", "--preserve-credentials"]
    target = server.data / "backup.tar.gz"
    run = subprocess.run([*inside, str(server.binary), "backup", str(target), "--data", str(server.data)],
                         capture_output=True, text=True, env=server.environment())
    assert run.returncode == 1, run
    assert str(target) in run.stderr and ("is full" in run.stderr or "No space left" in run.stderr), run
    left = sorted(path.name for path in server.disk.iterdir() if path.name.startswith("backup"))
    assert left == [], "nothing half-made stays"
