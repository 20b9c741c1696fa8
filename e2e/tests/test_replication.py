"""Three brokers as one cluster: what was acknowledged survives whoever is killed, in order and once."""

import json
import os
import random
import signal
import threading
import time

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from harness import java, measured
from harness.admin import create_topic
from harness.brokers import Cluster
from harness.load import BothLoads
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
        def spread():
            found = three.metadata("t", of=broker).topics["t"].partitions
            return {len(p.isrs) for p in found.values()} == {3} and {p.leader for p in found.values()} == {1, 2, 3}
        until(f"broker {broker.node} to know of it", spread)
    p = idempotent(three.bootstrap)
    failed = []
    for i in range(6_000):
        p.produce("t", str(i), partition=i % 6, on_delivery=lambda e, m: failed.append(e) if e else None)
    assert p.flush(60) == 0 and failed == []
    found = read_all(three.bootstrap, "t")
    assert {k: [int(m.value()) for m in v] for k, v in found.items()} == {k: list(range(k, 6_000, 6)) for k in range(6)}


def acknowledged_anew(loads, acks=100):
    before = loads.librdkafka.acked
    until("acknowledgements", lambda: loads.librdkafka.acked > before + acks, 60)


def test_killing_leaders_one_after_the_other(three):
    create_topic(three.bootstrap, "t", replicas=3)
    with BothLoads(three.bootstrap, "t") as loads:
        for _ in range(3):
            acknowledged_anew(loads)
            leader = three.leader("t")
            three.brokers[leader].kill()
            began = time.monotonic()
            until("another leader", lambda: three.leader("t") not in (leader, -1), 30, every=0.02)
            measured.note("new leader after kill -9", time.monotonic() - began)
            acknowledged_anew(loads)
            three.brokers[leader].start()
            three.until_in_sync(3)
    measured.note("longest wait for an acknowledgement over kills of leaders", loads.librdkafka.longest_wait)
    loads.check(values(read_all(three.bootstrap, "t")))


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_rolling_restart_under_load(three, sig):
    create_topic(three.bootstrap, "t", replicas=3)
    with BothLoads(three.bootstrap, "t") as loads:
        for broker in three.brokers.values():
            acknowledged_anew(loads)
            broker.kill(sig)
            broker.start()
            three.until_in_sync(3)
    measured.note(f"longest wait for an acknowledgement over a rolling restart ({sig.name})", loads.librdkafka.longest_wait)
    loads.check(values(read_all(three.bootstrap, "t")))


def test_a_broker_that_leads_a_thousand_partitions_stops_and_no_producer_sees_it(three):
    create_topic(three.bootstrap, "many", partitions=1_000, replicas=3)
    three.until_in_sync(3)
    partitions = three.metadata("many").topics["many"].partitions
    second = [p for p, found in partitions.items() if found.leader == 2]
    assert len(second) > 300
    producer = idempotent(three.bootstrap)
    failed, sent, slowest = [], 0, 0.0

    def delivered(error, message):
        nonlocal slowest
        failed.extend([error] if error else [])
        slowest = max(slowest, message.latency() or 0)
    stopping = threading.Thread(target=three.brokers[2].stop)
    until_then = time.monotonic() + 60
    while time.monotonic() < until_then:
        for p in second:
            producer.produce("many", str(sent), partition=p, on_delivery=delivered)
            sent += 1
        producer.poll(0.05)
        if sent == 3 * len(second):
            stopping.start()
        if sent > 3 * len(second) and not stopping.is_alive():
            break
    assert producer.flush(60) == 0 and failed == [], failed[:3]
    stopping.join()
    measured.note("a broker that leads a third of 1,000 partitions stops: slowest record", slowest)
    found = three.metadata("many", of=three.brokers[1]).topics["many"].partitions
    assert {p.leader for p in found.values()} == {1, 3}
    assert sum(map(len, read_all(three.bootstrap, "many").values())) == sent


def test_a_frozen_leader_is_replaced_and_comes_back_as_a_follower():
    cluster = Cluster(3, {"broker.session.timeout.ms": 3_000, "broker.heartbeat.interval.ms": 500})
    try:
        cluster.start()
        create_topic(cluster.bootstrap, "t", replicas=3)
        with BothLoads(cluster.bootstrap, "t") as loads:
            acknowledged_anew(loads)
            leader = cluster.leader("t")
            other = next(b for n, b in cluster.brokers.items() if n != leader)
            cluster.brokers[leader].kill(signal.SIGSTOP)
            began = time.monotonic()
            seen = lambda: cluster.metadata("t", of=other).topics["t"].partitions[0].leader
            until("another leader", lambda: seen() not in (leader, -1), 30, every=0.05)
            measured.note("new leader after SIGSTOP (sessions of 3 s)", time.monotonic() - began)
            acknowledged_anew(loads)
            cluster.brokers[leader].kill(signal.SIGCONT)
            until("all in sync", lambda: len(cluster.metadata("t", of=other).topics["t"].partitions[0].isrs) == 3, 60)
            acknowledged_anew(loads)
        cluster.until_in_sync(3)
        loads.check(values(read_all(cluster.bootstrap, "t")))
    finally:
        cluster.remove()


