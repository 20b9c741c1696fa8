"""What is noted while something happens: how many pods were ready at least, and whether the API answered all the time."""

import http.client
import json
import socket
import time
import urllib.parse

from harness.background import Background


def is_ready(pod):
    return "deletionTimestamp" not in pod["metadata"] and any(
        c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


class Readiness(Background):
    """The fewest pods of a cluster that were ready at once, by every change that the API server tells."""

    def __init__(self, cluster):
        super().__init__()
        self.cluster, self.ready = cluster, {cluster.pod(n): is_ready(p) for n, p in cluster.pods().items()}
        self.fewest = sum(self.ready.values())
        self.connection = cluster.kube._connection(None)
        self.failure = None

    def _run(self):
        kube = self.cluster.kube
        try:
            self.connection.request("GET", kube.path("pods", selector=self.cluster.selector, watch=True))
            for line in self.connection.getresponse():
                event = json.loads(line)
                pod = event["object"]
                self.ready[pod["metadata"]["name"]] = event["type"] != "DELETED" and is_ready(pod)
                if not self.stopping.is_set():
                    self.fewest = min(self.fewest, sum(self.ready.values()))
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as e:
            if not self.stopping.is_set():
                self.failure = e

    def _end(self):
        assert self.failure is None, self.failure
        if self.connection.sock:
            # Closing it alone does not wake who reads from it.
            self.connection.sock.shutdown(socket.SHUT_RDWR)
            self.connection.sock.close()


class Answers(Background):
    """Asks the API twenty times a second, each time by a connection of its own."""

    def __init__(self, base, path, key, timeout=2):
        super().__init__()
        self.address, self.path, self.timeout = urllib.parse.urlsplit(base).netloc, path, timeout
        self.headers = {"authorization": f"Bearer {key}"}
        self.asked, self.failed, self.slowest = 0, [], 0.0

    def _run(self):
        while not self.stopping.wait(0.05):
            started = time.monotonic()
            connection = http.client.HTTPConnection(self.address, timeout=self.timeout)
            try:
                connection.request("GET", self.path, headers=self.headers)
                status = connection.getresponse().status
                if status != 200:
                    self.failed.append(str(status))
            except (OSError, http.client.HTTPException) as e:
                self.failed.append(repr(e))
            finally:
                connection.close()
            self.asked += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
