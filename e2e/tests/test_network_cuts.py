"""Networks that are cut, in both directions or in one: nothing acknowledged is lost, nothing reordered, nothing written twice."""

import os
import random
import time

import pytest
from confluent_kafka import Producer

from harness import measured, network
from harness.admin import create_topic
from harness.brokers import Cluster
from harness.load import BothLoads
from harness.network import Network
from harness.records import read_all, values
from harness.wait import until

WHY_NOT = network.why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

# Sessions of 3 s in place of 9, so that a silent broker is replaced while the test looks on.
CONFIG = {"broker.session.timeout.ms": 3_000, "broker.heartbeat.interval.ms": 500, "replica.lag.time.max.ms": 4_000}


@pytest.fixture
def cluster():
    """Three brokers, each on a host of its own; this thread and its clients are on a fourth that reaches all."""
    net = Network([1, 2, 3, "client"])
    try:
        three = Cluster(3, CONFIG, network=net)
        try:
            with net.entered("client"):
                yield three.start()
        finally:
            three.remove()
    finally:
        net.remove()


def others_of(cluster, node):
    return [n for n in cluster.brokers if n != node]


def seen_by(cluster, node, topic="t"):
    """The leader of the topic's first partition and the controller, as one broker tells."""
    m = cluster.metadata(topic, of=cluster.brokers[node])
    return m.topics[topic].partitions[0].leader, m.controller_id


def awaits_progress(loads, acks=100):
    """Both clients go on: their records are acknowledged again."""
    before = loads.librdkafka.acked
    until("acknowledgements", lambda: loads.librdkafka.acked > before + acks, 60)


def heals(cluster, loads):
    """A broker that was cut off says what it knew before until it hears better, so all are asked, each for itself."""
    cluster.network.heal()
    began = time.monotonic()

    def agree():
        told = {n: cluster.metadata("t", of=broker) for n, broker in cluster.brokers.items()}
        seen = {n: (m.topics["t"].partitions[0].leader, sorted(m.topics["t"].partitions[0].isrs), len(m.brokers)) for n, m in told.items()}
        assert set(map(str, seen.values())) == {str((next(iter(seen.values()))[0], [1, 2, 3], 3))}, seen
        return True
    until("all brokers to say that all are in sync", agree, 60)
    measured.note("all in sync after the network healed", time.monotonic() - began)
    awaits_progress(loads)


def ends_well(cluster, loads):
    loads.check(values(read_all(cluster.bootstrap, "t")))


def test_a_leader_cut_off_from_the_other_brokers_but_not_from_clients(cluster):
    """Clients still reach it, and it still believes that it leads: it must acknowledge nothing, and take back what it wrote."""
    create_topic(cluster.bootstrap, "t", replicas=3)
    with BothLoads(cluster.bootstrap, "t") as loads:
        awaits_progress(loads)
        leader = cluster.leader("t")
        others = others_of(cluster, leader)
        cluster.network.cut_both(leader, others)
        began = time.monotonic()
        # One who knows only the cut-off leader, and gives up before the network heals.
        lonely, answers = Producer({"bootstrap.servers": cluster.brokers[leader].address, "acks": "all", "retries": 0,
                                    "message.timeout.ms": 3_000}), []
        lonely.produce("t", "never", on_delivery=lambda e, m: answers.append(e))
        until("another leader", lambda: seen_by(cluster, others[0])[0] not in (leader, -1), 30, every=0.05)
        measured.note("new leader after the old one was cut off (sessions of 3 s)", time.monotonic() - began)
        lonely.flush(20)
        assert len(answers) == 1, "the lonely record was neither acknowledged nor refused"
        awaits_progress(loads)
        heals(cluster, loads)
    found = values(read_all(cluster.bootstrap, "t"))
    # It may have been sent to the new leader in time; acknowledged it is there, and else at most there.
    assert found.count("never") == 1 if answers[0] is None else found.count("never") <= 1
    loads.check([v for v in found if v != "never"])


def test_a_controller_cut_off_from_everybody_is_replaced(cluster):
    create_topic(cluster.bootstrap, "t", replicas=3)
    with BothLoads(cluster.bootstrap, "t") as loads:
        awaits_progress(loads)
        controller = seen_by(cluster, 1)[1]
        others = others_of(cluster, controller)
        cluster.network.cut_both(controller, [*others, "client"])
        began = time.monotonic()
        until("another controller", lambda: seen_by(cluster, others[0])[1] not in (controller, -1), 30, every=0.05)
        measured.note("new controller after the old one was cut off", time.monotonic() - began)
        until("a leader", lambda: seen_by(cluster, others[0])[0] in others, 30, every=0.05)
        # What is decided meanwhile is decided by the majority.
        create_topic(",".join(cluster.brokers[n].address for n in others), "meanwhile", replicas=2)
        awaits_progress(loads)
        heals(cluster, loads)
        assert "meanwhile" in cluster.metadata(of=cluster.brokers[controller]).topics
        assert seen_by(cluster, controller)[1] == seen_by(cluster, others[0])[1]
    ends_well(cluster, loads)


@pytest.mark.parametrize("direction", ["hears_nobody", "is_heard_by_nobody"])
def test_a_cut_in_one_direction(cluster, direction):
    """The leader's packets arrive and no answers come back, or the other way round; clients reach all."""
    create_topic(cluster.bootstrap, "t", replicas=3)
    with BothLoads(cluster.bootstrap, "t") as loads:
        awaits_progress(loads)
        leader = cluster.leader("t")
        others = others_of(cluster, leader)
        for other in others:
            cluster.network.cut(*((other, leader) if direction == "hears_nobody" else (leader, other)))
        began = time.monotonic()
        until("another leader", lambda: seen_by(cluster, others[0])[0] not in (leader, -1), 30, every=0.05)
        measured.note(f"new leader after the old one {direction.replace('_', ' ')} (sessions of 3 s)", time.monotonic() - began)
        awaits_progress(loads)
        heals(cluster, loads)
    ends_well(cluster, loads)


def test_a_broken_link_between_two_brokers(cluster):
    """The third sees both, so neither is gone for the controller; who cannot fetch leaves the ISR, and writes go on."""
    create_topic(cluster.bootstrap, "t", replicas=3)
    with BothLoads(cluster.bootstrap, "t") as loads:
        awaits_progress(loads)
        leader, controller = seen_by(cluster, 1)
        other = next(n for n in others_of(cluster, leader) if n != controller)
        cluster.network.cut_both(leader, [other])
        awaits_progress(loads, acks=1_000)
        heals(cluster, loads)
    ends_well(cluster, loads)


def test_random_cuts_lose_nothing(cluster):
    seed = int(os.environ.get("HEADRACE_E2E_SEED", time.time_ns() % 10_000))
    print("seed:", seed)
    chance = random.Random(seed)
    create_topic(cluster.bootstrap, "t", replicas=3)
    hosts = [1, 2, 3, "client"]
    with BothLoads(cluster.bootstrap, "t") as loads:
        awaits_progress(loads)
        for _ in range(5):
            for _ in range(chance.choice([1, 1, 2, 4])):
                sender, receiver = chance.sample(hosts, 2)
                cluster.network.cut(sender, receiver)
            # How long a cut lasts is a part of it, not a wait for something.
            time.sleep(chance.uniform(0.5, 4))
            if chance.random() < 0.7:
                cluster.network.heal()
        heals(cluster, loads)
    ends_well(cluster, loads)
