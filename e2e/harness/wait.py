"""Waiting for a condition, with a deadline and a message that says what was last seen."""

import time

from confluent_kafka import KafkaException


def until(what, condition, timeout=30, every=0.1):
    """Calls condition() until it answers something true, and returns that.

    What it raises is kept as text: an exception holds the frames that it passed through, and with them the clients of the test that
    waited. One of those lived on into the next test and made its topic, by asking for it at the same address."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = repr(value)
        except (AssertionError, OSError, KafkaException) as e:
            last = repr(e)
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}; last seen: {last}")
        time.sleep(every)
