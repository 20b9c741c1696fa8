"""The control plane of Kubernetes dies or hangs: clients go on, and what was asked for meanwhile is done afterwards."""

import time

import pytest

from harness import measured
from harness.wait import until
from kubernetes.harness.clients import JavaProducer

AWAY_SECONDS, HANGS_SECONDS = 60, 20


@pytest.mark.timeout(720)
def test_producers_and_operations_outlast_kubernetes_control_plane(release, orders):
    orders.well()
    before, api = orders.uids(), release.api
    orders.create_topic("java-meanwhile")
    bootstrap = orders.bootstrap
    java = JavaProducer(release.kube, orders.inside, "java-meanwhile", (AWAY_SECONDS + 20) * 200, 200)
    try:
        until("the Java producer to begin", lambda: "started" in release.kube.kubectl("logs", java.name, check=False).stdout, 90)
        with orders.loaded("meanwhile") as load:
            with release.kube.control_plane_away():
                gone = time.monotonic()
                op = orders.patch({"config": {"log.retention.hours": "77"}})
                while time.monotonic() < gone + AWAY_SECONDS:
                    load.goes_on(50)
                    status = api.ok("GET", "/v1/clusters/orders")["status"]
                    assert status["brokers_ready"] == 3 and status["state"] in ("running", "updating", "degraded"), status
                    assert api.ok("GET", f"/v1/operations/{op}")["state"] in ("pending", "running")
                    time.sleep(1)
                waits = api.ok("GET", f"/v1/operations/{op}")
                assert "API server" in str(waits["steps"]) or "API server" in str(orders.condition("Reconciled")), waits
            back = time.monotonic()
            api.operation(op, 300)
            measured.note("Kubernetes back: until the change asked for meanwhile is done", time.monotonic() - back)
            load.goes_on()
        orders.well(timeout=120)
        assert all(uid != before[n] for n, uid in orders.uids().items())
        assert f"acked {java.count} failed 0" in java.finish(180)
        measured.note("Kubernetes away: longest time without an answer", load.longest_wait)
        assert bootstrap == orders.bootstrap
        load.check()
    finally:
        java.remove()


def test_an_api_server_that_hangs_holds_up_nothing_for_good(release, orders):
    orders.well()
    before = orders.uids()
    with orders.loaded("hangs") as load:
        with release.kube.api_server_hangs():
            op = orders.patch({"config": {"log.retention.hours": "78"}})
            end = time.monotonic() + HANGS_SECONDS
            while time.monotonic() < end:
                load.goes_on(50)
                assert orders.state()["status"]["brokers_ready"] == 3
                assert release.api.ok("GET", f"/v1/operations/{op}")["state"] in ("pending", "running")
                time.sleep(1)
        back = time.monotonic()
        release.api.operation(op, 120)
        measured.note("API server answers again: until the change asked for meanwhile is done", time.monotonic() - back)
        load.goes_on()
    orders.well()
    assert all(uid != before[n] for n, uid in orders.uids().items())
    load.check()
