//! Which metadata quorum a broker begins or joins: `controller.quorum.voters` and `controller.quorum.bootstrap.servers`.

use super::keys::Config;
use super::listener::ListenerAddress;

/// One of the first voters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumVoter {
    /// Its `node.id`.
    pub id: i32,
    /// Its inter-broker listener, as HOST:PORT.
    pub address: String,
}

/// How a broker without data comes to its cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joining {
    /// The voters of a new quorum. Empty: this broker alone, or no voter if there are `servers`.
    pub voters: Vec<QuorumVoter>,
    /// Brokers of a running cluster.
    pub servers: Vec<String>,
}

impl Joining {
    /// Whether this broker begins a quorum of itself.
    pub fn is_alone(&self, node_id: i32) -> bool {
        self.servers.is_empty() && self.voters.iter().all(|voter| voter.id == node_id)
    }
}

/// Reads both keys, noting what is wrong with them.
pub(super) fn parse(config: &Config, problems: &mut Vec<String>) -> Joining {
    let mut voters: Vec<QuorumVoter> = Vec::new();
    for text in &config.controller_quorum_voters {
        match parse_voter(text) {
            Ok(voter) if voters.iter().any(|other| other.id == voter.id) => {
                problems.push(format!("controller.quorum.voters: node {} is there twice", voter.id));
            }
            Ok(voter) => voters.push(voter),
            Err(problem) => problems.push(format!("controller.quorum.voters: {problem}")),
        }
    }
    let mut servers = Vec::new();
    for text in &config.controller_quorum_bootstrap_servers {
        match address(text) {
            Ok(address) => servers.push(address),
            Err(problem) => problems.push(format!("controller.quorum.bootstrap.servers: {problem}")),
        }
    }
    if !voters.is_empty() && !servers.is_empty() {
        problems.push(
            "controller.quorum.bootstrap.servers: a broker begins a quorum (controller.quorum.voters) or joins one, not both"
                .to_owned(),
        );
    }
    let joining = Joining { voters, servers };
    if !joining.is_alone(config.node_id) {
        if config.cluster_id.is_empty() {
            problems.push(
                "cluster.id: all brokers of a cluster are given the same one; choose any 22 letters and digits"
                    .to_owned(),
            );
        }
        if config.inter_broker_listener_name.is_none() {
            problems
                .push("inter.broker.listener.name: say which listener the other brokers may use".to_owned());
        }
    }
    joining
}

fn parse_voter(text: &str) -> Result<QuorumVoter, String> {
    let (id, rest) = text.split_once('@').ok_or_else(|| format!("`{text}` is not ID@HOST:PORT"))?;
    let id = id.parse().ok().filter(|id| *id >= 0);
    let id = id.ok_or_else(|| format!("`{text}` does not begin with a node id (0 or more)"))?;
    Ok(QuorumVoter { id, address: address(rest)? })
}

fn address(text: &str) -> Result<String, String> {
    let parsed = ListenerAddress::parse(text)?;
    if parsed.host.is_empty() || parsed.port == 0 {
        return Err(format!("`{text}` is not HOST:PORT"));
    }
    Ok(parsed.to_string())
}
