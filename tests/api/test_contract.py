# SPDX-License-Identifier: Apache-2.0
"""The contract as a document: it lints clean with a public linter, is what the server publishes, and its
committed reference page is the one that api/*.yaml gives."""
import glob
import gzip
import json
import os
import shutil
import subprocess

import pytest

from support.server import ROOT, binary

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.dirname(binary() or ".")
NPM_FOLDER = os.path.join(ROOT, "build", "npm-tests-api")


def test_served_document_is_the_built_one(api):
    with open(os.path.join(BUILD, "gen", "openapi.json"), "rb") as f:
        built = f.read()
    plain = api.get("/api/openapi.json")
    assert plain.status == 200
    assert plain.body == built
    packed = api.request("GET", "/api/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == built
    again = api.request("GET", "/api/openapi.json", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_reference_page_is_current(tmp_path):
    tool = os.path.join(BUILD, "tools", "fairway-contract")
    page = tmp_path / "api.md"
    subprocess.run([tool, "--reference", str(page), *sorted(glob.glob(os.path.join(ROOT, "api", "*.yaml")))], check=True)
    with open(os.path.join(ROOT, "docs", "reference", "api.md"), encoding="utf-8") as f:
        assert f.read() == page.read_text(encoding="utf-8"), "docs/reference/api.md is out of date: run `make gen`"


def test_types_are_current(tmp_path):
    """web/src/schema.d.ts is what the contract gives."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    folder = os.path.join(ROOT, "build", "npm-types")
    if not os.path.exists(os.path.join(folder, "node_modules", ".bin", "openapi-typescript")):
        os.makedirs(folder, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(os.path.join(ROOT, "web", name), folder)
        made = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                              cwd=folder, capture_output=True, text=True)
        if made.returncode != 0:
            pytest.skip("npm could not install the generator: " + made.stderr[-300:])
    fresh = tmp_path / "schema.d.ts"
    document = os.path.join(BUILD, "gen", "openapi.json")
    subprocess.run([os.path.join(ROOT, "tools", "gen_types.sh"), document, str(fresh)], check=True)
    with open(os.path.join(ROOT, "web", "src", "schema.d.ts"), encoding="utf-8") as f:
        assert f.read() == fresh.read_text(encoding="utf-8"), "web/src/schema.d.ts is out of date: run `make gen`"


def test_document_lints_clean():
    """Spectral's OpenAPI rules, warnings included."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    os.makedirs(NPM_FOLDER, exist_ok=True)
    shutil.copy(os.path.join(HERE, "package.json"), NPM_FOLDER)
    spectral = os.path.join(NPM_FOLDER, "node_modules", ".bin", "spectral")
    if not os.path.exists(spectral):
        made = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"],
                              cwd=NPM_FOLDER, capture_output=True, text=True)
        if made.returncode != 0:
            pytest.skip("npm could not install the linter: " + made.stderr[-300:])
    ruleset = os.path.join(HERE, "spectral.yaml")
    document = os.path.join(BUILD, "gen", "openapi.json")
    linted = subprocess.run([spectral, "lint", "--fail-severity=warn", "--ruleset", ruleset, document],
                            capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout[-5000:] + linted.stderr[-2000:]


def test_operations_say_what_they_need():
    with open(os.path.join(BUILD, "gen", "openapi.json"), encoding="utf-8") as f:
        document = json.load(f)
    for path, item in document["paths"].items():
        for method, op in item.items():
            name = f"{method} {path}"
            assert op.get("x-public") is True or {"action", "on"} <= set(op["x-permission"]), name
            assert (op.get("security") == []) == (op.get("x-public") is True), name
            assert "400" in op["responses"], name
