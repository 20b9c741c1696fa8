"""What every provider must do: one cluster's life, from one broker to none, over the API and with Kafka clients only.

A provider's tests import all of this and give the fixture `create_cluster(name, **spec)`."""

import pytest
from confluent_kafka import Producer

from harness import measured
from harness.cluster import state_of
from harness.records import read_all, values
from harness.wait import until

__all__ = ["life", "test_one_broker_becomes_three_and_keeps_what_it_has", "test_a_changed_configuration_is_rolled_out",
           "test_a_restart_that_is_asked_for_twice_is_done_once", "test_what_cannot_be_is_refused_and_changes_nothing",
           "test_a_killed_broker_comes_back", "test_a_broker_is_replaced", "test_nobody_is_restarted_for_a_fourth",
           "test_nothing_is_left_of_a_deleted_cluster"]
PATH = "/v1/clusters/life"


@pytest.fixture(scope="module")
def life(create_cluster):
    """The one cluster; the tests are its life, in this order."""
    return create_cluster("life", brokers=1)


def test_one_broker_becomes_three_and_keeps_what_it_has(life):
    life.create_topic("old", partitions=2, replicas=1)
    producer = Producer({"bootstrap.servers": life.bootstrap, "enable.idempotence": True})
    for i in range(100):
        producer.produce("old", str(i), partition=i % 2)
    assert producer.flush(30) == 0
    op = life.api.operation(life.patch({"brokers": 3}), 180)
    assert op["kind"] == "cluster.scale_out" and state_of(op, "add_voters") == "succeeded", op
    life.well(3)
    assert len(life.bootstrap.split(",")) == 3
    assert [b["is_voter"] for b in life.brokers()] == [True] * 3
    # What was there stays where it is; what is new is made for three.
    assert sorted(map(int, values(read_all(life.bootstrap, "old")))) == list(range(100))
    assert life.api.ok("GET", f"{PATH}/topics/old")["replication_factor"] == 1
    assert life.api.ok("POST", f"{PATH}/topics", {"name": "new"})["replication_factor"] == 3


def test_a_changed_configuration_is_rolled_out(life):
    op = life.rolled("config-roll", lambda: life.patch({"config": {"log.retention.hours": "42", "num.partitions": "6"}}))
    assert op["kind"] == "cluster.update"
    for node in (1, 2, 3):
        assert life.config_of(node, "log.retention.hours") == "42" and life.config_of(node, "num.partitions") == "6"
    assert life.api.ok("POST", f"{PATH}/topics", {"name": "six"})["partitions"] == 6


def test_a_restart_that_is_asked_for_twice_is_done_once(life):
    ask = lambda: life.api.ok("POST", f"{PATH}/restart", headers={"idempotency-key": "once"})["id"]

    def twice():
        id = ask()
        assert ask() == id
        return id
    assert life.rolled("restart", twice)["kind"] == "cluster.restart"


@pytest.mark.parametrize("body, field, says", [
    ({"brokers": 2}, "brokers", "scale in"),
    ({"brokers": 100_000}, "brokers", "between 1 and"),
    ({"config": {"no.such.key": "1"}}, "config.no.such.key", "no.such.key"),
    ({"config": {"num.partitions": "many"}}, "config.num.partitions", "many"),
    ({"engine": {"version": "0.0.0"}}, "engine.version", "must be one of"),
])
def test_what_cannot_be_is_refused_and_changes_nothing(life, body, field, says):
    before = life.state()["generation"], life.instances()
    answer = life.api.call("PATCH", PATH, body)
    assert answer.status == 422 and [e["field"] for e in answer.json["errors"]] == [field] and says in answer.text, answer.text
    assert (life.state()["generation"], life.instances()) == before


def test_a_killed_broker_comes_back(life):
    life.well()
    for node, instance in life.instances().items():
        with life.loaded(f"killed-{node}") as load:
            life.kill(node)
            until("another one", lambda: life.instances().get(node, instance) != instance, 60)
            life.well()
            load.goes_on()
        load.check()


@pytest.mark.parametrize("node", [2, 1])
def test_a_broker_is_replaced(life, node):
    """The first is who began the cluster alone: with nothing on its disk it joins like any other."""
    life.well()
    before = {n: life.disk(n) for n in life.instances()}
    with life.loaded(f"replaced-{node}") as load:
        op = life.api.ok("POST", f"{PATH}/brokers/{node}/replace")["id"]
        if node == 1:
            says = lambda: [s["message"] for s in life.api.ok("GET", f"/v1/operations/{op}")["steps"] if s.get("message")]
            until("the replicas that it alone has", lambda: any("only broker 1 has all records of old" in m for m in says()), 30)
            life.api.ok("DELETE", f"{PATH}/topics/old")
        life.api.operation(op)
        load.goes_on()
    life.well()
    assert [n for n in before if life.disk(n) != before[n]] == [node]
    until("all to vote again", lambda: all(b["is_voter"] for b in life.brokers()), 60)
    load.check()
    measured.note("replaced: longest time without an answer", load.longest_wait)


def test_nobody_is_restarted_for_a_fourth(life):
    before = life.instances()
    with life.loaded("fourth") as load:
        op = life.api.operation(life.patch({"brokers": 4}))
        life.well(4)
        load.goes_on()
    assert state_of(op, "restart_brokers") == "skipped"
    after = life.instances()
    assert {n: after[n] for n in before} == before and sorted(after) == [1, 2, 3, 4]
    assert [b["is_voter"] for b in life.brokers()] == [True, True, True, False]
    load.check()
    spread = life.api.ok("POST", f"{PATH}/topics", {"name": "spread", "partitions": 12})
    assert {n for p in spread["partition_details"] for n in p["replicas"]} == {1, 2, 3, 4}


def test_nothing_is_left_of_a_deleted_cluster(life):
    assert life.left() != []
    life.delete()
    assert life.api.get(PATH).status == 404
    until("all of it to go", lambda: life.left() == [], 30)
