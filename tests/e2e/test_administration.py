# SPDX-License-Identifier: Apache-2.0
"""Running the place in a browser: records, roles and why, secrets that are shown once, the trail, the stream of events."""
import pytest

from e2e.stage import check, play
from e2e.world import world
from support.identity import new_user

SCENARIOS = ["create", "conflict", "deletedAndRestored", "manyDeleted", "roleAndWhy", "shownOnce", "audit", "events", "denied"]


@pytest.fixture(scope="module")
def results(binary):
    with world() as server:
        email, reader = "harbour.master@example.com", "reader@example.com"
        new_user(server.admin, email, name="Harbour Master")
        new_user(server.admin, reader, name="Rita Reader", role="viewer")
        yield play("administration", server, {"email": email, "reader": {"email": reader, "name": "Rita Reader"}})


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_administration(results, scenario):
    check(results, scenario)
