"""Consumers that say where they are read from a replica near them (KIP-392)."""

import signal
import socket
import struct
import time
import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from harness import java
from harness.admin import create_topic
from harness.brokers import Cluster
from harness.wait import until

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


def fetch(broker, offset, epoch=-1, version=11, rack="", isolation=0):
    """What a broker answers to a Fetch, byte by byte, for no client can be made to ask this: (error, high watermark, preferred, bytes)."""
    def text(s):
        return struct.pack(">h", len(s)) + s.encode()
    partition = struct.pack(">iiqqi", 0, epoch, offset, -1, 1 << 20)
    body = struct.pack(">iiiibii", -1, 500, 1, 1 << 20, isolation, 0, -1) + struct.pack(">i", 1) + text("t")
    body += struct.pack(">i", 1) + partition + struct.pack(">i", 0) + (text(rack) if version >= 11 else b"")
    request = struct.pack(">hhi", 1, version, 7) + text("test") + body
    with socket.create_connection((broker.host, broker.client_port), timeout=10) as s:
        s.sendall(struct.pack(">i", len(request)) + request)
        data = b""
        while len(data) < 4 or len(data) < 4 + struct.unpack(">i", data[:4])[0]:
            data += s.recv(1 << 20)
    at = 4 + 4 + 4 + 2 + 4 + 4 + len(text("t")) + 4
    error, watermark = struct.unpack_from(">hq", data, at + 4)
    at += 4 + 2 + 8 + 8 + 8
    aborted = struct.unpack_from(">i", data, at)[0]
    at += 4 + 16 * max(aborted, 0)
    preferred = struct.unpack_from(">i", data, at)[0] if version >= 11 else -1
    size = struct.unpack_from(">i", data, at + (4 if version >= 11 else 0))[0]
    return error, watermark, preferred, max(size, 0)


NONE, OUT_OF_RANGE, NOT_LEADER, FENCED_EPOCH, UNKNOWN_EPOCH, NOT_AVAILABLE = 0, 1, 6, 74, 75, 78


def test_what_a_follower_answers(racks):
    p = Producer({"bootstrap.servers": racks.bootstrap, "acks": "1", "linger.ms": 0})
    for _ in range(10):
        p.produce("t", "x")
        p.flush(10)
    leader = racks.leader("t")
    here, other = [b for n, b in racks.brokers.items() if n != leader]
    # From here on the leader knows that somebody reads there.
    assert fetch(racks.brokers[leader], 0, rack=f"rack-{here.node}")[2] == here.node
    until("the follower to know that all is committed", lambda: fetch(here, 0)[1] == 10, 10)
    for isolation in (0, 1):
        error, _, preferred, size = fetch(here, 0, epoch=0, rack=f"rack-{here.node}", isolation=isolation)
        assert (error, preferred) == (NONE, -1) and size > 0
    assert fetch(here, 10)[::3] == (NONE, 0)
    assert fetch(here, 11)[0] == OUT_OF_RANGE
    assert fetch(here, 0, epoch=5)[0] == UNKNOWN_EPOCH
    assert fetch(here, 0, version=10)[0] == NOT_LEADER
    assert fetch(racks.brokers[leader], 0, rack=f"rack-{here.node}") == (NONE, 10, here.node, 0)
    assert fetch(racks.brokers[leader], 0, rack=f"rack-{leader}")[2] == -1
    # One replica stands still: what comes now is not committed, but the follower has it.
    other.kill(signal.SIGSTOP)
    p.produce("t", "not committed")
    p.flush(10)
    until("the follower to have it", lambda: here.metric("kafka_log_log_logendoffset", topic="t") == 11, 5)
    assert fetch(here, 11)[0] == NOT_AVAILABLE and fetch(here, 10)[::3] == (NONE, 0)
    other.kill(signal.SIGCONT)
    until("the follower to know that it is committed now", lambda: fetch(here, 11)[:2] == (NONE, 11), 20)
    racks.brokers[leader].stop()
    follower = next(b for n, b in racks.brokers.items() if n not in (leader, until("another leader", lambda: racks.leader("t") != leader and racks.leader("t"), 20)))
    until("the follower to know its leader", lambda: fetch(follower, 0, epoch=0)[0] == FENCED_EPOCH, 10)
