"""A cluster whose brokers are processes of this machine."""

import os
import signal

from harness import processes
from harness.background import Background
from harness.cluster import Cluster


class LocalCluster(Cluster):
    def __init__(self, service, name):
        self.service = service
        super().__init__(name)
        self.folder = service.cluster_dir({"id": self.id})

    @classmethod
    def create(cls, service, name, **spec):
        service.api.create_cluster(name, **spec)
        return cls(service, name)

    @property
    def api(self):
        return self.service.api

    @property
    def bootstrap(self):
        return self.state()["status"]["bootstrap_servers"]

    def instances(self):
        """The process of each broker by its id."""
        read = lambda n: int(open(os.path.join(self.folder, n, "broker.pid")).read())
        return {int(n.removeprefix("broker-")): read(n) for n in os.listdir(self.folder) if n.startswith("broker-")}

    def started(self):
        ticks = lambda pid: int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[19])
        return {n: ticks(pid) for n, pid in self.instances().items()}

    def disk(self, node):
        """What tells a broker's disk from another one."""
        lines = open(os.path.join(self.folder, f"broker-{node}", "data", "meta.properties")).read().splitlines()
        return next(line for line in lines if line.startswith("directory.id="))

    def kill(self, node, sig=signal.SIGKILL):
        os.kill(self.instances()[node], sig)

    def watching(self):
        return _Processes(self.folder)

    def left(self):
        """What is there of it, once it is deleted."""
        return [*processes.of(self.folder).values(), *([self.folder] if os.path.exists(self.folder) else [])]


class _Processes(Background):
    """Notes the fewest broker processes of a cluster that were seen at once."""

    def __init__(self, folder):
        self.folder, self.fewest = folder, 1_000
        super().__init__()

    def _run(self):
        while not self.stopping.wait(0.02):
            self.fewest = min(self.fewest, len(processes.brokers(self.folder)))
