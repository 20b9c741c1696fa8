"""A Kafka cluster whose brokers are pods: its objects, its ways in, and whether it is well."""

import glob
import os

from harness import cluster
from harness.wait import until
from kubernetes.harness.kube import CLUSTER_ID, STATE
from kubernetes.harness.watches import Readiness, is_ready

OUTSIDE = {"name": "external", "type": "nodeport"}


def spec(brokers=3, **more):
    """As small as tests want it."""
    return {"brokers": brokers, "kubernetes": {"storage": {"size": "100Mi"}}, "listeners": [OUTSIDE], **more}


class Cluster(cluster.Cluster):
    def __init__(self, release, name):
        self.release, self.kube = release, release.kube
        super().__init__(name)

    @classmethod
    def create(cls, release, name, **more):
        release.api.create_cluster(name, **spec(**more))
        return cls(release, name)

    @property
    def api(self):
        return self.release.api

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
        """What clients in the cluster begin with."""
        return f"{self.name}-bootstrap.{self.kube.namespace}.svc.cluster.local:9092"

    @property
    def bootstrap(self):
        """What clients outside begin with."""
        listeners = self.api.ok("GET", f"/v1/clusters/{self.name}/connection")["listeners"]
        found = [one["bootstrap_servers"] for one in listeners if one["name"] == OUTSIDE["name"]]
        assert found, f"nobody is told how to come from outside: {listeners}"
        return found[0]

    def containers(self):
        """What Kubernetes says of each broker's container that runs."""
        found = {n: next(c for c in p["status"].get("containerStatuses", [{"name": "broker"}]) if c["name"] == "broker")
                 for n, p in self.pods().items()}
        return {n: c for n, c in found.items() if "running" in c.get("state", {})}

    def instances(self):
        return {n: c["containerID"] for n, c in self.containers().items()}

    def started(self):
        return {n: c["state"]["running"]["startedAt"] for n, c in self.containers().items()}

    def disk(self, node):
        return self.kube.get("persistentvolumeclaims", f"data-{self.pod(node)}")["spec"]["volumeName"]

    def kill(self, node):
        self.kube.kill_in_pod(self.pod(node), "headrace broker")

    def watching(self):
        return Readiness(self)

    def left(self):
        return list(self.kube.all_of(self.id))

    def look(self, count):
        super().look(count)
        pods = self.pods()
        assert len(pods) == count and all(is_ready(p) for p in pods.values()), [p["status"] for p in pods.values()]

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
        return f"{STATE}/volumes/{self.disk(node)}"
