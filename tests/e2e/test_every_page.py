# SPDX-License-Identifier: Apache-2.0
"""Every page of the portal in a browser: no violation of axe's rules in light, dark and high contrast; a failing and a slow
server. FAIRWAY_SHOTS=folder keeps pictures of all of them to look at."""
import pytest

from e2e.stage import check_all, play
from support import wait
from support.identity import NO_LIMITS, first_admin
from support.server import ROOT, FairwayServer


@pytest.fixture(scope="module")
def results(binary):
    with FairwayServer(auth=None, env=NO_LIMITS, args=["--config", str(ROOT / "example" / "fairway.yaml")]) as server:
        admin = first_admin(server)
        wait.until(lambda: admin.get("/api/catalog/entities/by-query?limit=0").json()["totalItems"] >= 37, what="the example organisation")
        yield play("pages", server, {"admin": admin.tokens["access_token"], "email": "admin@example.org"})


@pytest.mark.parametrize("what", ["look", "fail", "wait"])
def test_pages(results, what):
    check_all(results, what + ":")
