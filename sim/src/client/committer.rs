//! A group that commits ever greater offsets and reads them back: what was acknowledged, or once shown, must never go back.

use std::sync::Arc;

use headrace_protocol::messages::find_coordinator::FindCoordinatorRequest;
use headrace_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use headrace_protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use headrace_protocol::{ErrorCode, Str};
use rand::Rng as _;

use super::{Client, Shared, TOPICS};
use crate::net::Place;

const FIND_VERSION: i16 = 4;
const COMMIT_VERSION: i16 = 8;
const FETCH_VERSION: i16 = 8;
const PAUSE_MS_MAX: u64 = 150;

pub(crate) struct Committer {
    client: Client,
    group: Str,
    /// The greatest offset that was acknowledged or read back.
    known: i64,
    attempted: i64,
}

impl Committer {
    pub(crate) fn new(shared: &Arc<Shared>, number: usize) -> Self {
        let group = format!("group-{number}").into();
        Self { client: Client::new(shared), group, known: -1, attempted: -1 }
    }

    pub(crate) async fn run(mut self) {
        while !self.client.is_over() {
            match self.find_coordinator().await {
                Some(coordinator) => while self.step(coordinator).await {},
                None => self.client.pause(PAUSE_MS_MAX).await,
            }
        }
    }

    async fn find_coordinator(&mut self) -> Option<Place> {
        let broker = self.client.any_broker();
        let request =
            FindCoordinatorRequest { coordinator_keys: vec![self.group.clone()], ..Default::default() };
        let response = self.client.call(broker, FIND_VERSION, &request).await?;
        let found = response.coordinators.first()?;
        (found.error_code.is_ok() && found.node_id > 0).then_some(found.node_id)
    }

    async fn step(&mut self, coordinator: Place) -> bool {
        let goes_on = if self.client.rng.random_bool(0.6) && !self.client.is_winding_up() {
            self.commit(coordinator).await
        } else {
            self.fetch(coordinator).await
        };
        self.client.pause(PAUSE_MS_MAX).await;
        goes_on && !self.client.is_over()
    }

    async fn commit(&mut self, coordinator: Place) -> bool {
        self.attempted += self.client.rng.random_range(1..10);
        let offset = self.attempted;
        let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
        let name = Str::from_static(TOPICS[0]);
        let topic = OffsetCommitRequestTopic { name, partitions: vec![partition], ..Default::default() };
        let request = OffsetCommitRequest {
            group_id: self.group.clone(),
            generation_id_or_member_epoch: -1,
            topics: vec![topic],
            ..Default::default()
        };
        // On a connection of its own, which is not heard of again if there is no answer: an older commit that arrives behind a newer
        // one would rightly take effect.
        let connection = Some(self.client.shared.net.connect(coordinator));
        let answer = self.client.send(coordinator, connection, COMMIT_VERSION, &request).await;
        let code = answer.and_then(|r| Some(r.topics.first()?.partitions.first()?.error_code));
        match code {
            Some(ErrorCode::NONE) => {
                self.known = self.known.max(offset);
                self.client.shared.history.committed();
                true
            }
            Some(code) => {
                self.client.shared.history.error(format!("commit: {}", code.name()));
                false
            }
            None => {
                // Longer than anything is under way.
                tokio::time::sleep(super::TIMEOUT * 2).await;
                false
            }
        }
    }

    async fn fetch(&mut self, coordinator: Place) -> bool {
        let topic = OffsetFetchRequestTopics {
            name: Str::from_static(TOPICS[0]),
            partition_indexes: vec![0],
            ..Default::default()
        };
        let group = OffsetFetchRequestGroup {
            group_id: self.group.clone(),
            member_epoch: -1,
            topics: Some(vec![topic]),
            ..Default::default()
        };
        let request = OffsetFetchRequest { groups: vec![group], require_stable: true, ..Default::default() };
        let Some(response) = self.client.call(coordinator, FETCH_VERSION, &request).await else {
            return false;
        };
        let Some(group) = response.groups.first() else { return false };
        if group.error_code.is_err() {
            self.client.shared.history.error(format!("offset fetch: {}", group.error_code.name()));
            return false;
        }
        let Some(found) = group.topics.first().and_then(|topic| topic.partitions.first()) else {
            return false;
        };
        if found.error_code.is_err() {
            self.client.shared.history.error(format!("offset fetch: {}", found.error_code.name()));
            return false;
        }
        let offset = found.committed_offset;
        if offset < self.known || offset > self.attempted {
            let (group, known, attempted) = (&self.group, self.known, self.attempted);
            let what = format!(
                "{group}: offset {offset} is committed, but {known} was and {attempted} is the last that was tried (node {coordinator})"
            );
            self.client.shared.history.violation(what);
        }
        self.known = self.known.max(offset);
        true
    }
}
