"""The REST API as curl would use it: nothing of ours between the test and the wire."""

import http.client
import json
import urllib.parse
from dataclasses import dataclass

from harness.wait import until


@dataclass
class Answer:
    status: int
    headers: dict
    text: str

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def content_type(self):
        return self.headers.get("content-type", "").split(";")[0]


class Api:
    def __init__(self, base, key=None):
        self.base, self.key = base, key
        self.address = urllib.parse.urlsplit(base).netloc

    def call(self, method, path, body=None, headers=None, key=..., raw=None, timeout=30):
        head = {"content-type": "application/json"} if (body is not None or raw is not None) else {}
        token = self.key if key is ... else key
        if token:
            head["authorization"] = f"Bearer {token}"
        head.update({k.lower(): v for k, v in (headers or {}).items()})
        data = raw if raw is not None else (json.dumps(body) if body is not None else None)
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            try:
                connection.request(method, path, data, head)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before all was sent: the answer says why
            r = connection.getresponse()
            return Answer(r.status, {k.lower(): v for k, v in r.getheaders()}, r.read().decode("utf-8", "replace"))
        finally:
            connection.close()

    def get(self, path, **kw):
        return self.call("GET", path, **kw)

    def post(self, path, body=None, **kw):
        return self.call("POST", path, body, **kw)

    def ok(self, method, path, body=None, **kw):
        a = self.call(method, path, body, **kw)
        assert 200 <= a.status < 300, f"{method} {path}: {a.status} {a.text}"
        return a.json if a.text else None

    def operation(self, id, timeout=90):
        """Waits for an operation's end and returns it; a failed one fails the test with its own words."""
        def ended():
            op = self.ok("GET", f"/v1/operations/{id}")
            return op if op["state"] in ("succeeded", "failed", "cancelled") else None
        op = until(f"operation {id}", ended, timeout)
        assert op["state"] == "succeeded", json.dumps(op, indent=2)
        return op

    def create_cluster(self, name, **spec):
        op = self.ok("POST", "/v1/clusters", {"name": name, "brokers": 1, **spec})
        self.operation(op["id"])
        return self.running(name)

    def running(self, name, timeout=60):
        def up():
            c = self.ok("GET", f"/v1/clusters/{name}")
            return c if c["status"]["state"] == "running" else None
        return until(f"cluster {name} to run", up, timeout)

    def delete_cluster(self, name):
        op = self.ok("DELETE", f"/v1/clusters/{name}")
        return self.operation(op["id"])

    def events(self, path, timeout=60):
        """Server-sent events of a path, as (event, data) pairs, for as long as the stream lasts."""
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            connection.request("GET", path, headers={"authorization": f"Bearer {self.key}", "accept": "text/event-stream"})
            r = connection.getresponse()
            assert r.status == 200, r.read()
            event, data = "message", []
            for line in r:
                line = line.decode().rstrip("\n")
                if line.startswith("event:"):
                    event = line[6:].strip()
                elif line.startswith("data:"):
                    data.append(line[5:].strip())
                elif line == "" and data:
                    yield event, json.loads("\n".join(data))
                    event, data = "message", []
        finally:
            connection.close()
