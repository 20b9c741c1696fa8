"""Three brokers as one cluster: what was acknowledged survives whoever is killed, in order and once."""

import json
import os
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


REASSIGN = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
ELECT = "org.apache.kafka.tools.LeaderElectionCommand"


def test_replicas_move_to_a_new_broker_under_load_and_leaders_go_back(tmp_path):
    """The fourth broker joins as an observer of the quorum, comes up empty, and takes over what is moved to it."""
    cluster = Cluster(3)
    try:
        cluster.start()
        create_topic(cluster.bootstrap, "t", replicas=3)
        leader = cluster.leader("t")
        cluster.add(4).start()
        cluster.until_in_sync(4)
        p = idempotent(cluster.bootstrap)
        failed = []
        target = [4] + [n for n in (1, 2, 3) if n != leader]
        plan = tmp_path / "plan.json"
        plan.write_text(json.dumps({"version": 1, "partitions": [{"topic": "t", "partition": 0, "replicas": target}]}))
        for i in range(6_000):
            p.produce("t", str(i), on_delivery=lambda e, m: failed.append(e) if e else None)
            p.poll(0)
            if i == 2_000:
                java.run(REASSIGN, "--bootstrap-server", cluster.bootstrap, "--reassignment-json-file", plan, "--execute")
            if i % 10 == 0:
                time.sleep(0.005)
        assert p.flush(60) == 0 and failed == []
        until("the move to be complete", lambda: cluster.metadata("t").topics["t"].partitions[0].replicas == target, 30)
        done = java.run(REASSIGN, "--bootstrap-server", cluster.bootstrap, "--reassignment-json-file", plan, "--verify")
        assert "is completed" in done.stdout, done.stdout + done.stderr
        java.run(ELECT, "--bootstrap-server", cluster.bootstrap, "--election-type", "preferred", "--all-topic-partitions")
        until("the preferred leader", lambda: cluster.leader("t") == 4, 10)
        assert values(read_all(cluster.bootstrap, "t")) == [str(i) for i in range(6_000)]
    finally:
        cluster.remove()


def test_the_whole_cluster_killed_at_once_comes_back_with_everything(three):
    create_topic(three.bootstrap, "t", partitions=3, replicas=3)
    p = idempotent(three.bootstrap)
    failed = []
    for i in range(3_000):
        p.produce("t", str(i), partition=i % 3, on_delivery=lambda e, m: failed.append(e) if e else None)
        p.poll(0)
        if i == 1_500:
            for broker in three.brokers.values():
                broker.kill()
            for broker in three.brokers.values():
                broker.start()
        if i % 10 == 0:
            time.sleep(0.002)
    assert p.flush(60) == 0 and failed == []
    three.until_in_sync(3)
    found = read_all(three.bootstrap, "t")
    assert {k: [int(m.value()) for m in v] for k, v in found.items()} == {k: list(range(k, 3_000, 3)) for k in range(3)}


def test_random_kills_lose_nothing(three):
    """Whichever brokers die in whichever order, at most one at a time: what was acknowledged is there, once and in order."""
    seed = int(os.environ.get("HEADRACE_E2E_SEED", time.time_ns() % 10_000))
    print("seed:", seed)
    chance = random.Random(seed)
    create_topic(three.bootstrap, "t", partitions=2, replicas=3)
    p = idempotent(three.bootstrap)
    failed, sent, end = [], [0, 0], time.monotonic() + 15
    next_kill, down = time.monotonic() + 1, None
    while time.monotonic() < end or down:
        for k in range(2):
            p.produce("t", str(sent[k]), partition=k, on_delivery=lambda e, m: failed.append(e) if e else None)
            sent[k] += 1
        p.poll(0)
        time.sleep(0.002)
        if time.monotonic() < next_kill:
            continue
        if down:
            down.start()
            three.until_in_sync(3)
            down = None
        else:
            down = three.brokers[chance.choice([1, 2, 3])]
            down.kill(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        next_kill = time.monotonic() + chance.uniform(0.05, 1.5)
    assert p.flush(60) == 0 and failed == []
    found = read_all(three.bootstrap, "t")
    for k in range(2):
        assert [int(m.value()) for m in found[k]] == list(range(sent[k])), f"partition {k}, seed {seed}"
