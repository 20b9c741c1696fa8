//! openraft's own tests of a storage.

use headrace_disk::RealDisk;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;

use crate::Blocking;
use crate::log_store::LogStore;
use crate::state_machine::{Place, Published, StateMachine};
use crate::types::TypeConfig;

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<TypeConfig>> {
        let dir = tempfile::tempdir().unwrap();
        let place =
            Place { disk: RealDisk::shared(), blocking: Blocking::Threads, dir: dir.path().to_path_buf() };
        let log = LogStore::open(RealDisk::shared(), &Blocking::Threads, dir.path()).unwrap();
        let machine = StateMachine::new(place, Published::new());
        Ok((dir, log, machine))
    }
}

#[tokio::test]
async fn openrafts_storage_suite_passes() {
    Suite::test_all(Builder).await.unwrap();
}
