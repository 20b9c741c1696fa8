//! How a broker that has no data yet comes to its cluster.
//!
//! The first brokers of a cluster begin a metadata quorum together and so must all be told the same voters: that is decided
//! once for each node and kept in Postgres. Those that come later, and those that lost their disk, join what is there.

use sqlx::PgConnection;

use super::Error;
use crate::domain::replication;
use crate::store;
use crate::store::clusters::Stored;
use crate::store::nodes::Node;

/// Brokers that a new one is told of; it needs one that answers.
const SERVERS_MAX: usize = 3;

/// Decides for all nodes of a cluster at once, so that those which begin it together are told the same. The caller commits.
pub(super) async fn decide_all(db: &mut PgConnection, cluster: &Stored) -> Result<(), Error> {
    store::lock(db, &format!("joining {}", cluster.id)).await?;
    let nodes = store::nodes::list(db, cluster.id).await?;
    let missing = || Error::NotYet("the first brokers have no addresses yet".to_owned());
    for (node, line) in decide(&nodes, cluster.spec.brokers).ok_or_else(missing)? {
        store::nodes::set_joining(db, cluster.id, node, &line).await?;
    }
    Ok(())
}

/// The lines of configuration for nodes of a cluster of `brokers` that have none, by id. `None` while a node that has to
/// be named has no addresses.
pub(super) fn decide(nodes: &[Node], brokers: u32) -> Option<Vec<(i32, String)>> {
    let wanted = |node: &&Node| u32::try_from(node.node_id).is_ok_and(|id| (1..=brokers).contains(&id));
    let undecided = nodes.iter().filter(wanted).filter(|node| node.joining.is_none());
    let joined: Vec<&Node> = nodes.iter().filter(|node| node.joining.is_some()).collect();
    let line = if joined.is_empty() { begin(nodes, brokers)? } else { join(&joined)? };
    Some(undecided.map(|node| (node.node_id, line.clone())).collect())
}

/// A broker that is alone needs no line; voters are named for several.
fn begin(nodes: &[Node], brokers: u32) -> Option<String> {
    if brokers == 1 {
        return Some(String::new());
    }
    let voters = i32::try_from(replication::voters(brokers)).ok()?;
    let voter = |id| {
        let node = nodes.iter().find(|node| node.node_id == id)?;
        Some(format!("{id}@{}", node.internal()?))
    };
    let voters: Vec<String> = (1..=voters).map(voter).collect::<Option<_>>()?;
    Some(format!("controller.quorum.voters={}", voters.join(",")))
}

fn join(joined: &[&Node]) -> Option<String> {
    let servers: Vec<String> = joined.iter().filter_map(|node| node.internal()).take(SERVERS_MAX).collect();
    (!servers.is_empty()).then(|| format!("controller.quorum.bootstrap.servers={}", servers.join(",")))
}

/// What a node is told now. Once there is a cluster it joins that, even if it was one of those who began it: a voter that lost its disk
/// must not begin again, alone or with a vote about what it does not remember.
pub(super) fn now(cluster: &Stored, node: &Node, nodes: &[Node]) -> Option<String> {
    told(cluster.status.observed_generation > 0, node, nodes)
}

fn told(is_made: bool, node: &Node, nodes: &[Node]) -> Option<String> {
    let decided = node.joining.clone()?;
    let others: Vec<&Node> = nodes.iter().filter(|other| other.node_id != node.node_id).collect();
    if is_made && !others.is_empty() { join(&others) } else { Some(decided) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Node, decide, told};

    fn node(node_id: i32, joining: Option<&str>) -> Node {
        let port = |purpose| Some(9_000 + node_id * 10 + purpose);
        Node {
            node_id,
            host: "h".to_owned(),
            joining: joining.map(ToOwned::to_owned),
            sighting: None,
            client_port: port(0),
            internal_port: port(1),
            admin_port: port(2),
            external: BTreeMap::new(),
        }
    }

    #[test]
    fn the_first_brokers_are_told_the_same_voters_and_later_ones_whom_to_join() {
        let new = |id| node(id, None);
        let three = "controller.quorum.voters=1@h:9011,2@h:9021,3@h:9031";
        for (case, nodes, brokers, expected) in [
            ("one alone", vec![new(1)], 1, vec![(1, "")]),
            (
                "two",
                vec![new(1), new(2)],
                2,
                vec![(1, "controller.quorum.voters=1@h:9011"), (2, "controller.quorum.voters=1@h:9011")],
            ),
            (
                "four",
                vec![new(1), new(2), new(3), new(4)],
                4,
                vec![(1, three), (2, three), (3, three), (4, three)],
            ),
            (
                "one that began alone grows",
                vec![node(1, Some("")), new(2), new(3)],
                3,
                vec![
                    (2, "controller.quorum.bootstrap.servers=h:9011"),
                    (3, "controller.quorum.bootstrap.servers=h:9011"),
                ],
            ),
            (
                "what was decided stays, and a fifth is told of three",
                vec![
                    node(1, Some(three)),
                    node(2, Some(three)),
                    node(3, Some(three)),
                    node(4, Some(three)),
                    new(5),
                ],
                5,
                vec![(5, "controller.quorum.bootstrap.servers=h:9011,h:9021,h:9031")],
            ),
            ("nothing to decide", vec![node(1, Some("")), new(2)], 1, vec![]),
        ] {
            let decided = decide(&nodes, brokers).expect(case);
            let decided: Vec<(i32, &str)> = decided.iter().map(|(id, line)| (*id, line.as_str())).collect();
            assert_eq!(decided, expected, "{case}");
        }
        let without = Node { internal_port: None, ..new(2) };
        assert_eq!(decide(&[new(1), without, new(3)], 3), None, "a voter that has no address yet");
        assert_eq!(decide(&[new(1), new(3)], 3), None);
    }

    #[test]
    fn who_began_a_cluster_joins_it_once_it_is_made() {
        let voters = "controller.quorum.voters=1@h:9011,2@h:9021,3@h:9031";
        let three = [node(1, Some(voters)), node(2, Some(voters)), node(3, Some(voters))];
        assert_eq!(told(false, &three[0], &three).as_deref(), Some(voters));
        let others = "controller.quorum.bootstrap.servers=h:9021,h:9031";
        assert_eq!(told(true, &three[0], &three).as_deref(), Some(others));
        let grown = [node(1, Some("")), node(2, None)];
        assert_eq!(
            told(true, &grown[0], &grown).as_deref(),
            Some("controller.quorum.bootstrap.servers=h:9021")
        );
        assert_eq!(told(true, &grown[0], &grown[..1]).as_deref(), Some(""), "nobody to join");
        assert_eq!(told(true, &grown[1], &grown), None, "not decided yet");
    }
}
