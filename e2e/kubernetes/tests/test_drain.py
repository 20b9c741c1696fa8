"""A node is drained: one broker at a time goes, and no second one while the first is away."""

import time

import pytest

from harness.wait import until
from kubernetes.harness.kube import NODE, Refused


def evicted(orders, pod):
    """Once its budget lets it go, which Kubernetes may still be reckoning."""
    until("a disruption to be allowed", lambda: orders.kube.get("poddisruptionbudgets", "orders")["status"]["disruptionsAllowed"] == 1)
    until("the eviction", lambda: orders.kube.evict(pod))


def test_a_second_eviction_is_refused_until_the_first_broker_is_back(orders):
    orders.well()
    with orders.loaded("evicted") as load:
        evicted(orders, "orders-1")
        with pytest.raises(Refused) as refused:
            orders.kube.evict("orders-2")
        assert refused.value.status == 429 and "disruption budget" in refused.value.said, refused.value.said
        orders.well()
        evicted(orders, "orders-2")
        time.sleep(2)
        orders.well()
    load.check()


def test_a_drain_takes_one_broker_and_waits(orders):
    orders.well()
    before = orders.uids()
    with orders.loaded("drained") as load:
        try:
            drain = orders.kube.kubectl("drain", NODE, f"--pod-selector={orders.selector}", "--delete-emptydir-data", "--timeout=20s",
                                        check=False)
            # There is no other node, so the first one cannot come back.
            assert drain.returncode != 0 and "disruption budget" in drain.stdout + drain.stderr, drain.stdout + drain.stderr
            gone = [n for n, uid in before.items() if orders.uids().get(n) != uid]
            assert len(gone) == 1, gone
            troubles = until("the trouble to be told", orders.troubles, 20)
            assert troubles[gone[0]]["reason"] == "Unschedulable" and "unschedulable" in troubles[gone[0]]["message"], troubles
            load.goes_on()
        finally:
            orders.kube.kubectl("uncordon", NODE)
        orders.well()
    load.check()
