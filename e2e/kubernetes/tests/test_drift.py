"""What others change about a cluster's objects is put right, and no pod is restarted for it."""

import time

import pytest

from harness import measured
from harness.load import IMPATIENT
from harness.wait import until

SECONDS_MAX = 10


def spec_of(kube, kind, name):
    found = kube.get(kind, name)
    return found and {"labels": found["metadata"]["labels"], **{part: found.get(part) for part in ("spec", "data")}}


# What is done to which object.
EDITS = {
    "Service": ("services", "orders-bootstrap", {"spec": {"selector": {"app.kubernetes.io/name": "nobody"}}}),
    "broker's Service": ("services", "orders-broker-2", {"spec": {"selector": {"statefulset.kubernetes.io/pod-name": "orders-1"}}}),
    "ConfigMap": ("configmaps", "orders", {"data": {"orders-1.properties": "node.id=7\n", "orders-2.json": None}}),
    "StatefulSet": ("statefulsets", "orders", {"spec": {"replicas": 2}}),
    "pods' template": ("statefulsets", "orders", {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}),
    "StatefulSet's label": ("statefulsets", "orders", {"metadata": {"labels": {"app.kubernetes.io/managed-by": "somebody"}}}),
    "PodDisruptionBudget": ("poddisruptionbudgets", "orders", {"spec": {"maxUnavailable": 3}}),
    "NetworkPolicy": ("networkpolicies", "orders", {"spec": {"ingress": None}}),
}
DELETED = [("services", "orders-bootstrap"), ("services", "orders-brokers"), ("services", "orders-broker-1"),
           ("poddisruptionbudgets", "orders"), ("networkpolicies", "orders"), ("secrets", "orders-agents"),
           ("serviceaccounts", "orders"), ("statefulsets", "orders")]


def put_right(orders, what, change, is_right):
    orders.well()
    pods = orders.uids()
    change()
    started = time.monotonic()
    until(f"{what} to be put right", is_right, SECONDS_MAX)
    measured.note("drift put right", time.monotonic() - started)
    time.sleep(1)
    assert is_right(), "it did not last"
    return pods


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_is_undone(orders, what):
    kind, name, change = EDITS[what]
    orders.well()
    before = spec_of(orders.kube, kind, name)
    # A pod that was taken away meanwhile comes back; the others stay.
    pods = put_right(orders, what, lambda: orders.kube.patch(kind, name, change), lambda: spec_of(orders.kube, kind, name) == before)
    orders.well()
    same = [n for n, uid in orders.uids().items() if pods[n] == uid]
    assert len(same) >= (2 if change == {"spec": {"replicas": 2}} else 3), (pods, orders.uids())


@pytest.mark.parametrize("kind, name", DELETED)
def test_a_deleted_object_comes_back(orders, kind, name):
    kube, before = orders.kube, orders.bootstrap
    uid = kube.get(kind, name)["metadata"]["uid"]

    def is_back():
        now = kube.get(kind, name)
        return now and now["metadata"]["uid"] != uid and "deletionTimestamp" not in now["metadata"]
    # A StatefulSet that is deleted as users do it takes its pods along: that is tried in another test.
    cascade = ["--cascade=orphan"] if kind == "statefulsets" else []
    pods = put_right(orders, f"{kind} {name}", lambda: kube.kubectl("delete", kind, name, "--wait=false", *cascade), is_back)
    orders.well()
    assert orders.uids() == pods
    assert orders.bootstrap == before, "clients outside find the brokers where they were"


@pytest.mark.parametrize("cascade", ["background", "orphan"])
def test_deleting_the_owner_of_all_restarts_nothing_and_loses_nothing(orders, cascade):
    kube = orders.kube
    orders.well()
    known = {key: o["metadata"]["uid"] for key, o in kube.all_of(orders.id).items()}
    owner = known.pop(("configmaps", "orders"))
    with orders.loaded(f"owner-{cascade}") as load:
        kube.kubectl("delete", "configmap", "orders", "--wait=false", f"--cascade={cascade}")

        def owned_again():
            now = kube.all_of(orders.id)
            assert ("configmaps", "orders") in now, "it is not there"
            new = now[("configmaps", "orders")]["metadata"]
            assert new["uid"] != owner and "deletionTimestamp" not in new, new
            owners = {key: [r["uid"] for r in o["metadata"].get("ownerReferences", []) if r["kind"] == "ConfigMap"]
                      for key, o in now.items() if key[0] not in ("pods", "persistentvolumeclaims", "configmaps")}
            wrong = {key: uids for key, uids in owners.items() if uids != [new["uid"]]}
            assert not wrong, (new["uid"], wrong)
            return now
        now = until("the objects to be owned by a new ConfigMap", owned_again, 20)
        load.goes_on()
        time.sleep(3)  # the garbage collector looks once more
        now = kube.all_of(orders.id)
        now.pop(("configmaps", "orders"))
        assert {key: o["metadata"]["uid"] for key, o in now.items()} == known
    orders.well()
    load.check()


def test_deleting_the_owner_with_all_that_it_owns_loses_nothing(orders):
    """Then Kubernetes removes the others first, pods too, all at once; the volumes are nobody's."""
    kube = orders.kube
    orders.well()
    # The addresses go, too: a broker's last word to its clients may be lost.
    with orders.loaded("owner-foreground", **IMPATIENT) as load:
        claims = lambda: {o["metadata"]["name"]: o["metadata"]["uid"] for o in kube.list("persistentvolumeclaims", orders.selector)}
        before, owner = claims(), kube.get("configmaps", "orders")["metadata"]["uid"]
        kube.kubectl("delete", "configmap", "orders", "--wait=false", "--cascade=foreground")
        until("another ConfigMap", lambda: (c := kube.get("configmaps", "orders")) and c["metadata"]["uid"] != owner, 20)
        until("the last of the pods to be gone", lambda: all("deletionTimestamp" not in o["metadata"] for o in kube.all_of(orders.id).values()), 60)
        orders.well()
        load.goes_on(timeout=150)
        assert claims() == before
    load.check()
