"""One Kubernetes, one release of the chart and one Kafka cluster for all tests, in the order from cheap to expensive.

With HEADRACE_E2E_KEEP=1 a Kubernetes that is up is used, and left up."""

import time

import pytest

from harness import measured
from kubernetes.harness import evidence, images
from kubernetes.harness.clients import Clients
from kubernetes.harness.clusters import Cluster
from kubernetes.harness.kube import KEEP, Kube
from kubernetes.harness.release import Release

NAMESPACE = "headrace-e2e"
ORDER = ["install", "create", "provider", "clients", "quiet", "drift", "pods_lost", "changes", "drain", "troubles", "versions", "control_plane_killed",
         "api_server_away", "volumes_lost", "grow", "delete", "tutorial", "balancers", "upgrade"]
current = {}


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: ORDER.index(item.path.stem.removeprefix("test_")))


@pytest.fixture(scope="session")
def kube():
    kube = Kube(NAMESPACE)
    started = time.monotonic()
    try:
        Kube.up()
        measured.note("Kubernetes up", time.monotonic() - started)
        kube.remove()
        kube.kubectl("create", "namespace", NAMESPACE)
        yield kube
    finally:
        if KEEP:
            kube.remove()
        else:
            Kube.down()


@pytest.fixture(scope="session")
def release(kube):
    started = time.monotonic()
    images.load_all()
    measured.note("images made and loaded", time.monotonic() - started)
    started = time.monotonic()
    release = current["release"] = Release(kube).install()
    measured.note("helm install", time.monotonic() - started)
    return release


@pytest.fixture(scope="session")
def clients(release):
    return Clients(release.kube)


@pytest.fixture(scope="session")
def orders(release):
    """Three brokers, with a way in from outside."""
    return Cluster.create(release, "orders")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed and Kube.is_up():
        folder = evidence.save(item.name, Kube(NAMESPACE), current.get("release"))
        report.sections.append(("evidence", f"logs, events and objects are in {folder}"))


def pytest_terminal_summary(terminalreporter):
    """How long each took, what was measured, and the plain closing line that every CI reads."""
    line, stats = terminalreporter.write_line, terminalreporter.stats
    ran = [r for key in ("passed", "failed", "error", "xfailed") for r in stats.get(key, []) if getattr(r, "when", "") == "call" or r.failed]
    line("seconds:")
    for report in sorted(ran, key=lambda r: r.start):
        line(f"{report.duration:8.1f}  {'' if not report.failed else 'FAILED '}{report.nodeid.rsplit('::')[-1]}")
    measured.report(line)
    count = {k: len(stats.get(k, [])) for k in ("passed", "failed", "error", "skipped", "xfailed")}
    known = f", {count['xfailed']} known to fail" if count["xfailed"] else ""
    line("")
    line(f"{count['passed']} passed, {count['failed'] + count['error']} failed, {count['skipped']} skipped{known}")
