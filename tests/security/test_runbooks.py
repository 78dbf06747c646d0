# SPDX-License-Identifier: Apache-2.0
"""The commands of the runbooks, as they stand there, against a server in which the ids in capitals are real."""
import re
import shlex

import pytest

from support.api import Api
from support.identity import NO_LIMITS, first_admin, new_user
from support.server import ROOT, run_cli

BOOKS = ROOT / "docs" / "operations" / "runbooks"


def commands(book):
    """Each line that begins with fairway in the book's shell blocks, without what is said beside it."""
    blocks = re.findall(r"```sh\n(.*?)```", (BOOKS / book).read_text(), re.S)
    return [line.split("   ")[0].strip() for block in blocks for line in block.splitlines() if line.startswith("fairway ")]


@pytest.fixture(scope="module")
def world(binary, tmp_path_factory):
    from support.server import FairwayServer
    folder = tmp_path_factory.mktemp("runbooks")
    with FairwayServer(auth=None, env=NO_LIMITS) as server:
        server.admin = first_admin(server, "admin@example.com")
        person = new_user(server.admin, "ada@example.com")
        key = person.post("/api/api-keys", {"name": "leaked", "scopes": ["*:read"]}).json()["api_key"]
        hook = server.admin.post("/api/webhooks", {"name": "h", "url": "https://hooks.example.org/x"}).json()
        other = server.admin.post("/api/users", {"email": "new@example.com", "name": "N"}).json()
        server.key = server.admin.post("/api/api-keys", {"name": "operator", "scopes": ["*:*"]}).json()["key"]
        server.session = new_user(server.admin, "session@example.com").tokens["access_token"]
        server.names = {"PREFIX": key["prefix"], "KEY_ID": key["id"], "USER_ID": person.user["id"], "WEBHOOK_ID": hook["id"],
                        "/var/lib/fairway": str(server.data), "/tmp/evidence": str(folder / "evidence"), "/tmp/before": str(folder / "before"),
                        "/backup/": f"{folder}/", "fwo_…": server.admin.post(f"/api/users/{other['id']}/one-time-link").json()["token"],
                        "'…'": "'a violet bus by the sea'"}
        yield server


def run(server, command):
    for name, value in server.names.items():
        command = command.replace(name, value)
    token = server.session if command.startswith("fairway auth sessions") else server.key
    done = run_cli(*shlex.split(command)[1:], url=server.url, env={"FAIRWAY_TOKEN": token})
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


# key-rotation.md is acted out, with its waiting, in tests/api/test_secrets_rotation.py
@pytest.mark.parametrize("book", ["incident.md", "lost-admin.md", "signing-keys.md"])
def test_commands_run(world, book):
    found = commands(book)
    assert found
    for command in found:
        # who was deactivated one section before gets a link only when they are active again
        if "one-time-link" in command:
            again = Api(world.url, headers={"Authorization": "Bearer " + world.key})
            assert again.patch(f"/api/users/{world.names['USER_ID']}", {"status": "active"}).status == 200
        run(world, command)
