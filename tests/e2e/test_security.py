# SPDX-License-Identifier: Apache-2.0
"""Second factors in Chromium, against the real program: the scenarios of security.mjs. Passkeys are those of Chromium's
virtual authenticator."""
import pytest

from e2e.test_page import packages, play, server_with_provider  # noqa: F401
from support.identity import NO_LIMITS, link_of


@pytest.mark.parametrize("scenario", ["passkey", "totp", "required"])
def test_security(packages, new_server, monkeypatch, scenario):  # noqa: F811
    """ASVS 6.3.3, 6.5.6, 7.5.2: set up, used and removed by a person with a browser."""
    config = "auth:\n  require_second_factor: everyone\n" if scenario == "required" else ""
    server = new_server(auth=None, env=NO_LIMITS, config=config)
    monkeypatch.setenv("ONE_TIME", link_of(server))
    play(packages, server.url.replace("127.0.0.1", "localhost"), scenario)


@pytest.mark.parametrize("scenario", ["linking", "linkingLater"])
def test_linking(packages, binary, monkeypatch, scenario):  # noqa: F811
    """ASVS 7.5.1: an account at a provider is linked and unlinked, by somebody who has shown lately who they are."""
    with server_with_provider("localhost") as server:
        monkeypatch.setenv("ONE_TIME", link_of(server))
        play(packages, server.url.replace("127.0.0.1", "localhost"), scenario)
