"""Load balancers. No cloud is behind this Kubernetes, so the tests give out the addresses, as a cloud's controller would; the node's own
proxy carries what is sent there, and keeps to the source ranges."""

import itertools
import socket

import pytest

from harness.background import Background
from harness.load import Load
from harness.records import read_all, values
from harness.wait import until
from kubernetes.harness.clusters import OUTSIDE, Cluster, spec
from kubernetes.harness.kube import NODE_IP, run

BLOCK = "203.0.113"
PORT = 9095


def balanced(*cidrs):
    return [OUTSIDE, {"name": "far", "type": "loadbalancer", "port": PORT, "allowed_cidrs": list(cidrs)}]


class Cloud(Background):
    """Gives every load balancer that has no address the next one."""

    def __init__(self, kube):
        self.kube, self.numbers = kube, itertools.count(1)
        super().__init__()

    def _run(self):
        while not self.stopping.wait(0.2):
            for service in self.kube.list("services"):
                if service["spec"]["type"] == "LoadBalancer" and not service["status"]["loadBalancer"]:
                    given = {"status": {"loadBalancer": {"ingress": [{"ip": f"{BLOCK}.{next(self.numbers)}"}]}}}
                    self.kube.call("PATCH", self.kube.path("services", service["metadata"]["name"]) + "/status", given,
                                   "application/merge-patch+json")


@pytest.fixture(scope="module")
def far(release):
    """A cluster that waits for its load balancers; what this machine sends to them comes from the node's address."""
    run("ip", "route", "replace", f"{BLOCK}.0/24", "dev", "lo", "src", NODE_IP)
    op = release.api.ok("POST", "/v1/clusters", {"name": "far", **spec(2, listeners=balanced(f"{NODE_IP}/32"))})
    try:
        yield Cluster(release, "far"), op["id"]
    finally:
        run("ip", "route", "del", f"{BLOCK}.0/24", "dev", "lo")


def addresses(cluster):
    listeners = cluster.api.ok("GET", "/v1/clusters/far/connection")["listeners"]
    return next(one["bootstrap_servers"] for one in listeners if one["name"] == "far")


def answers(address):
    try:
        socket.create_connection(address.split(":"), timeout=1).close()
        return True
    except OSError:
        return False


def test_brokers_are_reached_by_their_load_balancers(far):
    cluster, op = far
    waits = lambda: "no address from its load balancer yet" in str(cluster.api.ok("GET", f"/v1/operations/{op}")["steps"])
    until("the operation to say what it waits for", waits, 20)
    assert cluster.pods() == {}, "brokers must not be told of addresses that they do not have"
    with Cloud(cluster.kube):
        cluster.api.operation(op)
    cluster.well()
    given = addresses(cluster).split(",")
    assert len(given) == 2 and all(a.startswith(BLOCK) and a.endswith(f":{PORT}") for a in given), given
    for address in given:
        assert sorted(f"{b.host}:{b.port}" for b in cluster.metadata(address).brokers.values()) == sorted(given)
    cluster.create_topic("t", replicas=2)
    with Load(",".join(given), "t") as load:
        until("some records", lambda: load.acked > 200)
    assert load.failed == [] and values(read_all(",".join(given), "t")) == [str(i) for i in range(load.sent)]


def test_only_the_allowed_networks_reach_them_and_nobody_is_restarted_to_change_that(far):
    cluster, _ = far
    before, given = cluster.uids(), addresses(cluster).split(",")
    assert all(map(answers, given))
    cluster.api.operation(cluster.patch({"listeners": balanced("192.0.2.128/25")}))
    until("the others to be kept out", lambda: not any(map(answers, given)), 20)
    assert len(cluster.metadata().brokers) == 2, "the other way in is open"
    cluster.api.operation(cluster.patch({"listeners": balanced(f"{NODE_IP}/32")}))
    until("the way to be open again", lambda: all(map(answers, given)), 20)
    assert cluster.uids() == before
    cluster.delete()
    assert cluster.left() == []
