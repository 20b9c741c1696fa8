"""The metadata quorum as Kafka's own Admin client and tool see it and change it."""

import contextlib
import os
import re
import shutil
import threading
import time

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from harness import java, measured
from harness.admin import create_topic
from harness.brokers import Cluster
from harness.load import Load
from harness.records import read_all, values
from harness.wait import until


@pytest.fixture
def three():
    cluster = Cluster(3)
    try:
        yield cluster.start()
    finally:
        cluster.remove()


def quorum(cluster, *args):
    """Runs e2e.Quorum; the leader, the voters and the observers afterwards."""
    running = ",".join(b.address for b in cluster.brokers.values() if b.is_running)
    out = java.run("e2e.Quorum", running, *(args or ["describe"])).stdout
    leader, voters, observers = re.search(r"leader (-?\d+) voters ([\d,]*) observers ([\d,]*)", out).groups()
    return int(leader), sorted(map(int, filter(None, voters.split(",")))), sorted(map(int, filter(None, observers.split(","))))


def test_leadership_moves_off_a_voter_that_stops_with_no_election_wait(three):
    """Another controls before the old one's process has ended. An election would wait until nothing was heard for 0.75 s."""
    create_topic(three.bootstrap, "t", replicas=3)
    for _ in range(2):
        old = three.metadata().controller_id
        admin = AdminClient({"bootstrap.servers": next(b.address for n, b in three.brokers.items() if n != old)})
        seen, ended = [], threading.Event()

        def look():
            while not ended.is_set():
                with contextlib.suppress(KafkaException):  # the one that is asked goes
                    seen.append((time.monotonic(), admin.list_topics("t", timeout=5).controller_id))
                time.sleep(0.01)
        watcher = threading.Thread(target=look)
        watcher.start()
        with Load(three.bootstrap, "t") as load:
            until("the load to begin", lambda: load.acked > 50)
            began = time.monotonic()
            try:
                three.brokers[old].stop()
                stopped = time.monotonic()
                until("another controller", lambda: seen[-1][1] not in (old, -1))
            finally:
                ended.set()
                watcher.join()
        moved = next(at for at, controller in seen if at > began and controller not in (old, -1))
        measured.note("another controller after SIGTERM of the old one", moved - began)
        assert moved < stopped, "the lead was not handed over before the process ended"
        assert load.failed == []
        three.brokers[old].start()
        three.until_in_sync(3)


def test_kafkas_own_tool_describes_the_quorum(three):
    leader, voters, observers = quorum(three)
    assert (voters, observers) == ([1, 2, 3], []) and leader == three.metadata().controller_id
    told = java.run(java.QUORUM, "--bootstrap-server", three.bootstrap, "describe", "--status").stdout
    assert re.search(rf"LeaderId:\s+{leader}\b", told) and all(f'"id": {n}' in told for n in voters), told
    replicas = java.run(java.QUORUM, "--bootstrap-server", three.bootstrap, "describe", "--replication").stdout
    assert replicas.count("Follower") == 2 and replicas.count("Leader") >= 1, replicas


def test_voters_are_added_and_removed_and_a_broker_that_is_gone_is_forgotten():
    """One voter becomes three while it is written to; the first leaves the quorum, and the fourth broker the cluster."""
    cluster = Cluster(1)
    try:
        cluster.start()
        for node in (2, 3, 4):
            cluster.add(node).start()
        cluster.until_in_sync(4)
        assert quorum(cluster) == (1, [1], [2, 3, 4])
        create_topic(cluster.bootstrap, "t", replicas=3)
        with Load(cluster.bootstrap, "t") as load:
            for node in (2, 3):
                broker = cluster.brokers[node]
                _, voters, _ = quorum(cluster, "add-voter", node, "INTERNAL", broker.host, broker.inner_port)
                assert node in voters
            assert quorum(cluster)[1:] == ([1, 2, 3], [4])
            leader, voters, _ = quorum(cluster, "remove-voter", 1)
            assert 1 not in voters
            until("a leader among the rest", lambda: quorum(cluster)[0] in (2, 3), 30)
        assert load.failed == [] and values(read_all(cluster.bootstrap, "t")) == [str(i) for i in range(load.sent)]

        # A broker that will not come back: it is forgotten, and nothing waits for it.
        cluster.brokers[4].kill()
        until("it to be fenced", lambda: 4 not in cluster.metadata().brokers, 30)
        _, voters, observers = quorum(cluster, "unregister", 4)
        assert 4 not in voters + observers
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
        admin.create_topics([NewTopic("after", 12, 3)])["after"].result(30)
        partitions = cluster.metadata("after").topics["after"].partitions.values()
        assert {n for p in partitions for n in p.replicas} == {1, 2, 3}
    finally:
        cluster.remove()


def test_a_voter_that_lost_its_disk_is_an_observer_until_it_is_made_a_voter_again(three):
    create_topic(three.bootstrap, "t", replicas=3)
    with Load(three.bootstrap, "t") as load:
        until("the load to begin", lambda: load.acked > 50)
        for node in (three.metadata().controller_id, 1):
            lost = three.brokers[node]
            lost.kill()
            shutil.rmtree(os.path.join(lost.dir, "data"))
            lost.start()
            three.until_in_sync()
            leader, voters, observers = quorum(three)
            assert (voters, observers) == (sorted({1, 2, 3} - {node}), [node]) and leader != node
            _, voters, _ = quorum(three, "add-voter", node, "INTERNAL", lost.host, lost.inner_port)
            assert voters == [1, 2, 3]
    assert load.failed == [] and values(read_all(three.bootstrap, "t")) == [str(i) for i in range(load.sent)]
