"""The release is upgraded, taken away and installed again; the clusters go on."""

import pytest

from harness import measured
from harness.wait import until
from kubernetes.harness.clusters import Cluster
from kubernetes.harness.watches import Answers


@pytest.fixture(scope="module")
def stays(release):
    return Cluster.create(release, "stays").well(3)


def test_an_upgrade_is_not_noticed(release, stays):
    before, brokers = {p["metadata"]["uid"] for p in release.pods()}, stays.uids()
    with stays.loaded("upgraded") as load, Answers(release.base) as answers:
        release.upgrade(**{"log.filter": "debug"})
        until("only new control planes", lambda: not before & {p["metadata"]["uid"] for p in release.pods()}, 60)
        load.goes_on()
    measured.note("helm upgrade: slowest of the API's answers", answers.slowest)
    assert answers.asked > 50 and answers.failed == [], (answers.asked, answers.failed)
    assert stays.uids() == brokers
    load.check()


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
