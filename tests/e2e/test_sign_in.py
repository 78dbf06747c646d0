# SPDX-License-Identifier: Apache-2.0
"""Signing in by a person with a browser, by every way there is (ASVS 6.3.3, 6.5.6, 7.5.1, 7.5.2)."""
import pytest

from e2e.stage import check, play
from e2e.world import invite, world
from support.identity import NO_LIMITS, grant, link_of

WITH_SOMEBODY = ["byPassword", "goesOn", "usedLink", "forgotten", "byPasskey", "byApp", "sessionEnds", "anotherPerson", "byKeyboard"]
SCENARIOS = [*WITH_SOMEBODY, "byProvider", "byGitHub"]


@pytest.fixture(scope="module")
def results(binary):
    with world() as server:
        admin = server.admin
        grace = admin.post("/api/users", {"email": "grace@example.org", "name": "Grace Hopper"}).json()
        grant(admin, grace["id"], "viewer")
        given = {scenario: invite(admin, scenario) for scenario in WITH_SOMEBODY}
        grant(admin, given["sessionEnds"]["id"], "developer")
        given.update(letters=server.letters, admin=admin.tokens["access_token"], adminEmail="admin@example.org",
                     adminName=admin.user["name"])
        yield play("sign_in", server, given)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_sign_in(results, scenario):
    check(results, scenario)


def test_first_run(new_server):
    """From the printed link into the portal, where a second factor is required of everybody."""
    server = new_server(auth=None, env=NO_LIMITS, config="auth:\n  require_second_factor: everyone\n")
    check(play("first_run", server, {"token": link_of(server)}), "first")
