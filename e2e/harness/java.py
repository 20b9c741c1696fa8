"""Kafka's own tools and client, unmodified, each in a JVM of its own."""

import os
import subprocess

CACHE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".cache", "java")
FLAGS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN"]


def command(main, *args):
    return ["java", *FLAGS, "-cp", f"{CACHE}/classes:{CACHE}/lib/*", main, *map(str, args)]


def run(main, *args, stdin=None, timeout=120, check=True):
    r = subprocess.run(command(main, *args), input=stdin, capture_output=True, text=True, timeout=timeout)
    if check:
        assert r.returncode == 0, f"{main} {args}: exit {r.returncode}\n{r.stdout[-3000:]}\n{r.stderr[-3000:]}"
    return r


def start(main, *args, stdin=subprocess.DEVNULL):
    return subprocess.Popen(command(main, *args), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


TOPICS = "org.apache.kafka.tools.TopicCommand"
PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
CONFIGS = "kafka.admin.ConfigCommand"
OFFSETS = "org.apache.kafka.tools.GetOffsetShell"
REASSIGN = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
ELECT = "org.apache.kafka.tools.LeaderElectionCommand"
QUORUM = "org.apache.kafka.tools.MetadataQuorumCommand"
DUMP = "org.apache.kafka.tools.DumpLogSegments"
