"""A cluster gets another version of its engine, goes back from one that does not start, and has a broker begin again."""

from datetime import datetime

from harness import measured
from harness.wait import until
from kubernetes.harness.release import BAD_VERSION, OTHER_VERSION
from kubernetes.tests.test_changes import rolled


def test_another_version_is_rolled_out(orders):
    rolled(orders, "upgrade", lambda: orders.patch({"engine": {"version": OTHER_VERSION}}))
    assert orders.state()["engine"]["version"] == OTHER_VERSION
    labels = {p["metadata"]["labels"]["app.kubernetes.io/version"] for p in orders.pods().values()}
    assert labels == {OTHER_VERSION}


def test_an_upgrade_that_fails_goes_back(orders):
    orders.well()
    before = orders.uids()
    with orders.loaded("rollback") as load:
        op = orders.patch({"engine": {"version": BAD_VERSION}})
        ended = until("the upgrade to fail", lambda: (o := orders.api.ok("GET", f"/v1/operations/{op}"))["state"] == "failed" and o, 90)
        assert "did not start within" in ended["error"]["detail"] and "localhost/none:1" in ended["error"]["detail"], ended
        orders.well(timeout=90)
        load.goes_on()
    assert orders.state()["engine"]["version"] == OTHER_VERSION
    after = orders.uids()
    assert sum(before[n] != after[n] for n in before) == 1, "only the first broker was tried"
    reasons = [e["reason"] for e in orders.api.ok("GET", "/v1/events?page_size=20")["items"]]
    assert "upgrade_rolled_back" in reasons, reasons
    load.check()


def test_a_broker_is_replaced(orders):
    orders.well()
    before = {n: orders.volume(n) for n in orders.uids()}
    with orders.loaded("replaced") as load:
        op = orders.api.ok("POST", "/v1/clusters/orders/brokers/2/replace")
        done = orders.api.operation(op["id"])
        load.goes_on()
    orders.well()
    measured.note("replace a broker: until its replicas are in sync", _seconds(done))
    assert [n for n in before if orders.volume(n) != before[n]] == [2]
    until("all to vote again", lambda: all(b["is_voter"] for b in orders.brokers()), 60)
    load.check()


def _seconds(operation):
    begun, ended = (datetime.fromisoformat(operation[key]) for key in ("created_at", "finished_at"))
    return (ended - begun).total_seconds()
