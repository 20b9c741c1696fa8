import pytest

from harness import measured
from harness.service import Service


@pytest.fixture(scope="session")
def service():
    """One service for all tests that don't stop it; each makes clusters and topics of its own."""
    s = Service()
    try:
        s.up()
        yield s
    finally:
        s.remove()


@pytest.fixture
def own_service():
    """A service not yet started, for tests that start, stop or kill it."""
    s = Service()
    try:
        yield s
    finally:
        s.remove()


@pytest.fixture(scope="session")
def cluster(service):
    """One running cluster for tests that only need topics."""
    return service.api.create_cluster("shared")


@pytest.fixture
def bootstrap(cluster):
    return cluster["status"]["bootstrap_servers"]


def pytest_terminal_summary(terminalreporter):
    """What ran, in the plain closing line that every CI reads."""
    measured.report(terminalreporter.write_line)
    count = {k: len(terminalreporter.stats.get(k, [])) for k in ("passed", "failed", "error", "skipped")}
    terminalreporter.write_line("")
    terminalreporter.write_line(f"{count['passed']} passed, {count['failed'] + count['error']} failed, {count['skipped']} skipped")
