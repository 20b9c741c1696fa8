"""Several broker processes as one cluster, without a control plane: to be killed, stopped, cut off and restarted one by one."""

import os
import shutil
import signal
import subprocess
import urllib.request

from confluent_kafka.admin import AdminClient

from harness import ports
from harness.service import BIN, temp_dir
from harness.wait import until

CLUSTER_ID = "e2eClusterOfBrokers001"
ADMIN_PORTS = 30


class Broker:
    """One broker; its data outlives its process."""

    def __init__(self, cluster, node, client_port, inner_port, voters, config):
        self.node, self.client_port, self.inner_port = node, client_port, inner_port
        self.dir = os.path.join(cluster.dir, f"broker-{node}")
        self.log = os.path.join(cluster.dir, f"broker-{node}.log")
        self.host = cluster.host(node)
        self.admin = f"{self.host}:{cluster.ports[ADMIN_PORTS + node]}"
        self.process = None
        os.makedirs(self.dir, exist_ok=True)
        lines = {
            "node.id": node, "cluster.id": CLUSTER_ID, "log.dirs": os.path.join(self.dir, "data"),
            "listeners": f"PLAINTEXT://{self.host}:{client_port},INTERNAL://{self.host}:{inner_port}",
            "inter.broker.listener.name": "INTERNAL", "headrace.admin.listener": self.admin,
            **voters, "default.replication.factor": 3, "min.insync.replicas": 2,
            "group.initial.rebalance.delay.ms": 0, **config,
        }
        self.config = os.path.join(self.dir, "broker.properties")
        self.command = [*cluster.within(node), BIN, "broker", "--config", self.config]
        with open(self.config, "w") as f:
            f.writelines(f"{key}={value}\n" for key, value in lines.items())

    @property
    def address(self):
        return f"{self.host}:{self.client_port}"

    def start(self):
        assert not self.is_running, f"broker {self.node} runs already"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        if sig in (signal.SIGKILL, signal.SIGTERM):
            self.process.wait(60)

    def stop(self):
        """As an operator stops it: leaderships are handed over first."""
        self.kill(signal.SIGTERM)
        assert self.process.returncode == 0, self.tail()

    def metric(self, name, **labels):
        """The sum of a metric over what it is told apart by, except for these labels."""
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=10) as page:
            lines = [line.decode().rsplit(" ", 1) for line in page if line.decode().startswith((name + "{", name + " "))]
        return sum(float(value) for key, value in lines if all(f'{label}="{text}"' in key for label, text in labels.items()))

    def tail(self, lines=40):
        with open(self.log, errors="replace") as f:
            return f"broker {self.node}:\n" + "".join(f.readlines()[-lines:])


class Cluster:
    """`config` is a dict for all brokers, or a function from a node's id to its dict."""

    def __init__(self, count=3, config=None, voters=None, network=None):
        self.ports = ports.block()
        self.network = network
        self.dir = temp_dir()
        self.config = config or {}
        self.voters = list(range(1, (voters or count) + 1))
        self.brokers = {}
        for node in range(1, count + 1):
            self.add(node)

    def host(self, node):
        return self.network.address(node) if self.network else "127.0.0.1"

    def within(self, node):
        return self.network.within(node) if self.network else []

    def add(self, node):
        listed = ",".join(f"{id}@{self.host(id)}:{self.ports[2 * id + 1]}" for id in self.voters)
        self.brokers[node] = Broker(self, node, self.ports[2 * node], self.ports[2 * node + 1],
                                    {"controller.quorum.voters": listed},
                                    self.config(node) if callable(self.config) else self.config)
        return self.brokers[node]

    def start(self):
        for broker in self.brokers.values():
            broker.start()
        self.until_in_sync()
        return self

    @property
    def bootstrap(self):
        return ",".join(b.address for b in self.brokers.values())

    def metadata(self, topic=None, of=None):
        admin = AdminClient({"bootstrap.servers": (of or self).address if of else self.bootstrap})
        return admin.list_topics(topic, timeout=5)

    def leader(self, topic, partition=0):
        return self.metadata(topic).topics[topic].partitions[partition].leader

    def until_in_sync(self, count=None, timeout=60):
        """Every broker that runs is a member, and every partition has all its replicas in sync: as each of them sees it.

        What one of them says is not enough. Who was cut off, or has just lost the others, still shows what was true before; only who
        was away has certainly seen its own absence and return, for a broker takes no clients before."""
        running = [b for b in self.brokers.values() if b.is_running]
        count = count or len(running)

        def in_sync():
            for b in self.brokers.values():
                assert b.process is None or b.process.poll() in (None, 0, -9, -15), b.tail()
            for b in running:
                try:
                    m = self.metadata(of=b)
                except Exception as e:
                    raise AssertionError(f"broker {b.node}: {e}")
                late = [(t.topic, p.id, p.leader, p.isrs) for t in m.topics.values() for p in t.partitions.values()
                        if p.leader < 0 or len(p.isrs) < len(p.replicas)]
                assert len(m.brokers) == count, f"broker {b.node} knows the members {sorted(m.brokers)}"
                assert not late, f"broker {b.node} sees late: {late[:5]}"
            return True
        try:
            until(f"{count} brokers in sync", in_sync, timeout)
        except AssertionError as e:
            raise AssertionError(str(e) + "\n" + "\n".join(b.tail() for b in self.brokers.values()))

    def remove(self):
        for b in self.brokers.values():
            if b.is_running:
                b.kill(signal.SIGCONT)
                b.kill()
        shutil.rmtree(self.dir, ignore_errors=True)
