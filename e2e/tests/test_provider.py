"""Brokers as processes of one machine do what every provider must."""

from functools import partial

import pytest

from harness.local_cluster import LocalCluster
from harness.provider_suite import *  # noqa: F403


@pytest.fixture(scope="module")
def create_cluster(service):
    return partial(LocalCluster.create, service)
