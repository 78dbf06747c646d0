# SPDX-License-Identifier: Apache-2.0
"""Recorded answers of a real Backstage, replayed against the real program: every one must be the same."""
import os
import re
import subprocess
import sys

import pytest

# The recording names its file server by this port; the names of generated Locations are hashes of it.
FILES_PORT = 17008
PATHS = "/api/catalog,/.backstage,/api/nothing,/api/search"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_answers_as_the_recorded_backstage_does(database, new_server, shared):
    golden = shared / "golden"
    config = (golden / "app-config.golden.yaml").read_text()
    # The server's own address is the test's business.
    config = re.sub(r"^  listen: .*\n", "", config, flags=re.M)
    env = {"PEER_FILES_PORT": str(FILES_PORT), "PEER_TEMPLATE": "/nonexistent/template.yaml"}
    server = new_server(pg=database == "postgresql", config=config, env=env)
    played = subprocess.run(
        [sys.executable, str(golden / "play.py"), "--base", server.url, "--files-port", str(FILES_PORT),
         "--paths", PATHS, "-v"],
        capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert re.search(r"^125 passed, 0 failed$", played.stdout, re.M), played.stdout[-20000:] + played.stderr[-2000:]