def test_a_late_follower_leaves_the_isr_of_a_fresh_cluster():
    """Nobody has joined or left any ISR yet, and its session does not end: how late it is decides alone."""
    cluster = Cluster(3, {"replica.lag.time.max.ms": 2_000, "broker.session.timeout.ms": 120_000})
    try:
        cluster.start()
        create_topic(cluster.bootstrap, "t", replicas=3)
        controller = cluster.metadata().controller_id
        leader = cluster.leader("t")
        late = next(n for n in cluster.brokers if n not in (leader, controller))
        cluster.brokers[late].kill(signal.SIGSTOP)
        p = Producer({"bootstrap.servers": ",".join(b.address for n, b in cluster.brokers.items() if n != late), "acks": "all"})
        failed, began = [], time.monotonic()
        p.produce("t", b"x", on_delivery=lambda e, m: failed.append(e) if e else None)
        assert p.flush(30) == 0 and failed == []
        took = time.monotonic() - began
        measured.note("acknowledged without a follower that hangs (replica.lag.time.max.ms of 2 s)", took)
        assert took < 10
        assert late not in cluster.metadata("t", of=cluster.brokers[leader]).topics["t"].partitions[0].isrs
        cluster.brokers[late].kill(signal.SIGCONT)
        cluster.until_in_sync(3)
    finally:
        cluster.remove()


def test_a_write_is_told_whether_it_was_refused_or_is_in_the_log_of_too_few():
    cluster = Cluster(3, {"replica.lag.time.max.ms": 2_000, "broker.session.timeout.ms": 120_000})
    try:
        cluster.start()
        controller = cluster.metadata().controller_id
        leader, follower = (n for n in cluster.brokers if n != controller)
        create_topic(cluster.bootstrap, "t", on=[leader, follower], config={"min.insync.replicas": "2"})
        p = Producer({"bootstrap.servers": cluster.brokers[leader].address, "acks": "all", "retries": 0,
                      "request.timeout.ms": 6_000, "linger.ms": 0})
        def outcome(value):
            told = []
            p.produce("t", value, on_delivery=lambda e, m: told.append(e and e.code()))
            assert p.flush(60) == 0
            return told
        assert outcome("kept") == [None]
        cluster.brokers[follower].kill(signal.SIGSTOP)
        assert outcome("waited") == [KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND]
        assert outcome("refused") == [KafkaError.NOT_ENOUGH_REPLICAS]
        cluster.brokers[follower].kill(signal.SIGCONT)
        until("both in sync", lambda: len(cluster.metadata("t").topics["t"].partitions[0].isrs) == 2, 60)
        assert values(read_all(cluster.bootstrap, "t")) == ["kept", "waited"]
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
                java.run(java.REASSIGN, "--bootstrap-server", cluster.bootstrap, "--reassignment-json-file", plan, "--execute")
            if i % 10 == 0:
                time.sleep(0.005)
        assert p.flush(60) == 0 and failed == []
        until("the move to be complete", lambda: cluster.metadata("t").topics["t"].partitions[0].replicas == target, 30)
        done = java.run(java.REASSIGN, "--bootstrap-server", cluster.bootstrap, "--reassignment-json-file", plan, "--verify")
        assert "is completed" in done.stdout, done.stdout + done.stderr
        java.run(java.ELECT, "--bootstrap-server", cluster.bootstrap, "--election-type", "preferred", "--all-topic-partitions")
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
    create_topic(three.bootstrap, "t", replicas=3)
    with BothLoads(three.bootstrap, "t") as loads:
        acknowledged_anew(loads)
        for _ in range(8):
            # When it dies, and how long it is away, is a part of the fault and no wait for something.
            time.sleep(chance.uniform(0.05, 1))
            down = three.brokers[chance.choice([1, 2, 3])]
            down.kill(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP]))
            time.sleep(chance.uniform(0.05, 1.5))
            if down.is_running:
                down.kill(signal.SIGCONT)
            else:
                down.start()
            three.until_in_sync(3)
        acknowledged_anew(loads)
    loads.check(values(read_all(three.bootstrap, "t")))


def test_the_longest_log_leads_where_nobody_is_sure_to_have_everything(three):
    """All brokers come back as after a power cut, and two of them, the last leader too, have lost the end of their logs."""
    create_topic(three.bootstrap, "t", replicas=3)
    with BothLoads(three.bootstrap, "t") as loads:
        acknowledged_anew(loads)
        leader = three.leader("t")
        for broker in three.brokers.values():
            broker.kill()
        whole = next(node for node in three.brokers if node != leader)
        for node, broker in three.brokers.items():
            data = os.path.join(broker.dir, "data")
            os.remove(os.path.join(data, "broker.incarnation"))
            if node != whole:
                log = os.path.join(data, "t-0", f"{0:020}.log")
                os.truncate(log, os.path.getsize(log) // 2)
        for node in three.brokers:
            if node != whole:
                three.brokers[node].start()
        rest = [three.brokers[node] for node in three.brokers if node != whole]
        until("two brokers", lambda: all(len(three.metadata(of=b).brokers) == 2 for b in rest), 30)
        time.sleep(2)
        assert three.metadata("t", of=rest[0]).topics["t"].partitions[0].leader == -1, "without the third nobody knows who has most"
        three.brokers[whole].start()
        three.until_in_sync(3)
        acknowledged_anew(loads)
    loads.check(values(read_all(three.bootstrap, "t")))
