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

    SIZE = "24m"

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
    assert refused.status >= 400 and "disk" in refused.json()["detail"].lower(), refused

    assert {item["slug"] for item in api.pages("/api/organizations", limit=100)} == acknowledged | {"default"}
    assert api.get("/api/ready").status == 200

    (server.disk / "filler").unlink()
    wait.until(lambda: create(api, 1000).status == 201, what="a write after there is space again")
    assert {item["slug"] for item in api.pages("/api/organizations", limit=100)} == acknowledged | {"default", "o1000"}
