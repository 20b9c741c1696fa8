//! One file per API key, and the one table of what this broker serves: ApiVersions is derived from it.

mod add_raft_voter;
mod allocate_producer_ids;
mod alter_configs;
mod alter_partition;
mod alter_partition_reassignments;
mod alter_replica_log_dirs;
mod api_versions;
mod assign_replicas_to_dirs;
mod broker_heartbeat;
mod broker_registration;
mod change;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_quorum;
mod describe_topic_partitions;
mod elect_leaders;
mod envelope;
pub(crate) mod fetch;
mod find_coordinator;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
pub(crate) mod produce;
mod remove_raft_voter;
mod sync_group;
pub(crate) mod topics;
mod unregister_broker;

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use headrace_protocol::{ApiKey, DecodeError, EncodeError, Message, Reader, Str, frame, messages};

use crate::broker::Broker;
use crate::controller;
use crate::net::ConnectionInfo;

/// What a handler knows of the request besides its body.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) broker: Arc<Broker>,
    pub(crate) connection: Arc<ConnectionInfo>,
    pub(crate) api_version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: Option<Str>,
    /// It is not to be passed on (again): another broker did, or this one asks itself.
    pub(crate) forwarded: bool,
    /// Where a change notes that this node does not lead the quorum (any more) and has done nothing: for who passes the request on, to
    /// ask another node.
    pub(crate) refusal: Option<Arc<AtomicBool>>,
}

impl Context {
    /// Whether the request came from a broker: by the listener that only brokers use, or from this one.
    fn is_from_broker(&self) -> bool {
        self.forwarded
            || self.broker.config.inter_broker_listener_name.as_deref()
                == Some(self.connection.listener.as_str())
    }

    /// The client's address as Kafka writes it into groups.
    pub(crate) fn client_host(&self) -> String {
        format!("/{}", self.connection.peer.ip())
    }
}

/// Why a request got no answer. The connection is closed then, as Kafka does.
#[derive(Debug)]
pub(crate) enum DispatchError {
    NotServed,
    Version(i16),
    Decode(DecodeError),
    Encode(EncodeError),
}

/// The encoded answer, in parts.
pub(crate) type Answer = Result<Vec<Bytes>, DispatchError>;
type Handling = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// An API that is served.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) key: ApiKey,
    /// What ApiVersions says.
    pub(crate) advertised: RangeInclusive<i16>,
}

macro_rules! handlers {
    (clients { $($key:ident $module:ident $request:ident $versions:expr;)+ }
     brokers { $($inner_key:ident $inner_module:ident $inner_request:ident $inner_versions:expr;)+ }) => {
        /// All APIs that this broker serves to clients, with their versions.
        pub(crate) fn served() -> Vec<Served> {
            vec![
                Served { key: ApiKey::Produce, advertised: produce::ADVERTISED },
                Served { key: ApiKey::ApiVersions, advertised: ApiKey::ApiVersions.valid_versions() },
                Served { key: ApiKey::Fetch, advertised: fetch::VERSIONS },
                $(Served { key: ApiKey::$key, advertised: $versions },)+
            ]
        }

        /// Decodes a request, runs its handler, encodes the answer. (Produce is run by the connection itself, many at a time.)
        pub(crate) fn dispatch(key: ApiKey, cx: Context, body: Bytes) -> Handling {
            let version = cx.api_version;
            if controller::decides(key) && !cx.forwarded && !cx.broker.metadata.is_leader() {
                return Box::pin(controller::forward(cx, key, body));
            }
            match key {
                ApiKey::ApiVersions => Box::pin(async move { api_versions::answer(&cx, body) }),
                ApiKey::Fetch => Box::pin(fetch::answer(cx, body)),
                $(
                    ApiKey::$key => {
                        if !$versions.contains(&version) {
                            return Box::pin(std::future::ready(Err(DispatchError::Version(version))));
                        }
                        Box::pin(async move {
                            let request = decode::<messages::$module::$request>(body, version)?;
                            let response = $module::handle(&cx, request).await;
                            encode(key, &cx, &response)
                        })
                    }
                )+
                $(
                    ApiKey::$inner_key if cx.is_from_broker() && $inner_versions.contains(&version) => {
                        Box::pin(async move {
                            let request = decode::<messages::$inner_module::$inner_request>(body, version)?;
                            let response = $inner_module::handle(&cx, request).await;
                            encode(key, &cx, &response)
                        })
                    }
                )+
                _ => Box::pin(std::future::ready(Err(DispatchError::NotServed))),
            }
        }
    };
}

