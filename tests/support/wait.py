# SPDX-License-Identifier: Apache-2.0
"""Waiting without guessing how long."""
import time


def until(condition, deadline_s=20, every_s=0.02, what="the condition"):
    """Calls condition until it gives something true, and gives that."""
    deadline = time.monotonic() + deadline_s
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what} did not come true within {deadline_s} s"
        time.sleep(every_s)
