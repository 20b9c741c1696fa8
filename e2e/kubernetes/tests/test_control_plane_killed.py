"""Control planes are killed in the middle of what they do; others go on with it, and clients notice nothing."""

import random
import time

import pytest

from harness.wait import until
from kubernetes.harness.clusters import Cluster, spec
from kubernetes.harness.watches import Readiness


def killed_while(release, operation, wait_seconds, kills=2):
    """Kills all control planes again and again until an operation has ended."""
    for _ in range(kills):
        time.sleep(wait_seconds)
        release.kill()
    ended = release.api.operation(operation, 180)
    release.until_ready()
    return ended


@pytest.mark.parametrize("wait_seconds", [0.3, 1.5])
def test_during_create_and_delete(release, wait_seconds):
    op = release.api.ok("POST", "/v1/clusters", {"name": "killed", **spec()})
    killed_while(release, op["id"], wait_seconds)
    cluster = Cluster(release, "killed").well(3)
    with cluster.loaded("t") as load:
        load.goes_on()
    load.check()
    op = release.api.ok("DELETE", "/v1/clusters/killed")
    killed_while(release, op["id"], wait_seconds)
    assert release.api.get("/v1/clusters/killed").status == 404
    assert release.kube.all_of(cluster.id) == {}


def test_during_a_roll(release, orders):
    orders.well()
    before = orders.uids()
    with orders.loaded("killed-roll") as load, Readiness(orders) as readiness:
        op = orders.patch({"config": {"log.retention.hours": str(random.randint(50, 500))}})
        killed_while(release, op, 4)
        load.goes_on()
    orders.well()
    assert all(uid != before[n] for n, uid in orders.uids().items())
    assert readiness.fewest == len(before) - 1, "one broker is away at a time"
    load.check()


def test_nobody_watches_while_a_broker_dies(release, orders):
    """The brokers' own affairs need no control plane."""
    orders.well()
    before = orders.uids()[1]
    with orders.loaded("nobody-watches") as load:
        release.kube.kubectl("scale", "deployment", release.name, "--replicas=0")
        try:
            until("no control plane", lambda: release.pods() == [], 60)
            orders.kube.kubectl("delete", "pod", "orders-1", "--wait=false")
            until("another pod", lambda: before not in [p["metadata"]["uid"] for p in orders.pods().values()] and 1 in orders.pods(), 100)
            load.goes_on()
        finally:
            release.kube.kubectl("scale", "deployment", release.name, "--replicas=2")
            release.until_ready()
        orders.well()
    load.check()


def test_nobody_watches_while_the_stateful_set_goes(release, orders):
    orders.well()
    pods = orders.uids()
    release.kill()
    orders.kube.kubectl("delete", "statefulset", "orders", "--cascade=orphan")
    release.until_ready()
    until("another StatefulSet", lambda: orders.kube.get("statefulsets", "orders"), 20)
    orders.well()
    assert orders.uids() == pods
