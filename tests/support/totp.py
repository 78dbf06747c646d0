# SPDX-License-Identifier: Apache-2.0
"""Codes as an authenticator app makes them (RFC 6238), by `cryptography`."""
import base64
import time

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

STEP_S = 30
MARGIN_S = 3


def step_now():
    """The step of now, with time left to use it in."""
    left = STEP_S - time.time() % STEP_S
    if left < MARGIN_S:
        time.sleep(left)
    return int(time.time()) // STEP_S


def code(secret, step):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return HOTP(key, 6, SHA1()).generate(step).decode()
