"""Waiting for a condition, with a deadline and a message that says what was last seen."""

import time


def until(what, condition, timeout=30, every=0.1):
    """Calls condition() until it answers something true, and returns that."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except AssertionError as e:
            last = e
        except OSError as e:
            last = e
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}; last seen: {last!r}")
        time.sleep(every)
