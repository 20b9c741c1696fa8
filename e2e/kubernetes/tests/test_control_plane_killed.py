"""Control planes are killed in the middle of what they do; others go on with it, and clients notice nothing."""

import random
import time

import pytest

from harness.cluster import Written
from harness.wait import until
from kubernetes.harness.clusters import OUTSIDE, Cluster, spec
from kubernetes.harness.release import OTHER_VERSION, VERSION
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


def test_during_an_upgrade_and_a_replacement(release, orders):
    before, was = orders.uids(), orders.state()["engine"]["version"]
    version = next(v for v in (VERSION, OTHER_VERSION) if v != was)
    with orders.loaded("killed-upgrade") as load:
        killed_while(release, orders.patch({"engine": {"version": version}}), 4)
        load.goes_on()
        orders.well()
        assert all(uid != before[n] for n, uid in orders.uids().items())
        disk = orders.disk(2)
        killed_while(release, orders.api.ok("POST", "/v1/clusters/orders/brokers/2/replace")["id"], 1.5)
        load.goes_on()
    orders.well()
    assert orders.disk(2) != disk and orders.state()["engine"]["version"] == version
    until("all to vote again", lambda: all(b["is_voter"] for b in orders.brokers()), 60)
    load.check()


def test_during_growth(release):
    cluster = Cluster.create(release, "killed-small", brokers=1)
    cluster.create_topic("t", replicas=1)
    with Written(cluster, "t") as load:
        op = cluster.patch({"brokers": 3, "listeners": [OUTSIDE, {"name": "more", "type": "nodeport"}]})
        killed_while(release, op, 2)
        load.goes_on()
    cluster.well(3)
    load.check()
    until("three voters", lambda: all(b["is_voter"] for b in cluster.brokers()), 60)
    cluster.delete()


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
