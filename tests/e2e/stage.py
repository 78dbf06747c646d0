# SPDX-License-Identifier: Apache-2.0
"""Plays the scenarios of a topic (NAME.mjs) in one browser and gives what became of each.

    results = play(packages, "sign_in", server, {"somebody": {…}})
    check(results, "byPassword")

FAIRWAY_SHOTS=folder keeps pictures to look at."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from support import npm
from support.server import ROOT

HERE = pathlib.Path(__file__).parent
PACKAGES = ROOT / "build" / "npm-e2e"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
LIMIT_S = 600


def packages():
    """playwright-core and axe-core, installed once and kept between runs."""
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    try:
        return npm.packages(HERE, PACKAGES)
    except npm.Absent as why:
        pytest.skip(str(why))


def address(server):
    """By the name localhost: browsers allow passkeys and Secure cookies there without TLS."""
    return server.url.replace("127.0.0.1", "localhost")


def command(topic, url, *scenarios):
    return ["node", str(HERE / f"{topic}.mjs"), url, str(packages()), *scenarios]


def environment(given=None):
    env = dict(os.environ, CHROMIUM=CHROMIUM, GIVEN=json.dumps(given or {}))
    if os.environ.get("FAIRWAY_SHOTS"):
        env["SHOTS"] = os.environ["FAIRWAY_SHOTS"]
    return env


def play(topic, server, given=None, scenarios=()):
    """Name of the scenario -> None, or what went wrong."""
    done = subprocess.run(command(topic, address(server), *scenarios), capture_output=True, text=True, timeout=LIMIT_S,
                          env=environment(given))
    assert done.returncode == 0, done.stderr[-6000:]
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {row["name"]: row.get("error") for row in rows}


def check(results, scenario):
    assert scenario in results, f"{scenario} was not played, only {sorted(results)}"
    assert results[scenario] is None, results[scenario]


def check_all(results, start):
    """All scenarios whose names begin like that; tells of each that went wrong."""
    mine = {name: error for name, error in results.items() if name.startswith(start)}
    assert mine, f"nothing was played: {sorted(results)}"
    wrong = {name: error for name, error in mine.items() if error}
    assert not wrong, "\n\n".join(f"== {name}\n{error}" for name, error in wrong.items())
