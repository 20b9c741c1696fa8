"""What no client should send to a broker: it closes that connection, says why in its log, and goes on for everybody else."""

import os
import socket
import struct

import pytest
from confluent_kafka import Producer

from harness import processes
from harness.records import read_all, values
from harness.wait import until

API_VERSIONS_V0 = struct.pack(">ihhih", 10, 18, 0, 7, -1)


@pytest.fixture(scope="module")
def target(service):
    c = service.api.create_cluster("rough")
    host, port = c["status"]["bootstrap_servers"].split(",")[0].rsplit(":", 1)
    yield service, c, (host, int(port))
    service.api.delete_cluster("rough")


def answered(address):
    with socket.create_connection(address, timeout=10) as s:
        s.sendall(API_VERSIONS_V0)
        head = s.recv(8)
        return len(head) == 8 and struct.unpack(">ii", head)[1] == 7


def closed_after(address, data):
    with socket.create_connection(address, timeout=20) as s:
        try:
            s.sendall(data)
            while s.recv(65536):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
        return True


GARBAGE = [
    ("a frame of 2 GiB", struct.pack(">i", 0x7FFFFFFF) + b"x" * 100),
    ("a negative length", struct.pack(">i", -5) + b"x" * 100),
    ("an empty frame", struct.pack(">i", 0) + b"x" * 100),
    ("an unknown API key", struct.pack(">ihhih", 10, 9999, 0, 1, -1)),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("TLS", bytes.fromhex("16030100c8010000c40303") + b"\0" * 200),
    ("noise", bytes((i * 7919 + 131) % 256 for i in range(70000))),
    ("a metadata request that claims a billion topics", struct.pack(">ihhihi", 14, 3, 1, 1, -1, 10 ** 9)),
]


@pytest.mark.parametrize("what, data", GARBAGE, ids=[what for what, _ in GARBAGE])
def test_garbage_closes_its_connection_only(target, what, data):
    service, c, address = target
    pid = service.broker_pid(c)
    assert closed_after(address, data), what
    assert answered(address)
    assert service.broker_pid(c) == pid, "the same process as before"


def test_an_unknown_version_of_api_versions_is_answered_as_version_0(target):
    _, _, address = target
    with socket.create_connection(address, timeout=10) as s:
        s.sendall(struct.pack(">ihhihb", 11, 18, 99, 11, -1, 0))
        size = struct.unpack(">i", s.recv(4))[0]
        correlation, error = struct.unpack(">ih", s.recv(6))
        assert (correlation, error) == (11, 35) and size > 10


def test_many_half_open_connections_and_half_frames_cost_little(target):
    service, c, address = target
    pid = service.broker_pid(c)
    before = processes.rss_bytes(pid)
    held = []
    try:
        for i in range(300):
            s = socket.create_connection(address, timeout=10)
            held.append(s)
            if i % 2:  # a frame of 64 MiB is announced; 100 bytes of it arrive
                s.sendall(struct.pack(">i", 64 << 20) + b"\0" * 100)
        bootstrap = c["status"]["bootstrap_servers"]
        p = Producer({"bootstrap.servers": bootstrap})
        for i in range(1000):
            p.produce("among-them", str(i))
        assert p.flush(30) == 0
        assert values(read_all(bootstrap, "among-them")) == [str(i) for i in range(1000)]
        grown = processes.rss_bytes(pid) - before
        assert grown < 64 << 20, f"300 connections took {grown >> 20} MiB"
    finally:
        for s in held:
            s.close()
    until("the descriptors to be given back", lambda: len(os.listdir(f"/proc/{pid}/fd")) < 200)


def test_a_flood_of_garbage_does_not_grow_memory(target):
    service, c, address = target
    pid = service.broker_pid(c)
    for _ in range(50):
        closed_after(address, struct.pack(">i", 0x7FFFFFFF) + b"y" * 1000)
    before = processes.rss_bytes(pid)
    for _ in range(500):
        closed_after(address, struct.pack(">i", 0x7FFFFFFF) + b"y" * 1000)
    assert processes.rss_bytes(pid) - before < 8 << 20
    assert answered(address)