fn decode<M: Message>(body: Bytes, version: i16) -> Result<M, DispatchError> {
    M::decode(&mut Reader::new(body), version).map_err(DispatchError::Decode)
}

fn encode<M: Message>(key: ApiKey, cx: &Context, response: &M) -> Answer {
    frame::encode_response(key, cx.api_version, cx.correlation_id, response).map_err(DispatchError::Encode)
}

handlers! {
clients {
    ListOffsets list_offsets ListOffsetsRequest (1..=11);
    Metadata metadata MetadataRequest (0..=13);
    OffsetCommit offset_commit OffsetCommitRequest (2..=10);
    OffsetFetch offset_fetch OffsetFetchRequest (1..=10);
    FindCoordinator find_coordinator FindCoordinatorRequest (0..=6);
    JoinGroup join_group JoinGroupRequest (0..=9);
    Heartbeat heartbeat HeartbeatRequest (0..=4);
    LeaveGroup leave_group LeaveGroupRequest (0..=5);
    SyncGroup sync_group SyncGroupRequest (0..=5);
    DescribeGroups describe_groups DescribeGroupsRequest (0..=6);
    ListGroups list_groups ListGroupsRequest (0..=5);
    CreateTopics create_topics CreateTopicsRequest (2..=7);
    DeleteTopics delete_topics DeleteTopicsRequest (1..=6);
    DeleteRecords delete_records DeleteRecordsRequest (0..=2);
    InitProducerId init_producer_id InitProducerIdRequest (0..=5);
    OffsetForLeaderEpoch offset_for_leader_epoch OffsetForLeaderEpochRequest (2..=4);
    DescribeConfigs describe_configs DescribeConfigsRequest (1..=4);
    AlterConfigs alter_configs AlterConfigsRequest (0..=2);
    AlterReplicaLogDirs alter_replica_log_dirs AlterReplicaLogDirsRequest (1..=2);
    DescribeLogDirs describe_log_dirs DescribeLogDirsRequest (1..=5);
    CreatePartitions create_partitions CreatePartitionsRequest (0..=3);
    DeleteGroups delete_groups DeleteGroupsRequest (0..=3);
    IncrementalAlterConfigs incremental_alter_configs IncrementalAlterConfigsRequest (0..=1);
    OffsetDelete offset_delete OffsetDeleteRequest (0..=0);
    DescribeCluster describe_cluster DescribeClusterRequest (0..=2);
    ListConfigResources list_config_resources ListConfigResourcesRequest (0..=1);
    DescribeTopicPartitions describe_topic_partitions DescribeTopicPartitionsRequest (0..=0);
    ElectLeaders elect_leaders ElectLeadersRequest (0..=2);
    AlterPartitionReassignments alter_partition_reassignments AlterPartitionReassignmentsRequest (0..=1);
    ListPartitionReassignments list_partition_reassignments ListPartitionReassignmentsRequest (0..=0);
    DescribeQuorum describe_quorum DescribeQuorumRequest (0..=2);
    UnregisterBroker unregister_broker UnregisterBrokerRequest (0..=0);
    AddRaftVoter add_raft_voter AddRaftVoterRequest (0..=1);
    RemoveRaftVoter remove_raft_voter RemoveRaftVoterRequest (0..=0);
}
brokers {
    AlterPartition alter_partition AlterPartitionRequest (2..=3);
    Envelope envelope EnvelopeRequest (0..=0);
    BrokerRegistration broker_registration BrokerRegistrationRequest (0..=4);
    BrokerHeartbeat broker_heartbeat BrokerHeartbeatRequest (0..=2);
    AssignReplicasToDirs assign_replicas_to_dirs AssignReplicasToDirsRequest (0..=0);
    AllocateProducerIds allocate_producer_ids AllocateProducerIdsRequest (0..=0);
}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_advertised_can_be_decoded() {
        for served in served() {
            let valid = served.key.valid_versions();
            assert_eq!(served.advertised.end(), valid.end(), "{}", served.key);
            if served.key != ApiKey::Produce {
                assert!(served.advertised.start() >= valid.start(), "{}", served.key);
            }
        }
    }
}
