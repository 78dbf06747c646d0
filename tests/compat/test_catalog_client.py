# SPDX-License-Identifier: Apache-2.0
"""Backstage's own catalog client (npm @backstage/catalog-client) drives the real program, on both databases."""
import pathlib
import shutil
import subprocess

import pytest

from support.files import Files
from support.wait import until

FOLDER = pathlib.Path(__file__).parent / "catalog-client"
HEAD = "apiVersion: backstage.io/v1alpha1\n"
MAIN = "---\n".join(HEAD + text for text in (
    "kind: Group\nmetadata: { name: team-a }\nspec: { type: team, children: [] }\n",
    "kind: API\nmetadata: { name: cart-api }\n"
    "spec: { type: openapi, lifecycle: production, owner: team-a, definition: 'openapi: 3.0.0' }\n",
    "kind: Component\nmetadata: { name: cart, title: Shopping cart, tags: [go] }\n"
    "spec: { type: service, lifecycle: production, owner: team-a, providesApis: [cart-api] }\n",
    "kind: Component\nmetadata: { name: lib }\nspec: { type: library, lifecycle: experimental, owner: team-a }\n",
    "kind: Component\nmetadata: { name: web }\nspec: { type: website, lifecycle: production, owner: team-a }\n"))
EXTRA = HEAD + "kind: Component\nmetadata: { name: extra }\nspec: { type: service, lifecycle: x, owner: team-a }\n"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("catalog-client")
    for name in ("package.json", "package-lock.json", "drive.mjs"):
        shutil.copy(FOLDER / name, folder)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder,
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install @backstage/catalog-client: {done.stderr[-500:]}")
    return folder


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_catalog_client_of_backstage_works(database, client, new_server):
    with Files() as files:
        files["/main.yaml"] = MAIN
        files["/extra.yaml"] = EXTRA
        server = new_server(pg=database == "postgresql", config=(
            "catalog:\n  rules: [{ allow: [Component, API, Group, Location] }]\n"
            f"  locations: [{{ type: url, target: '{files.url}/main.yaml' }}]\n"
            f"backend: {{ reading: {{ allow: [{{ host: '127.0.0.1:{files.port}' }}] }} }}\n"))
        until(lambda: server.api.get("/api/catalog/entities/by-name/component/default/web").status == 200)
        done = subprocess.run(["node", "drive.mjs", server.url, files.url], cwd=client,
                              capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok ") == 12, done.stdout
