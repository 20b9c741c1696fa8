"""Clusters of several brokers as processes of one service: what it tells of them, and what it finds after a stop."""

import os
import signal

import pytest
from confluent_kafka import Producer

from harness import processes
from harness.load import Load
from harness.local_cluster import LocalCluster
from harness.records import read_all, values
from harness.wait import until


@pytest.fixture
def three(service):
    cluster = LocalCluster.create(service, "three", brokers=3, replication_factor=3)
    yield cluster.well()
    cluster.delete()


def test_three_brokers_serve_as_one(service, three):
    api, bootstrap = service.api, three.bootstrap
    assert len(bootstrap.split(",")) == 3
    found = three.brokers()
    assert [b["id"] for b in found if b["is_controller"]] == [three.state()["status"]["controller_id"]]
    assert all(b["is_voter"] is not False for b in found), found

    topic = api.ok("POST", "/v1/clusters/three/topics", {"name": "t", "partitions": 6})
    assert topic["replication_factor"] == 3, topic
    assert {p["leader"] for p in topic["partition_details"]} == {1, 2, 3}
    p = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    for i in range(1_000):
        p.produce("t", str(i))
    assert p.flush(30) == 0
    assert sorted(map(int, values(read_all(bootstrap, "t")))) == list(range(1_000))
    three.well()
    described = service.run("cluster", "describe", "three").stdout
    assert "broker 3" in described and "controller" in described and "under-replicated 0" in described
    refused = service.run("cluster", "scale", "three", "--brokers", "2", check=False)
    assert refused.returncode == 8 and "scale in" in refused.stderr, refused.stderr
    before = three.instances()
    told = service.run("cluster", "restart", "three", "--wait").stdout
    after = three.instances()
    assert "three" in told and all(before[n] != after[n] for n in before), told


def test_a_stop_and_a_start_find_three_brokers_as_they_were(own_service):
    s = own_service
    s.up()
    three = LocalCluster.create(s, "three", brokers=3).well()
    bootstrap = three.bootstrap
    three.create_topic("t")
    with Load(bootstrap, "t") as load:
        until("the load to begin", lambda: load.sent > 200)
    assert s.stop() == 0
    assert processes.of(s.dir) == {}
    for n in (1, 2, 3):
        assert os.path.exists(os.path.join(three.folder, f"broker-{n}", "data", ".kafka_cleanshutdown"))
    s.up()
    three.well()
    assert three.bootstrap == bootstrap
    assert load.failed == [] and values(read_all(bootstrap, "t")) == [str(i) for i in range(load.sent)]


def test_which_brokers_are_missing_and_what_their_partitions_lack_is_told(service, three):
    three.create_topic("told", partitions=3, config={"min.insync.replicas": "3"})
    three.well()
    # Stopped, not killed: the service sees a process and leaves it alone.
    three.kill(3, signal.SIGSTOP)
    try:
        def lacking():
            status = three.state()["status"]
            assert status["brokers_missing"] == [3], status
            assert status["partitions"]["under_min_isr"] >= 3, status
            health = service.api.ok("GET", "/v1/clusters/three/topics/told")["health"]
            assert health == {"total": 3, "under_replicated": 3, "under_min_isr": 3, "offline": 0}
            return True
        # Its session ends after 9 s. That the service still waits for the hung process must not keep it from telling.
        until("the missing broker to be told of", lacking, 30)
        assert "under min ISR 3" in service.run("topic", "list", "--cluster", "three").stdout
        described = service.run("cluster", "describe", "three").stdout
        assert "brokers missing" in described, described
    finally:
        three.kill(3, signal.SIGCONT)
    assert three.well().state()["status"]["brokers_missing"] == []
