# SPDX-License-Identifier: Apache-2.0
"""One's own account in a browser: second factors, sessions, keys, accounts elsewhere (ASVS 6.5.6, 7.5.1, 7.5.2)."""
import pytest

from e2e.stage import check, play
from e2e.world import world
from support.identity import new_user

SCENARIOS = ["tabs", "passkeys", "confirming", "password", "sessions", "keys", "takesAlong", "theme", "linking", "linkingLater"]


@pytest.fixture(scope="module")
def results(binary):
    with world() as server:
        given = {}
        for scenario in SCENARIOS:
            email = f"{scenario.lower()}@example.com"  # not of a domain whose addresses a provider is believed
            made = new_user(server.admin, email, name=f"Ada {scenario}", role="developer")
            given[scenario] = {"email": email, "id": made.user["id"]}
        yield play("profile", server, given)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_profile(results, scenario):
    check(results, scenario)
