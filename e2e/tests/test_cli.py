"""The CLI as a person and as a script use it."""

import json

import pytest
import yaml


def test_a_clusters_and_a_topics_life(service):
    s = service
    s.run("cluster", "create", "by-cli", "--wait")
    assert "by-cli" in s.run("cluster", "list").stdout
    c = json.loads(s.run("cluster", "get", "by-cli", "-o", "json").stdout)
    assert c["status"]["state"] == "running"
    assert yaml.safe_load(s.run("cluster", "get", "by-cli", "-o", "yaml").stdout)["id"] == c["id"]
    s.run("topic", "create", "greetings", "--cluster", "by-cli", "--partitions", "2")
    assert "greetings" in s.run("topic", "list", "--cluster", "by-cli").stdout
    assert json.loads(s.run("topic", "describe", "greetings", "--cluster", "by-cli", "-o", "json").stdout)["partitions"] == 2
    s.run("produce", "--cluster", "by-cli", "--topic", "greetings", stdin="one\ntwo\nthree\n")
    read = s.run("consume", "--cluster", "by-cli", "--topic", "greetings", "--from-beginning", "--max-messages", "3").stdout
    assert sorted(read.split()) == ["one", "three", "two"]
    s.run("topic", "delete", "greetings", "--cluster", "by-cli")
    s.run("cluster", "delete", "by-cli", "--yes", "--wait")
    assert s.run("cluster", "get", "by-cli", check=False).returncode == 3


@pytest.mark.parametrize("args, code, words", [
    (["cluster", "get", "none"], 3, ["none"]),
    (["cluster", "create", "a b"], None, ["name"]),
    (["cluster", "frobnicate"], 2, ["frobnicate"]),
    (["cluster", "list", "--server", "http://127.0.0.1:1"], None, ["127.0.0.1:1", "headrace up"]),
    (["cluster", "list", "--api-key", "wrong"], 4, ["key"]),
    (["topic", "create", "t", "--cluster", "none"], 3, ["none"]),
])
def test_errors_say_what_to_do(service, args, code, words):
    r = service.run(*args, check=False)
    assert r.returncode == code if code is not None else r.returncode != 0, r.stdout + r.stderr
    assert r.stdout == "" and all(w in r.stderr for w in words), r.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(service, shell):
    assert "headrace" in service.run("completion", shell).stdout


def test_help_has_examples(service):
    for command in (["cluster", "create"], ["topic", "create"], ["produce"], ["consume"], ["up"]):
        assert "xample" in service.run(*command, "--help").stdout, command
