"""Brokers as pods do what every provider must."""

import pytest

from harness.provider_suite import *  # noqa: F403
from kubernetes.harness.clusters import Cluster


class Kubernetes:
    def __init__(self, release):
        self.release, self.api = release, release.api

    def create(self, name, **spec):
        return Cluster.create(self.release, name, **spec)


@pytest.fixture(scope="module")
def provider(release):
    return Kubernetes(release)
