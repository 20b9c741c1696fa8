"""The release is upgraded, taken away and installed again; the clusters go on."""

import pytest

from harness import measured
from harness.wait import until
from kubernetes.harness.clusters import Cluster, spec
from kubernetes.harness.kube import MONITORING, Kube
from kubernetes.harness.watches import Answers

ELSEWHERE = "headrace-elsewhere"

@pytest.fixture(scope="module")
def stays(release):
    release.kube.define(MONITORING, "PodMonitor")
    return Cluster.create(release, "stays").well(3)


def test_an_upgrade_to_another_version_of_the_chart_is_not_noticed(release, stays):
    before, brokers = {p["metadata"]["uid"] for p in release.pods()}, stays.uids()
    release.package("99.0.0")
    with stays.loaded("upgraded") as load, Answers(release.base, "/v1/clusters/stays", release.api.key) as answers:
        release.upgrade(**{"log.filter": "debug", "monitoring.podMonitor.labels.release": "prometheus"})
        assert not before & {p["metadata"]["uid"] for p in release.pods()}
        assert {p["metadata"]["labels"]["helm.sh/chart"] for p in release.pods()} == {"headrace-99.0.0"}
        load.goes_on()
    measured.note("helm upgrade: slowest of the API's answers", answers.slowest)
    assert answers.asked > 50 and answers.failed == [], (answers.asked, answers.failed)
    assert stays.uids() == brokers
    load.check()


def test_brokers_are_scraped_where_the_prometheus_operator_is(release, stays):
    """Of the operator, its kind is enough; the control plane that was started last has found it."""
    kube = release.kube
    (monitor,) = until("a PodMonitor", lambda: kube.list("podmonitors", stays.selector), 20)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    for pod in stays.pods().values():
        labels, ports = pod["metadata"]["labels"], {p["name"] for c in pod["spec"]["containers"] for p in c.get("ports", [])}
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items() and endpoint["port"] in ports
    kube.delete("podmonitors", "stays")
    until("it to be back", lambda: [m["metadata"]["uid"] for m in kube.list("podmonitors", stays.selector)] not in ([], [monitor["metadata"]["uid"]]), 10)


def test_clusters_are_in_the_namespaces_that_they_name(release, stays):
    body = {"name": "elsewhere", **spec(1)}
    body["kubernetes"] = {**body["kubernetes"], "namespace": ELSEWHERE}
    refused = release.api.call("POST", "/v1/clusters", body)
    assert refused.status == 422 and "rbac.clusterWide" in refused.text, refused.text
    other, brokers = Kube(ELSEWHERE), stays.uids()
    release.kube.kubectl("create", "namespace", ELSEWHERE)
    try:
        release.upgrade(**{"rbac.clusterWide": "true"})
        release.api.operation(release.api.ok("POST", "/v1/clusters", body)["id"])
        cluster = Cluster(release, "elsewhere")
        assert cluster.left() == []
        cluster.kube = other
        cluster.well()
        other.kubectl("delete", "service", "elsewhere-bootstrap")
        until("what is deleted there to be back", lambda: other.get("services", "elsewhere-bootstrap"), 10)
        assert stays.uids() == brokers
        cluster.delete()
        assert cluster.left() == []
    finally:
        other.remove()


def test_a_cluster_is_not_made_again_in_another_namespace(release, stays):
    brokers, other = stays.uids(), Kube(ELSEWHERE)
    release.kube.kubectl("create", "namespace", ELSEWHERE)
    try:
        release.upgrade(**{"clusters.namespace": ELSEWHERE})
        op = stays.patch({"labels": {"looked-for": "elsewhere"}})
        ended = until("the operation to end", lambda: (o := release.api.ok("GET", f"/v1/operations/{op}"))["state"] == "failed" and o, 60)
        assert f"set clusters.namespace of the chart back to \"{stays.kube.namespace}\"" in ended["error"]["detail"], ended
        assert other.all_of(stays.id) == {}
        release.upgrade()
    finally:
        other.remove()
    stays.well()
    assert stays.uids() == brokers


def test_uninstall_leaves_clusters_and_data_and_install_finds_them_again(release, stays):
    brokers = stays.uids()
    known = {key: o["metadata"]["uid"] for key, o in release.kube.all_of(stays.id).items()}
    bootstrap, count = stays.bootstrap, stays.count
    with stays.loaded("uninstalled") as load:
        release.uninstall()
        until("no control plane", lambda: release.pods() == [], 60)
        load.goes_on()
        now = {key: o["metadata"]["uid"] for key, o in release.kube.all_of(stays.id).items()}
        assert now == known
        release.install()
        load.goes_on()
        release.api.operation(stays.patch({"labels": {"found": "again"}}))
    stays.well(count)
    assert stays.uids() == brokers and stays.bootstrap == bootstrap
    load.check()
    assert release.api.ok("GET", "/v1/clusters/stays")["labels"] == {"found": "again"}
    stays.delete()
