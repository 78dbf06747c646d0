#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes pictures of every page of the portal into build/screenshots: make screenshots."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e import stage  # noqa: E402
from support import wait  # noqa: E402
from support.identity import NO_LIMITS, first_admin  # noqa: E402
from support.server import ROOT, FairwayServer  # noqa: E402


def main():
    folder = ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    example = ["--config", str(ROOT / "example" / "fairway.yaml")]
    with FairwayServer(auth=None, env=NO_LIMITS, args=example) as full, FairwayServer(auth=None, env=NO_LIMITS) as empty:
        admin = first_admin(full)
        first_admin(empty)
        wait.until(lambda: admin.get("/api/catalog/entities/by-query?limit=0").json()["totalItems"] >= 37, what="the example")
        env = stage.environment({"email": "admin@example.org", "admin": admin.tokens["access_token"]})
        command = stage.command("screenshots", stage.address(full)) + [stage.address(empty)]
        done = subprocess.run(command, env={**env, "SHOTS": os.environ.get("FAIRWAY_SHOTS", str(folder))}, check=False)
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
