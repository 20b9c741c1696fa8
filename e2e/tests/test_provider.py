"""Brokers as processes of one machine do what every provider must."""

import pytest

from harness.local_cluster import LocalCluster
from harness.provider_suite import *  # noqa: F403


class Local:
    def __init__(self, service):
        self.service, self.api = service, service.api

    def create(self, name, **spec):
        return LocalCluster.create(self.service, name, **spec)


@pytest.fixture(scope="module")
def provider(service):
    return Local(service)
