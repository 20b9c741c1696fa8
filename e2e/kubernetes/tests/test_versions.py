"""A cluster gets another version of its engine, and goes back from one that does not start."""

from harness.wait import until
from kubernetes.harness.release import BAD_VERSION, OTHER_VERSION


def test_another_version_is_rolled_out(orders):
    orders.rolled("upgrade", lambda: orders.patch({"engine": {"version": OTHER_VERSION}}))
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
