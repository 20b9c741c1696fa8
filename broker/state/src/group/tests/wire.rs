//! Every answer can be encoded in every version in which its request may come.

use super::*;
use headrace_protocol::messages::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};
use headrace_protocol::messages::heartbeat::HeartbeatResponse;
use headrace_protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse};
use headrace_protocol::{Message, encode_to_bytes};

#[track_caller]
fn encodes(message: &impl Message, version: i16) {
    if let Err(error) = encode_to_bytes(message, version) {
        panic!("version {version}: {error}");
    }
}

fn encode(response: Response, version: i16) {
    match response {
        Response::Join(response) => encodes(&response, version),
        Response::Sync(response) => encodes(&response, version),
        Response::Leave(response) => encodes(&response, version),
        Response::OffsetCommit(response) => encodes(&response, version),
        Response::OffsetDelete(response) => encodes(&response, version),
        Response::DeleteGroups(response) => encodes(&response, version),
    }
}

/// A group with one static member, stable, as clients of `version` of JoinGroup make it.
fn group(version: i16) -> (Harness, Str) {
    let mut harness = Harness::new();
    harness.api_version = version;
    let request = JoinGroupRequest { group_instance_id: Some("i".into()), ..join_request("") };
    let token = harness.join(&request);
    harness.advance(INITIAL_DELAY_MS);
    let response = harness.joined(token);
    encodes(&response, version);
    let id = response.member_id;
    harness.sync_all(std::slice::from_ref(&id), 1);
    (harness, id)
}

#[test]
fn join_answers_good_and_bad() {
    for version in JoinGroupRequest::VERSIONS {
        let (mut harness, id) = group(version);
        for request in [
            join_request("stranger"),
            JoinGroupRequest { protocols: vec![], ..join_request("") },
            join_request(""),
        ] {
            let token = harness.join(&request);
            if let Some(response) = harness.answer(token) {
                encode(response, version);
            }
        }
        let back = JoinGroupRequest { group_instance_id: Some("i".into()), ..join_request("") };
        let token = harness.join(&back);
        let fenced = harness.join(&JoinGroupRequest { member_id: id, ..back });
        for token in [token, fenced] {
            if let Some(response) = harness.answer(token) {
                encode(response, version);
            }
        }
    }
}

#[test]
fn sync_and_leave_answers() {
    for version in SyncGroupRequest::VERSIONS {
        let (mut harness, id) = group(9);
        for request in [sync_request(&id, 1, &[]), sync_request("stranger", 1, &[])] {
            let token = harness.sync(&request);
            encode(harness.answer(token).unwrap(), version);
        }
    }
    for version in LeaveGroupRequest::VERSIONS {
        let (mut harness, id) = group(9);
        harness.api_version = version;
        let request =
            LeaveGroupRequest { group_id: GROUP.into(), member_id: id.clone(), ..Default::default() };
        let both = if version < 3 { request } else { LeaveGroupRequest { member_id: "".into(), ..request } };
        let (token, effects) = harness.call(|shard, caller, token| shard.leave_group(caller, &both, token));
        harness.run(effects);
        encode(harness.answer(token).unwrap(), version);
        let token = harness.leave(&[(&id, Some("i")), ("", Some("nobody"))]);
        encode(harness.answer(token).unwrap(), version);
    }
}

#[test]
fn heartbeat_commit_and_administrators_answers() {
    let (mut harness, id) = group(9);
    for version in HeartbeatRequest::VERSIONS {
        encodes(&HeartbeatResponse { error_code: harness.heartbeat(&id, 1), ..Default::default() }, version);
    }
    for version in OffsetCommitRequest::VERSIONS {
        for member_id in [&*id, "stranger"] {
            let token = harness.commit(&commit_request(member_id, 1, "t", 0, 1));
            encode(harness.answer(token).unwrap(), version);
        }
    }
    for version in DescribeGroupsRequest::VERSIONS {
        let describe = |id: &str| harness.shard.describe_group(&id.into(), version);
        let groups = vec![describe(GROUP), describe("nobody")];
        encodes(&DescribeGroupsResponse { groups, ..Default::default() }, version);
    }
    for version in ListGroupsRequest::VERSIONS {
        let groups = harness.shard.list_groups(&[], &[]);
        encodes(&ListGroupsResponse { groups, ..Default::default() }, version);
    }
}
