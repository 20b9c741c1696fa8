"""Apache Kafka's own console tools and client, unmodified."""

import glob
import os

import pytest

from harness import java
from harness.records import read_all, values


@pytest.fixture(scope="module")
def jcluster(service):
    yield service.api.create_cluster("java", config={"group.initial.rebalance.delay.ms": "200"})
    service.api.delete_cluster("java")


@pytest.fixture(scope="module")
def to(jcluster):
    return jcluster["status"]["bootstrap_servers"]


def test_console_tools_walk_through_a_topics_life(to):
    java.run(java.TOPICS, "--bootstrap-server", to, "--create", "--topic", "console", "--partitions", 3, "--config", "retention.ms=3600000")
    assert "console" in java.run(java.TOPICS, "--bootstrap-server", to, "--list").stdout.split()
    described = java.run(java.TOPICS, "--bootstrap-server", to, "--describe", "--topic", "console").stdout
    assert "PartitionCount: 3" in described and "retention.ms=3600000" in described and described.count("Leader: 1") == 3
    lines = "".join(f"k{i}:v{i}\n" for i in range(300))
    java.run(java.PRODUCER, "--bootstrap-server", to, "--topic", "console", "--reader-property", "parse.key=true",
             "--reader-property", "key.separator=:", stdin=lines)
    read = java.run(java.CONSUMER, "--bootstrap-server", to, "--topic", "console", "--from-beginning", "--group", "console-group",
                    "--max-messages", 300, "--timeout-ms", 30000).stdout.split()
    assert sorted(read) == sorted(f"v{i}" for i in range(300))
    group = java.run(java.GROUPS, "--bootstrap-server", to, "--describe", "--group", "console-group").stdout
    assert group.count("console-group") == 3, group
    assert "console-group" in java.run(java.GROUPS, "--bootstrap-server", to, "--list").stdout
    java.run(java.TOPICS, "--bootstrap-server", to, "--alter", "--topic", "console", "--partitions", 5)
    assert "PartitionCount: 5" in java.run(java.TOPICS, "--bootstrap-server", to, "--describe", "--topic", "console").stdout
    java.run(java.GROUPS, "--bootstrap-server", to, "--delete", "--group", "console-group")
    java.run(java.TOPICS, "--bootstrap-server", to, "--delete", "--topic", "console")
    assert "console" not in java.run(java.TOPICS, "--bootstrap-server", to, "--list").stdout.split()


def test_configs_are_described_and_altered(to):
    java.run(java.TOPICS, "--bootstrap-server", to, "--create", "--topic", "configured")
    java.run(java.CONFIGS, "--bootstrap-server", to, "--alter", "--entity-type", "topics", "--entity-name", "configured",
             "--add-config", "retention.ms=60000,cleanup.policy=[compact,delete]")
    out = java.run(java.CONFIGS, "--bootstrap-server", to, "--describe", "--entity-type", "topics", "--entity-name", "configured", "--all").stdout
    assert "retention.ms=60000" in out and "cleanup.policy=compact,delete" in out and "DEFAULT_CONFIG" in out


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression_and_our_segments_as_kafkas_own_tool_reads_them(service, jcluster, to, codec):
    topic = f"java-{codec}"
    java.run(java.TOPICS, "--bootstrap-server", to, "--create", "--topic", topic, "--partitions", 1)
    java.run("e2e.Produce", to, topic, 2000, codec, 1_000_000)
    assert values(read_all(to, topic)) == [str(i) for i in range(2000)]
    read = java.run(java.CONSUMER, "--bootstrap-server", to, "--topic", topic, "--from-beginning", "--max-messages", 2000,
                    "--timeout-ms", 30000).stdout.split()
    assert read == [str(i) for i in range(2000)]
    segments = glob.glob(os.path.join(service.cluster_dir(jcluster), "broker-*", "data", f"{topic}-0", "*.log"))
    assert segments
    dump = java.run(java.DUMP, "--files", ",".join(segments), "--deep-iteration", "--print-data-log").stdout
    assert dump.count("payload: ") == 2000 and "isvalid: true" in dump and "isvalid: false" not in dump
    assert f"compresscodec: {codec}" in dump
    for kind in ("index", "timeindex"):
        files = [f.replace(".log", f".{kind}") for f in segments if os.path.exists(f.replace(".log", f".{kind}"))]
        if files:
            checked = java.run(java.DUMP, "--files", ",".join(files), "--index-sanity-check").stdout
            assert "passed sanity check" in checked, checked


def test_a_group_of_three_rebalances(to):
    java.run(java.TOPICS, "--bootstrap-server", to, "--create", "--topic", "shared-by-three", "--partitions", 6)
    java.run("e2e.Produce", to, "shared-by-three", 3000, "lz4", 1_000_000)
    out = java.run("e2e.GroupOfThree", to, "shared-by-three", "three", 3000).stdout
    assert "three members: 2,2,2" in out and "two members: 3,3" in out and "records 3000 twice 0" in out
