"""All brokers go at once, and a broker comes back with nothing: on a cluster of their own."""

import time

import pytest

from harness import measured
from harness.load import IMPATIENT
from harness.wait import until
from kubernetes.harness.clusters import Cluster


@pytest.fixture(scope="module")
def lost(release):
    cluster = Cluster.create(release, "lost")
    yield cluster
    cluster.delete()


def test_a_stateful_set_deleted_with_its_pods_comes_back_and_loses_nothing(lost):
    lost.well()
    before = lost.uids()
    with lost.loaded("set-deleted", **IMPATIENT) as load:
        lost.kube.kubectl("delete", "statefulset", "lost", "--wait=false")
        until("other pods", lambda: set(lost.uids()) == set(before) and not set(lost.uids().values()) & set(before.values()), 120)
        lost.well(timeout=120)
        # All addresses of pods are others now. A connection to one that is gone is not closed by anybody: the client gives it up after
        # its own time.
        load.goes_on(timeout=150)
    load.check()


def test_a_broker_whose_volume_is_lost_fetches_all_again(lost):
    with lost.loaded("volume-lost") as load:
        started = time.monotonic()
        lost.lose_volume(3)
        lost.well(timeout=60)
        measured.note("volume lost: until all replicas are in sync", time.monotonic() - started)
        load.goes_on()
    load.check()
    assert lost.log_bytes(3, "volume-lost") == lost.log_bytes(1, "volume-lost") > 0
    until("all to vote again", lambda: all(b["is_voter"] for b in lost.brokers()), 60)
