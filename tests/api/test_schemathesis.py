# SPDX-License-Identifier: Apache-2.0
"""schemathesis calls every operation of the contract, with data that fits it and data that does not, one by one and in
sequences, as an administrator, on both databases: no server error, no undocumented status, no answer that does not fit its
schema, nothing wrong accepted, nothing right refused, nothing without credentials. What is not a finding stands with its
reason in schemathesis/hooks.py. The same seed gives the same requests."""
import json
import os
import re
import subprocess

import pytest

from support.identity import NO_LIMITS, first_admin
from support.pypi import program
from support.server import ROOT

HERE = ROOT / "tests" / "api" / "schemathesis"
AT_MOST_S = 900  # it takes two minutes where nothing else runs


def protected(admin):
    """A key of the administrator, and the ids that its owner depends on."""
    made = admin.post("/api/api-keys", {"name": "maker", "scopes": ["*:*"]}).json()
    bindings = admin.get("/api/role-bindings", query={"subject_id": admin.user["id"]}).json()["items"]
    return made["key"], [admin.user["id"], made["api_key"]["id"], *(b["id"] for b in bindings)]


@pytest.mark.parametrize("pg", [False, True], ids=["sqlite", "postgresql"])
def test_whole_contract(new_server, tmp_path, pg):
    try:
        tool = program("schemathesis")
    except RuntimeError as absent:
        pytest.skip(str(absent))
    server = new_server(auth=None, pg=pg, env={**NO_LIMITS, "FAIRWAY_JOBS_WORKERS": "0"})
    admin = first_admin(server)
    contract = tmp_path / "openapi.json"  # as a file: the operation that gives the document is called, too
    contract.write_bytes(admin.get("/api/openapi.json").body)
    operations = sum(len(item) for item in json.loads(contract.read_text())["paths"].values())
    key, ids = protected(admin)
    env = {**os.environ, "PYTHONPATH": f"{HERE}:{ROOT / 'tests'}", "SCHEMATHESIS_HOOKS": "hooks", "NO_COLOR": "1",
           "PYTHONDONTWRITEBYTECODE": "1", "FAIRWAY_URL": server.url, "FAIRWAY_MAKER_KEY": key, "FAIRWAY_PROTECTED": ",".join(ids)}
    done = subprocess.run([tool, "--config-file", HERE / "schemathesis.toml", "run", contract, "--url", server.url],
                          env=env, cwd=tmp_path, capture_output=True, text=True, timeout=AT_MOST_S)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-4000:]
    assert re.search(rf"Tested: {operations}$", done.stdout, re.M), done.stdout[-3000:]
    assert [phase for phase in ("Examples", "Coverage", "Fuzzing", "Stateful") if f"✅ {phase}" not in done.stdout] == []
    assert admin.get("/api/auth/me").status in (200, 401) and server.api.get("/api/ready").status == 200
