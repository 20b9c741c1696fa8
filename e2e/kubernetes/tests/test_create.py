"""From nothing to the first record."""

import time
from datetime import datetime

from confluent_kafka import Producer

from harness import measured
from kubernetes.harness.clusters import Cluster, spec

FIRST_RECORD_SECONDS_MAX = 30


def test_three_brokers_take_a_record_within_thirty_seconds(release):
    api, started = release.api, time.monotonic()
    op = api.operation(api.ok("POST", "/v1/clusters", {"name": "first", **spec()})["id"])
    made = time.monotonic() - started
    cluster = Cluster(release, "first")
    bootstrap = cluster.bootstrap
    cluster.create_topic("t")
    answers = []
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 0})
    producer.produce("t", "first", on_delivery=lambda error, _: answers.append(error))
    assert producer.flush(20) == 0 and answers == [None]
    taken = time.monotonic() - started
    measured.note("cluster of 3: POST to first record through a node port", taken)
    measured.note("cluster of 3: POST to operation succeeded", made)
    for step in op["steps"]:
        begun, ended = (datetime.fromisoformat(step[k]) if step[k] else None for k in ("started_at", "finished_at"))
        measured.note(f"  step {step['name']}", (ended - begun).total_seconds() if begun and ended else step["state"], "s" if begun and ended else "")
    assert taken <= FIRST_RECORD_SECONDS_MAX
    started = time.monotonic()
    cluster.delete()
    measured.note("cluster of 3: DELETE to nothing left", time.monotonic() - started)
