"""Consumers that say where they are read from a replica near them (KIP-392)."""

import time
import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from harness import java
from harness.admin import create_topic
from harness.brokers import Cluster

SELECTOR = "org.apache.kafka.common.replica.RackAwareReplicaSelector"


@pytest.fixture
def racks():
    """A rack to each broker; a follower that has to wait for its fetch to time out is noticed."""
    cluster = Cluster(3, lambda node: {"broker.rack": f"rack-{node}", "replica.selector.class": SELECTOR,
                                       "replica.fetch.wait.max.ms": 8_000})
    try:
        cluster.start()
        create_topic(cluster.bootstrap, "t", replicas=3)
        yield cluster
    finally:
        cluster.remove()


def bytes_out(cluster):
    return {n: b.metric("headrace_partition_bytes_out_total", topic="t") for n, b in cluster.brokers.items() if b.is_running}


def producer(cluster):
    return Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all", "linger.ms": 0})


def near(cluster):
    return next(n for n in cluster.brokers if n != cluster.leader("t"))


def test_a_java_consumer_reads_from_the_follower_in_its_rack(racks):
    p = producer(racks)
    for i in range(2_000):
        p.produce("t", str(i))
    assert p.flush(60) == 0
    here = near(racks)
    found = java.run(java.CONSUMER, "--bootstrap-server", racks.bootstrap, "--topic", "t", "--from-beginning", "--max-messages", 2_000,
                     "--timeout-ms", 60_000, "--command-property", f"client.rack=rack-{here}")
    assert found.stdout.split() == [str(i) for i in range(2_000)]
    out = bytes_out(racks)
    assert out.pop(here) > 0 and set(out.values()) == {0}, out
    # Who is in no broker's rack, and who is in the leader's, reads from the leader.
    for rack in ["elsewhere", f"rack-{racks.leader('t')}"]:
        java.run(java.CONSUMER, "--bootstrap-server", racks.bootstrap, "--topic", "t", "--from-beginning", "--max-messages", 2_000,
                 "--timeout-ms", 60_000, "--command-property", f"client.rack={rack}")
    assert {n for n, count in bytes_out(racks).items() if count > 0} == {here, racks.leader("t")}


def test_what_was_committed_reaches_the_reader_of_a_follower_at_once_and_it_goes_on_without_the_follower(racks):
    here = near(racks)
    c = Consumer({"bootstrap.servers": racks.bootstrap, "group.id": f"g-{uuid.uuid4()}", "client.rack": f"rack-{here}",
                  "enable.auto.commit": False, "fetch.wait.max.ms": 8_000, "topic.metadata.refresh.interval.ms": 2_000})
    c.assign([TopicPartition("t", 0, 0)])
    p = producer(racks)

    def one(value):
        began = time.monotonic()
        p.produce("t", value)
        assert p.flush(60) == 0
        m = c.poll(60)
        while m is not None and m.error():
            m = c.poll(60)
        assert m is not None and m.value().decode() == value
        return time.monotonic() - began

    # The first is read from the leader, or tells the leader that somebody reads elsewhere.
    one("first")
    took = sorted(one(str(i)) for i in range(20))
    assert took[10] < 1, took
    assert bytes_out(racks)[here] > 0
    racks.brokers[here].kill()
    one("without it")
    c.close()
