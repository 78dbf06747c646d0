# SPDX-License-Identifier: Apache-2.0
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))

from server import FairwayServer, binary  # noqa: E402


@pytest.fixture(scope="module")
def server():
    """One server for a module's tests, with an empty database."""
    if not os.path.exists(binary()):
        pytest.skip(f"{binary()} is not built")
    with FairwayServer() as running:
        yield running
