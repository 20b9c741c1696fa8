"""Every input that a user can get wrong: a clear answer that says what to do, and nothing made by accident."""

import concurrent.futures
import json
import uuid

import pytest

CLUSTERS = "/v1/clusters"


def problem(answer, status, code=None):
    assert answer.status == status, f"{answer.status} {answer.text}"
    assert answer.content_type == "application/problem+json", answer.headers
    p = answer.json
    assert p["status"] == status and p["title"] and p["code"] and p["detail"], p
    if code:
        assert p["code"] == code, p
    return p


@pytest.mark.parametrize("key", [None, "", "nonsense", "hr_" + "a" * 43, "x" * 5000])
def test_no_key_or_a_wrong_one(service, key):
    for method, path in (("GET", CLUSTERS), ("POST", CLUSTERS), ("GET", "/v1/operations"), ("DELETE", "/v1/clusters/shared")):
        problem(service.api.call(method, path, {} if method == "POST" else None, key=key), 401)


@pytest.mark.parametrize("raw", ["{", "", "[1,", '{"name": "a",}', "\x00\xff", '{"name": "a" "brokers": 1}', "{" * 5000])
def test_malformed_json(service, raw):
    problem(service.api.call("POST", CLUSTERS, raw=raw.encode("latin-1")), 400)


@pytest.mark.parametrize("body, field", [
    ({"name": "ok", "brokers": 1, "colour": "red"}, "colour"),
    ({"brokers": 1}, "name"),
    ({"name": "", "brokers": 1}, "name"),
    ({"name": "Ünïcode", "brokers": 1}, "name"),
    ({"name": "a" * 500, "brokers": 1}, "name"),
    ({"name": "../../etc", "brokers": 1}, "name"),
    ({"name": "a b", "brokers": 1}, "name"),
    ({"name": 7, "brokers": 1}, "name"),
    ({"name": "ok", "brokers": 0}, "brokers"),
    ({"name": "ok", "brokers": -1}, "brokers"),
    ({"name": "ok", "brokers": 10 ** 9}, "brokers"),
    ({"name": "ok", "brokers": 10 ** 30}, "brokers"),
    ({"name": "ok", "brokers": 1.5}, "brokers"),
    ({"name": "ok", "brokers": "one"}, "brokers"),
    ({"name": "ok", "brokers": 900}, "brokers"),
    ({"name": "ok", "brokers": 1, "replication_factor": 3}, "replication_factor"),
    ({"name": "ok", "brokers": 3, "replication_factor": 0}, "replication_factor"),
    ({"name": "ok", "brokers": 3, "replication_factor": 2, "min_insync_replicas": 3}, "min_insync_replicas"),
    ({"name": "ok", "brokers": 3, "min_insync_replicas": 2, "config": {"min.insync.replicas": "1"}}, "min_insync_replicas"),
    ({"name": "ok", "brokers": 1, "engine": {"kind": "rabbit", "version": "1"}}, "engine"),
    ({"name": "ok", "brokers": 1, "engine": {"kind": "headrace", "version": "99.0"}}, "engine"),
    ({"name": "ok", "brokers": 1, "config": {"no spaces": "1"}}, "config"),
    ({"name": "ok", "brokers": 1, "config": {"num.partitions": ["1"]}}, "config"),
    ({"name": "ok", "brokers": 1, "config": {"no.such.config": "1"}}, "config.no.such.config"),
    ({"name": "ok", "brokers": 1, "config": {"num.partitions": "many"}}, "config.num.partitions"),
])
def test_what_parses_but_is_wrong(service, body, field):
    p = problem(service.api.post(CLUSTERS, body), 422)
    assert any(e["field"].startswith(field) and e["message"] for e in p["errors"]), p


def test_a_number_of_brokers_that_cannot_be_had(service, cluster):
    for brokers in (0, -3):
        problem(service.api.call("PATCH", f"{CLUSTERS}/shared", {"brokers": brokers}), 422)
    too_many = problem(service.api.call("PATCH", f"{CLUSTERS}/shared?validate_only=true", {"brokers": 900}), 422)
    assert "--kafka-ports" in too_many["detail"]


def test_several_wrong_fields_are_named_at_once(service):
    p = problem(service.api.post(CLUSTERS, {"name": "a b", "brokers": 0}), 422)
    assert {e["field"] for e in p["errors"]} >= {"name", "brokers"}


