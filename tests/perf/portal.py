# SPDX-License-Identifier: Apache-2.0
"""How fast the catalog's page is for who looks at it: Chromium with a processor slowed down four times, 10,000 entities."""
import json
import os
import pathlib
import shutil
import subprocess

from support import npm
from support.server import ROOT

E2E = ROOT / "tests" / "e2e"
LIMIT_S = 300
ROWS = [  # key, what, unit, bar
    ("lcp_cold_ms", "largest paint, cold", "ms", 1000),
    ("lcp_warm_ms", "largest paint, warm", "ms", 300),
    ("cls", "layout shift", "", 0.1),
    ("inp_typing_ms", "typing a filter, to the next paint", "ms", 100),
    ("inp_facet_ms", "opening a facet, to the next paint", "ms", 100),
    ("inp_palette_ms", "opening Ctrl+K, to the next paint", "ms", 100),
]


def absent():
    """Why it cannot be measured here; None when it can."""
    return None if os.environ.get("CHROMIUM") or shutil.which("chromium") else "chromium is not installed"


def run(table, server):
    try:
        packages = npm.packages(E2E, ROOT / "build" / "npm-e2e")
    except npm.Absent as why:
        table.row("the page in a browser", str(why))
        return
    env = dict(os.environ, CHROMIUM=os.environ.get("CHROMIUM") or shutil.which("chromium"), GIVEN="{}")
    url = server.url.replace("127.0.0.1", "localhost")
    done = subprocess.run(["node", str(pathlib.Path(E2E) / "vitals.mjs"), url, str(packages)], capture_output=True, text=True,
                          timeout=LIMIT_S, env=env, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    for key, what, unit, bar in ROWS:
        value = found[key]
        table.row(what, f"{value} {unit}".strip(), f"{bar} {unit}".strip(), value < bar)
    table.row("script of the page, as it is sent", f"{found['script_bytes'] / 1024:.0f} KiB")
