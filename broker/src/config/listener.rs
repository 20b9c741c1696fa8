//! Listeners as Kafka writes them: `NAME://host:port`, several with commas between.

use super::keys::Config;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerAddress {
    /// A name or an address; empty means every address of the machine.
    pub host: String,
    /// 0 lets the kernel pick one.
    pub port: u16,
}

impl std::fmt::Display for ListenerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl ListenerAddress {
    /// Reads `host:port`, `[v6]:port` or `:port`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("`{text}` has no port"))?;
        let port = port.parse().map_err(|_| format!("`{port}` is not a port (0 to 65535)"))?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Ok(Self { host: host.to_owned(), port })
    }
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Its name, in capitals by custom.
    pub name: String,
    /// Where it listens.
    pub bind: ListenerAddress,
    /// What clients are told instead, if that was given.
    pub advertised: Option<ListenerAddress>,
}

/// Reads all listeners, noting what is wrong with them.
pub(super) fn parse(
    config: &Config,
    problems: &mut Vec<String>,
) -> (Vec<ListenerConfig>, Option<ListenerAddress>) {
    let bound = parse_list("listeners", &config.listeners, problems);
    let advertised = parse_list("advertised.listeners", &config.advertised_listeners, problems);
    for (name, _) in &advertised {
        if !bound.iter().any(|(other, _)| other == name) {
            problems.push(format!("advertised.listeners: `{name}` is not among the listeners"));
        }
    }
    for (name, _) in &bound {
        let protocol = config.listener_security_protocol_map.iter().find_map(|entry| {
            entry.split_once(':').filter(|(listener, _)| listener.eq_ignore_ascii_case(name)).map(|(_, p)| p)
        });
        match protocol {
            Some(protocol) if protocol.eq_ignore_ascii_case("PLAINTEXT") => {}
            Some(other) => problems.push(format!(
                "listener.security.protocol.map: listener `{name}` asks for `{other}`; this version speaks PLAINTEXT only"
            )),
            None if name.eq_ignore_ascii_case("PLAINTEXT") => {}
            None => problems
                .push(format!("listener.security.protocol.map: say which protocol listener `{name}` speaks")),
        }
    }
    if let Some(wanted) = &config.inter_broker_listener_name
        && !bound.iter().any(|(name, _)| name == wanted)
    {
        problems.push(format!("inter.broker.listener.name: `{wanted}` is not among the listeners"));
    }
    let admin = match config.headrace_admin_listener.as_str() {
        "" => None,
        text => ListenerAddress::parse(text)
            .map_err(|problem| problems.push(format!("headrace.admin.listener: {problem}")))
            .ok(),
    };
    let listeners = bound
        .into_iter()
        .map(|(name, bind)| {
            let advertised = advertised.iter().find(|(other, _)| *other == name).map(|(_, a)| a.clone());
            ListenerConfig { name, bind, advertised }
        })
        .collect();
    (listeners, admin)
}

fn parse_list(key: &str, items: &[String], problems: &mut Vec<String>) -> Vec<(String, ListenerAddress)> {
    let mut found: Vec<(String, ListenerAddress)> = Vec::new();
    for item in items {
        let parsed = item
            .split_once("://")
            .ok_or_else(|| format!("`{item}` is not NAME://host:port"))
            .and_then(|(name, address)| Ok((name.to_ascii_uppercase(), ListenerAddress::parse(address)?)));
        match parsed {
            Ok((name, _)) if found.iter().any(|(other, _)| *other == name) => {
                problems.push(format!("{key}: `{name}` is there twice"));
            }
            Ok(listener) => found.push(listener),
            Err(problem) => problems.push(format!("{key}: {problem}")),
        }
    }
    found
}
