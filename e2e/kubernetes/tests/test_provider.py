"""Brokers as pods do what every provider must."""

from functools import partial

import pytest

from harness.provider_suite import *  # noqa: F403
from kubernetes.harness.clusters import Cluster


@pytest.fixture(scope="module")
def create_cluster(release):
    return partial(Cluster.create, release)
