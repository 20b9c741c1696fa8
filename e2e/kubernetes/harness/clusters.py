"""A Kafka cluster that the control plane made in Kubernetes: its pods, its ways in, and whether it is well."""

import glob
import os
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource

from harness.admin import create_topic
from harness.load import Load
from harness.records import read_all, values
from harness.wait import until
from kubernetes.harness.kube import CLUSTER_ID, STATE

WELL = {"under_replicated": 0, "under_min_isr": 0, "offline": 0}
OUTSIDE = {"name": "external", "type": "nodeport"}


def spec(brokers=3, **more):
    """As small as tests want it."""
    return {"brokers": brokers, "kubernetes": {"storage": {"size": "100Mi"}}, "listeners": [OUTSIDE], **more}


class Cluster:
    def __init__(self, release, name):
        self.release, self.kube, self.name = release, release.kube, name
        self.id = release.api.ok("GET", f"/v1/clusters/{name}")["id"]

    @classmethod
    def create(cls, release, name, **more):
        release.api.create_cluster(name, **spec(**more))
        return cls(release, name)

    @property
    def api(self):
        return self.release.api

    def state(self):
        return self.api.ok("GET", f"/v1/clusters/{self.name}")

    def brokers(self):
        return self.api.ok("GET", f"/v1/clusters/{self.name}/brokers")["items"]

    def condition(self, kind):
        return next((c for c in self.state()["status"]["conditions"] if c["type"] == kind), None)

    def troubles(self):
        return {b["id"]: b["trouble"] for b in self.brokers() if b["trouble"]}

    @property
    def count(self):
        return self.state()["brokers"]

    @property
    def selector(self):
        return f"{CLUSTER_ID}={self.id}"

    def pod(self, node):
        return f"{self.name}-{node}"

    def pods(self):
        """By the broker's id."""
        return {int(p["metadata"]["name"].rsplit("-", 1)[1]): p for p in self.kube.list("pods", self.selector)}

    def uids(self):
        return {node: p["metadata"]["uid"] for node, p in self.pods().items()}

    @property
    def inside(self):
        return f"{self.name}-bootstrap.{self.kube.namespace}.svc.cluster.local:9092"

    @property
    def outside(self):
        """What clients outside begin with."""
        listeners = self.api.ok("GET", f"/v1/clusters/{self.name}/connection")["listeners"]
        return next(one["bootstrap_servers"] for one in listeners if one["name"] == OUTSIDE["name"])

    def create_topic(self, topic, **kw):
        create_topic(self.outside, topic, **{"replicas": 3, **kw})

    def patch(self, body):
        return self.api.ok("PATCH", f"/v1/clusters/{self.name}", body)["id"]

    def well(self, count=None, timeout=60):
        """Once all brokers serve, and every one of them sees all replicas in sync."""
        count = count or self.count

        def is_well():
            status = self.state()["status"]
            assert status["state"] == "running" and status["brokers_ready"] == count, status
            assert status["partitions"] and WELL.items() <= status["partitions"].items(), status
            pods = self.pods()
            assert len(pods) == count and all(is_ready(p) for p in pods.values()), [p["status"] for p in pods.values()]
            for address in self.outside.split(","):
                seen = self.metadata(address)
                late = [(t.topic, p.id, p.isrs) for t in seen.topics.values() for p in t.partitions.values()
                        if p.leader < 0 or len(p.isrs) < len(p.replicas)]
                assert len(seen.brokers) == count and not late, f"{address} sees {sorted(seen.brokers)}, late {late[:5]}"
            return self
        return until(f"cluster {self.name} of {count} to be well", is_well, timeout, every=0.3)

    def metadata(self, address=None):
        try:
            return AdminClient({"bootstrap.servers": address or self.outside, "log_level": 0}).list_topics(timeout=5)
        except KafkaException as e:
            raise AssertionError(f"{address}: {e}")

    def config_of(self, node, key):
        """As the broker itself says."""
        admin = AdminClient({"bootstrap.servers": self.outside})
        resource = ConfigResource(ConfigResource.Type.BROKER, str(node))
        return admin.describe_configs([resource])[resource].result(10)[key].value

    def lose_volume(self, node):
        """A broker's volume is gone, with all that was on it, and it is given another."""
        name = f"data-{self.pod(node)}"
        before = self.kube.get("persistentvolumeclaims", name)["metadata"]["uid"]
        self.kube.kubectl("delete", "persistentvolumeclaim", name, "--wait=false")
        self.kube.kubectl("delete", "pod", self.pod(node), "--wait=false")

        def is_new():
            now = self.kube.get("persistentvolumeclaims", name)
            assert now and now["metadata"]["uid"] != before and now["status"]["phase"] == "Bound", now
            return True
        until("another volume", is_new, 120)

    def log_bytes(self, node, topic):
        """What a broker has of a topic's first partition, on its volume."""
        return sum(os.path.getsize(f) for f in glob.glob(f"{self.volume(node)}/data/{topic}-0/*.log"))

    def volume(self, node):
        """Where the node has a broker's volume."""
        name = self.kube.get("persistentvolumeclaims", f"data-{self.pod(node)}")["spec"]["volumeName"]
        return f"{STATE}/volumes/{name}"

    def delete(self):
        self.api.delete_cluster(self.name)

    def loaded(self, topic):
        """A producer to a topic of its own."""
        self.create_topic(topic)
        return Written(self, topic)


class Written(Load):
    """A producer that runs while something happens; afterwards all that was acknowledged must be there, in order, none twice."""

    def __init__(self, cluster, topic):
        self.cluster, self.told = cluster, []
        super().__init__(cluster.outside, topic, log_level=0, error_cb=lambda error: self.told.append(f"{time.strftime('%X')} {error}"))

    def __enter__(self):
        super().__enter__()
        self.goes_on()
        return self

    def goes_on(self, records=200, timeout=60):
        def more(acked=self.acked):
            assert self.acked >= acked + records, f"{self.sent} sent, {self.acked} acked, {self.failed[:3]}, told: {self.told[-8:]}"
            return True
        until("the load to go on", more, timeout)

    def check(self):
        assert self.failed == [], self.failed[:5]
        found = values(read_all(self.cluster.outside, self.topic))
        assert found == [str(i) for i in range(self.sent)], f"{self.sent} sent, {len(found)} found, {len(set(found))} of them different"


def is_ready(pod):
    return "deletionTimestamp" not in pod["metadata"] and any(
        c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
