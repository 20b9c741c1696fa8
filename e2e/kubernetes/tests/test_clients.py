"""Clients that others wrote, inside Kubernetes and outside: each is told the brokers by the way that it came by."""

import json

from harness import java
from harness.records import read_all, values
from kubernetes.harness.kube import NODE_IP

METADATA = """
import json, sys
from confluent_kafka.admin import AdminClient
print(json.dumps(sorted(f"{b.host}:{b.port}" for b in AdminClient({"bootstrap.servers": sys.argv[1]}).list_topics(timeout=20).brokers.values())))
"""
READ = """
import json, sys
from harness.records import read_all, values
print(json.dumps(values(read_all(sys.argv[1], sys.argv[2]))))
"""


def test_java_inside_writes_and_reads(orders, clients):
    to = orders.inside
    clients.java(java.TOPICS, "--bootstrap-server", to, "--create", "--topic", "inside", "--partitions", 1)
    assert "acked 2000 failed 0" in clients.java("e2e.Produce", to, "inside", 2000, "lz4", 1_000_000).stdout
    clients.java(java.PRODUCER, "--bootstrap-server", to, "--topic", "inside", stdin="".join(f"{i}\n" for i in range(2000, 2100)))
    read = clients.java(java.CONSUMER, "--bootstrap-server", to, "--topic", "inside", "--from-beginning", "--group", "g",
                        "--max-messages", 2100, "--timeout-ms", 30000).stdout.split()
    assert read == [str(i) for i in range(2100)]
    described = clients.java(java.TOPICS, "--bootstrap-server", to, "--describe", "--topic", "inside").stdout
    assert "ReplicationFactor: 3" in described and "min.insync.replicas=2" in described, described


def test_java_outside_writes_what_librdkafka_reads(orders):
    orders.create_topic("outside")
    assert "acked 2000 failed 0" in java.run("e2e.Produce", orders.bootstrap, "outside", 2000, "lz4", 1_000_000).stdout
    assert values(read_all(orders.bootstrap, "outside")) == [str(i) for i in range(2000)]


def test_what_is_written_on_one_side_is_read_on_the_other(orders, clients):
    with orders.loaded("both-sides") as load:
        load.goes_on()
    load.check()
    assert values(read_all(orders.bootstrap, "inside")) == [str(i) for i in range(2100)]
    read = json.loads(clients.python(READ, orders.inside, "both-sides").stdout)
    assert read == [str(i) for i in range(load.sent)]


def test_each_side_is_told_its_own_addresses(orders, clients):
    inside = json.loads(clients.python(METADATA, orders.inside).stdout)
    namespace = orders.kube.namespace
    assert inside == [f"orders-{n}.orders-brokers.{namespace}.svc.cluster.local:9092" for n in (1, 2, 3)]
    outside = sorted(f"{b.host}:{b.port}" for b in orders.metadata().brokers.values())
    assert outside == sorted(orders.bootstrap.split(",")) and all(a.startswith(f"{NODE_IP}:") for a in outside)


def test_racks_are_the_nodes_zones_and_consumers_may_read_in_theirs(orders):
    assert [orders.config_of(n, "broker.rack") for n in (1, 2, 3)] == ["zone-a"] * 3
    assert orders.config_of(1, "replica.selector.class") == "org.apache.kafka.common.replica.RackAwareReplicaSelector"
