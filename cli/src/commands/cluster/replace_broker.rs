//! `headrace cluster replace-broker`.

use clap::Args;

use super::lifecycle::Ask;
use crate::failure::Failure;
use crate::runtime::one_thread;

/// Have a broker begin again with an empty disk
///
/// For one whose disk or machine is lost. Its data is given up once others have all of it; it then gets it from them again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster replace-broker orders 2 --wait")]
pub(crate) struct ReplaceBroker {
    /// Name or id
    cluster: String,
    /// Its id
    broker: i32,
    #[command(flatten)]
    ask: Ask,
}

impl ReplaceBroker {
    pub(super) fn run(self) -> Result<(), Failure> {
        let broker = self.broker.to_string();
        let doing = format!("replacing broker {broker} of cluster {}", self.cluster);
        one_thread(self.ask.post(&self.cluster, &["brokers", &broker, "replace"], doing))
    }
}
