"""The topic in which committed offsets are kept: as many replicas as were asked for, or none of it until there can be."""

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from harness.admin import create_topic
from harness.brokers import Cluster
from harness.wait import until

OFFSETS = "__consumer_offsets"
FACTOR = "offsets.topic.replication.factor"


def commit(bootstrap, offset, timeout=30):
    """Commits as a group, and reads it back as the group's next member does."""
    for consumer in (Consumer({"bootstrap.servers": bootstrap, "group.id": "g", "enable.auto.commit": False}) for _ in range(2)):
        if offset is not None:
            consumer.commit(offsets=[TopicPartition("t", 0, offset)], asynchronous=False)
        found = consumer.committed([TopicPartition("t", 0)], timeout=timeout)[0]
        consumer.close()
    return found.offset


def replicas(cluster):
    """How many each partition has; None if there is no such topic."""
    found = cluster.metadata().topics.get(OFFSETS)
    return found and {len(p.replicas) for p in found.partitions.values()}


@pytest.mark.parametrize("config, expected", [({}, 3), ({FACTOR: 2}, 2)], ids=["the default", "two of three"])
def test_it_has_as_many_replicas_as_were_asked_for(config, expected):
    cluster = Cluster(3, config)
    try:
        cluster.start()
        create_topic(cluster.bootstrap, "t")
        assert commit(cluster.bootstrap, 7) == 7
        assert replicas(cluster) == {expected}
        cluster.until_in_sync(3)
    finally:
        cluster.remove()


def test_with_too_few_brokers_for_it_there_are_no_groups_until_there_are_enough():
    """As with Kafka. One voter: that the others are still to come is not to be known from the quorum."""
    cluster = Cluster(3, {FACTOR: 3}, voters=1)
    try:
        for node in (1, 2):
            cluster.brokers[node].start()
        cluster.until_in_sync(2)
        create_topic(cluster.bootstrap, "t")
        with pytest.raises(KafkaException):
            commit(cluster.bootstrap, None, timeout=3)
        assert replicas(cluster) is None
        assert any("INVALID_REPLICATION_FACTOR" in b.tail() for b in cluster.brokers.values() if b.is_running)
        cluster.brokers[3].start()
        cluster.until_in_sync(3)
        assert until("the group", lambda: commit(cluster.bootstrap, 7)) == 7
        assert replicas(cluster) == {3}
    finally:
        cluster.remove()


def test_a_small_cluster_that_was_not_told_has_groups():
    cluster = Cluster(1, {"default.replication.factor": 1, "min.insync.replicas": 1})
    try:
        cluster.start()
        create_topic(cluster.bootstrap, "t")
        assert commit(cluster.bootstrap, 7) == 7
        assert replicas(cluster) == {1}
    finally:
        cluster.remove()


@pytest.mark.parametrize("brokers", [1, 2, 3])
def test_groups_work_on_a_cluster_that_the_service_makes(service, brokers):
    name = f"groups-{brokers}"
    bootstrap = service.api.create_cluster(name, brokers=brokers)["status"]["bootstrap_servers"]
    create_topic(bootstrap, "t")
    assert commit(bootstrap, 7) == 7
    found = service.api.ok("GET", f"/v1/clusters/{name}/topics/{OFFSETS}")
    assert found["replication_factor"] == brokers
    service.api.delete_cluster(name)