def test_a_body_that_is_too_large(service):
    problem(service.api.call("POST", CLUSTERS, raw=json.dumps({"name": "x", "labels": {"a": "b" * 1_200_000}})), 413)


def test_a_wrong_content_type(service):
    problem(service.api.call("POST", CLUSTERS, raw='{"name":"x"}', headers={"content-type": "text/plain"}), 415)


def test_unknown_things_and_methods(service):
    for path in ("/v1/nothing", "/v1/clusters/none", "/v1/operations/none", f"/v1/operations/{uuid.uuid4()}", "/v1/clusters/none/topics"):
        problem(service.api.get(path), 404)
    problem(service.api.call("PUT", CLUSTERS, {}), 405)


@pytest.mark.parametrize("query", ["page_size=0", "page_size=-1", "page_size=99999999999999999999", "page_size=x", "page_token=garbage"])
def test_bad_paging(service, query):
    a = service.api.get(f"{CLUSTERS}?{query}")
    assert a.status in (400, 422)
    problem(a, a.status)


def test_a_taken_name_is_a_conflict_and_a_dry_run_makes_nothing(service, cluster):
    problem(service.api.post(CLUSTERS, {"name": "shared", "brokers": 1}), 409)
    a = service.api.post(f"{CLUSTERS}?validate_only=true", {"name": "dry", "brokers": 1})
    assert a.status == 200
    problem(service.api.get(f"{CLUSTERS}/dry"), 404)
    problem(service.api.post(f"{CLUSTERS}?validate_only=true", {"name": "dry", "brokers": 0}), 422)


def test_a_stale_if_match_changes_nothing(service):
    api = service.api
    api.create_cluster("etag")
    first = api.get(f"{CLUSTERS}/etag")
    tag = first.headers["etag"]
    op = api.call("PATCH", f"{CLUSTERS}/etag", {"labels": {"team": "a"}}, headers={"if-match": tag})
    assert op.status == 202, op.text
    api.operation(op.json["id"])
    problem(api.call("PATCH", f"{CLUSTERS}/etag", {"labels": {"team": "b"}}, headers={"if-match": tag}), 412)
    problem(api.call("DELETE", f"{CLUSTERS}/etag", headers={"if-match": tag}), 412)
    assert api.ok("GET", f"{CLUSTERS}/etag")["labels"] == {"team": "a"}
    api.delete_cluster("etag")


def test_an_idempotency_key_answers_with_the_first_operation(service):
    api, key = service.api, {"idempotency-key": str(uuid.uuid4())}
    body = {"name": "once", "brokers": 1}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: api.post(CLUSTERS, body, headers=key), range(4)))
    assert {a.status for a in answers} == {202}, [a.text for a in answers]
    assert len({a.json["id"] for a in answers}) == 1
    problem(api.post(CLUSTERS, {"name": "other", "brokers": 1}, headers=key), 422, "idempotency_key_reused")
    problem(api.get(f"{CLUSTERS}/other"), 404)
    api.operation(answers[0].json["id"])
    api.delete_cluster("once")


def test_topics_that_cannot_be(service, cluster):
    topics = f"{CLUSTERS}/shared/topics"
    for body in ({"name": "a/b"}, {"name": ""}, {"name": ".."}, {"name": "x" * 250}, {"name": "t", "partitions": 0},
                 {"name": "t", "partitions": 10 ** 9}, {"name": "t", "replication_factor": 3},
                 {"name": "t", "config": {"retention.ms": "soon"}}, {"name": "t", "config": {"no.such": "1"}}, {"name": "t", "size": 1}):
        p = problem(service.api.post(topics, body), 422)
        assert p["errors"], p
    assert service.api.post(topics, {"name": "taken", "partitions": 2}).status == 201
    problem(service.api.post(topics, {"name": "taken"}), 409)
    problem(service.api.get(f"{topics}/none"), 404)


def test_the_document_is_served_and_its_page_needs_no_network(service):
    document = service.api.get("/openapi.json", key=None)
    assert document.status == 200 and document.json["openapi"].startswith("3.")
    assert f"/v1/clusters" in document.json["paths"]
    page = service.api.get("/docs/", key=None) if service.api.get("/docs", key=None).status in (301, 302, 303, 307, 308) else service.api.get("/docs", key=None)
    assert page.status == 200 and "//cdn" not in page.text and "unpkg" not in page.text
