"""Three brokers as one cluster: what was acknowledged survives whoever is killed, in order and once."""

import random
import signal
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from harness import java
from harness.admin import create_topic
from harness.brokers import Cluster
from harness.records import read_all, values
from harness.wait import until


@pytest.fixture
def three():
    cluster = Cluster(3)
    try:
        yield cluster.start()
    finally:
        cluster.remove()


def idempotent(bootstrap, **config):
    return Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5,
                     "topic.metadata.refresh.interval.ms": 5_000, **config})


def test_a_topic_of_three_replicas(three):
    create_topic(three.brokers[2].address, "t", partitions=6, replicas=3)
    for broker in three.brokers.values():
        found = three.metadata("t", of=broker).topics["t"].partitions
        assert {len(p.isrs) for p in found.values()} == {3}, broker.tail()
        assert {p.leader for p in found.values()} == {1, 2, 3}
    p = idempotent(three.bootstrap)
    failed = []
    for i in range(6_000):
        p.produce("t", str(i), partition=i % 6, on_delivery=lambda e, m: failed.append(e) if e else None)
    assert p.flush(60) == 0 and failed == []
    found = read_all(three.bootstrap, "t")
    assert {k: [int(m.value()) for m in v] for k, v in found.items()} == {k: list(range(k, 6_000, 6)) for k in range(6)}


def test_killing_leaders_one_after_the_other(three):
    create_topic(three.bootstrap, "t", replicas=3)
    create_topic(three.bootstrap, "g", replicas=3)
    failed, count = [], 12_000
    p = idempotent(three.bootstrap)
    took = []
    for i in range(count):
        p.produce("t", str(i), on_delivery=lambda e, m: failed.append(e) if e else None)
        p.poll(0)
        if i % 20 == 0:
            time.sleep(0.005)
        if i % 4_000 == 2_000:
            leader = three.leader("t")
            three.brokers[leader].kill()
            began = time.monotonic()
            until("another leader", lambda: three.leader("t") not in (leader, -1), 30, every=0.02)
            took.append(time.monotonic() - began)
            time.sleep(1)
            three.brokers[leader].start()
            three.until_in_sync(3)
    assert p.flush(60) == 0 and failed == []
    print("time to another leader:", [f"{t:.2f} s" for t in took])
    assert values(read_all(three.bootstrap, "t")) == [str(i) for i in range(count)]


def test_a_java_producer_over_a_rolling_restart(three):
    create_topic(three.bootstrap, "numbers", replicas=3)
    producer = java.start("e2e.Produce", three.bootstrap, "numbers", 20_000, "lz4", 1_500)
    assert producer.stdout.readline().strip() == "started"
    for broker in three.brokers.values():
        broker.stop()
        time.sleep(0.5)
        broker.start()
        three.until_in_sync(3)
    out, err = producer.communicate(timeout=120)
    assert "acked 20000 failed 0" in out, out + err
    assert values(read_all(three.bootstrap, "numbers")) == [str(i) for i in range(20_000)]


def test_a_frozen_leader_is_replaced_and_comes_back_as_a_follower():
    cluster = Cluster(3, {"broker.session.timeout.ms": 3_000, "broker.heartbeat.interval.ms": 500})
    try:
        cluster.start()
        create_topic(cluster.bootstrap, "t", replicas=3)
        p = idempotent(cluster.bootstrap, **{"socket.timeout.ms": 8_000})
        failed = []
        for i in range(3_000):
            p.produce("t", str(i), on_delivery=lambda e, m: failed.append(e) if e else None)
            p.poll(0)
            if i == 1_000:
                leader = cluster.leader("t")
                cluster.brokers[leader].kill(signal.SIGSTOP)
            if i % 10 == 0:
                time.sleep(0.01)
        until("another leader", lambda: cluster.leader("t") not in (leader, -1), 30)
        assert p.flush(60) == 0 and failed == []
        cluster.brokers[leader].kill(signal.SIGCONT)
        cluster.until_in_sync(3)
        assert values(read_all(cluster.bootstrap, "t")) == [str(i) for i in range(3_000)]
    finally:
        cluster.remove()


def test_committed_offsets_move_with_their_coordinator(three):
    create_topic(three.bootstrap, "t", replicas=3)
    g = Consumer({"bootstrap.servers": three.bootstrap, "group.id": "g", "enable.auto.commit": False})
    for n in range(1, 4):
        g.commit(offsets=[TopicPartition("t", 0, n)], asynchronous=False)
        # Whoever coordinates the group is among these in turn.
        three.brokers[n].kill()
        assert g.committed([TopicPartition("t", 0)], timeout=30)[0].offset == n
        three.brokers[n].start()
        three.until_in_sync(3)
    g.close()


def test_too_few_in_sync_replicas_refuse_writes_and_keep_reads(three):
    create_topic(three.bootstrap, "t", replicas=3)
    p = Producer({"bootstrap.servers": three.bootstrap, "acks": "all", "retries": 0, "message.timeout.ms": 5_000})
    p.produce("t", "kept")
    assert p.flush(30) == 0
    leader = three.leader("t")
    others = [b for n, b in three.brokers.items() if n != leader]
    # The controller needs a majority of the voters: freeze followers one by one, so that each is fenced first.
    others[0].kill()
    until("the ISR to shrink", lambda: len(three.metadata("t").topics["t"].partitions[0].isrs) == 2, 30)
    others[1].kill(signal.SIGSTOP)
    errors = []
    p.produce("t", "refused", on_delivery=lambda e, m: errors.append(e))
    p.flush(30)
    assert len(errors) == 1 and errors[0] is not None
    others[1].kill(signal.SIGCONT)
    others[0].start()
    three.until_in_sync(3)
    assert values(read_all(three.bootstrap, "t"))[0] == "kept"
