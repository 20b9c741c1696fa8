"""Pods go while clients write: nothing is lost, and all is as before again by itself."""

import time

from harness import measured
from harness.wait import until


def lose(orders, topic, what, loss):
    """A producer runs while a broker is lost; returns when all is well again, and all that was acknowledged is there."""
    orders.well()
    with orders.loaded(topic) as load:
        started = time.monotonic()
        loss()
        orders.well(timeout=120)
        measured.note(f"{what}: until all replicas are in sync", time.monotonic() - started)
        load.goes_on()
    measured.note(f"{what}: longest time without an answer", load.longest_wait)
    load.check()


def test_a_deleted_pod_comes_back(orders):
    before = orders.uids()

    def loss():
        orders.kube.kubectl("delete", "pod", "orders-1", "--wait=false")
        until("another pod", lambda: orders.uids().get(1, before[1]) != before[1], 100)
    lose(orders, "pod-deleted", "pod deleted", loss)
    assert {n: uid for n, uid in orders.uids().items() if n != 1} == {n: uid for n, uid in before.items() if n != 1}


def test_the_lead_of_the_quorum_is_lost_without_grace(orders):
    leader = orders.state()["status"]["controller_id"]
    before = orders.uids()

    def loss():
        orders.kube.kubectl("delete", "pod", orders.pod(leader), "--force", "--grace-period=0", "--wait=false")
        until("another pod", lambda: orders.uids().get(leader, before[leader]) != before[leader], 60)
    lose(orders, "pod-forced", "leader's pod deleted by force", loss)
