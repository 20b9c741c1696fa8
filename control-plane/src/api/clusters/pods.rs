//! Reads how brokers are to run on Kubernetes and be reached from outside it, and says what is wrong. What only Kubernetes
//! can judge (an affinity, a class that is not there) it says later, in its own words.

use std::net::IpAddr;

use crate::api::fields::Fields;
use crate::domain::pods::{Listener, PORT_FIRST, PORT_LAST, Pods, Resources};
use crate::domain::problem::FieldError;
use crate::domain::quantity;
use crate::provision::Room;

/// Listeners of a cluster, beside the one inside Kubernetes.
const LISTENERS_MAX: usize = 8;
/// Characters of a listener's name: it is part of a port's name, which has 15.
const LISTENER_NAME_CHARS_MAX: usize = 15;
/// Networks that a listener may be limited to.
const CIDRS_MAX: usize = 64;
/// Names that brokers have listeners, or their pods ports, of already.
const TAKEN: [&str; 4] = ["internal", "plaintext", "client", "admin"];

/// The `kubernetes` part of a request.
pub(super) fn read_pods(fields: &mut Fields, room: &Room) -> Option<Pods> {
    let mut pods: Pods = fields.typed("kubernetes")?;
    for (name, amount) in Resources::default().requests {
        // Whoever asks for one of them has said nothing about the other.
        pods.resources.requests.entry(name).or_insert(amount);
    }
    if !room.pods {
        refuse(fields, "kubernetes");
        return None;
    }
    if pods.namespace.is_some() && !room.namespaces {
        let message = "this service has rights in one namespace only: leave it out, or install it with rbac.clusterWide";
        fields.error("kubernetes.namespace", "unavailable", message);
    } else if pods.namespace.as_deref().is_some_and(|name| name.contains('.') || !is_host(name)) {
        fields.error("kubernetes.namespace", "invalid_value", "must be the name of a namespace");
    }
    if quantity::parse(&pods.storage.size).is_none_or(|size| size < 1.0) {
        fields.error("kubernetes.storage.size", "invalid_value", "must be an amount such as 100Gi");
    }
    for (part, amounts) in [("requests", &pods.resources.requests), ("limits", &pods.resources.limits)] {
        for (name, amount) in amounts.iter().filter(|(_, amount)| quantity::parse(amount).is_none()) {
            let message = format!("{amount:?} is not an amount such as 500m or 2Gi");
            fields.error(&format!("kubernetes.resources.{part}.{name}"), "invalid_value", message);
        }
    }
    Some(pods)
}

/// The `listeners` part of a request.
pub(super) fn read_listeners(fields: &mut Fields, room: &Room) -> Option<Vec<Listener>> {
    let listeners: Vec<Listener> = fields.typed("listeners")?;
    if !room.pods && !listeners.is_empty() {
        refuse(fields, "listeners");
        return None;
    }
    if listeners.len() > LISTENERS_MAX {
        fields.error("listeners", "too_many", format!("must be at most {LISTENERS_MAX}"));
    }
    for (place, listener) in listeners.iter().enumerate() {
        for (field, message) in check_listener(listener, &listeners[..place]) {
            fields.error(&format!("listeners.{place}.{field}"), "invalid_value", message);
        }
    }
    Some(listeners)
}

fn refuse(fields: &mut Fields, name: &str) {
    let message = "this service does not run its brokers on Kubernetes: leave it out";
    fields.error(name, "unavailable", message);
}

fn check_listener(listener: &Listener, before: &[Listener]) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let name = listener.name.as_str();
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !plain || !starts || name.len() > LISTENER_NAME_CHARS_MAX {
        let rule = format!(
            "must be lower-case letters and digits, begin with a letter and have at most {LISTENER_NAME_CHARS_MAX} characters"
        );
        wrong.push(("name", rule));
    } else if TAKEN.contains(&name) || before.iter().any(|other| other.name == name) {
        wrong.push(("name", format!("{name:?} is taken: choose another")));
    }
    if let Some(port) = listener.port {
        if !(PORT_FIRST..=PORT_LAST).contains(&port) {
            wrong.push(("port", format!("must be between {PORT_FIRST} and {PORT_LAST}")));
        } else if before.iter().any(|other| other.port == Some(port)) {
            wrong.push(("port", format!("{port} is another listener's")));
        }
    }
    if let Some(host) = &listener.advertised_host
        && !is_host(&host.replace("{broker}", "1"))
    {
        let rule = "must be a host name or an IP address, where {broker} may stand for the broker's id";
        wrong.push(("advertised_host", rule.to_owned()));
    }
    if listener.allowed_cidrs.len() > CIDRS_MAX {
        wrong.push(("allowed_cidrs", format!("must be at most {CIDRS_MAX}")));
    }
    for cidr in listener.allowed_cidrs.iter().filter(|cidr| !is_cidr(cidr)) {
        wrong.push(("allowed_cidrs", format!("{cidr:?} is not a network such as 10.0.0.0/8")));
    }
    wrong
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(label))
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// What a cluster that is there cannot change about its pods. `volume` is the size that its largest volume has: a growth that the
/// class refused can be taken back.
pub(super) fn check_change(now: &Pods, asked: &Pods, volume: Option<&str>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if now.namespace != asked.namespace {
        let message = "cannot be changed: make another cluster there, and mirror to it";
        errors.push(FieldError::new("kubernetes.namespace", "immutable", message.to_owned()));
    }
    if now.storage.class != asked.storage.class {
        let message = "cannot be changed: volumes stay in the class that they were made in";
        errors.push(FieldError::new("kubernetes.storage.class", "immutable", message.to_owned()));
    }
    let least = volume.unwrap_or(&now.storage.size);
    if quantity::parse(&asked.storage.size) < quantity::parse(least) {
        let message = format!("must be at least {least}: volumes cannot shrink");
        errors.push(FieldError::new("kubernetes.storage.size", "out_of_range", message));
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Fields, Pods, Room, check_change, read_listeners, read_pods};

    fn wrong(body: serde_json::Value, pods: bool) -> Vec<String> {
        let serde_json::Value::Object(body) = body else { panic!("not an object") };
        let room = Room { brokers_max: 9, why: String::new(), pods, namespaces: false, versions: Vec::new() };
        let mut fields = Fields::of_object(body);
        read_pods(&mut fields, &room);
        read_listeners(&mut fields, &room);
        let errors = fields.finish().err().map(|problem| problem.errors).unwrap_or_default();
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn each_wrong_field_is_named() {
        let listener = json!({"name": "external", "type": "nodeport"});
        for (body, expected) in [
            (json!({"kubernetes": {}, "listeners": [listener]}), vec![]),
            (json!({"kubernetes": {"storage": {"size": "ten"}}}), vec!["kubernetes.storage.size"]),
            (
                json!({"kubernetes": {"resources": {"limits": {"cpu": "1 core"}}}}),
                vec!["kubernetes.resources.limits.cpu"],
            ),
            (json!({"kubernetes": {"storag": {}}}), vec!["kubernetes"]),
            (json!({"listeners": [listener, listener]}), vec!["listeners.1.name"]),
            (json!({"listeners": [{"name": "External", "type": "nodeport"}]}), vec!["listeners.0.name"]),
            (json!({"listeners": [{"name": "internal", "type": "nodeport"}]}), vec!["listeners.0.name"]),
            (
                json!({"listeners": [{"name": "vpn", "type": "loadbalancer", "advertised_host": "a b",
                    "allowed_cidrs": ["10.0.0.0/33"]}]}),
                vec!["listeners.0.advertised_host", "listeners.0.allowed_cidrs"],
            ),
        ] {
            assert_eq!(wrong(body.clone(), true), expected, "{body}");
        }
        assert_eq!(wrong(json!({"kubernetes": {}}), false), ["kubernetes"]);
    }

    #[test]
    fn volumes_grow_and_stay_in_their_class() {
        let pods = |size: &str, class: Option<&str>| {
            let mut pods = Pods::default();
            pods.storage.size = size.to_owned();
            pods.storage.class = class.map(ToOwned::to_owned);
            pods
        };
        assert_eq!(check_change(&pods("1Gi", None), &pods("1024Mi", None), None), []);
        assert_eq!(check_change(&pods("1Gi", None), &pods("2Gi", None), None), []);
        let taken_back = check_change(&pods("2Gi", None), &pods("1Gi", None), Some("1Gi"));
        assert_eq!(taken_back, [], "the class refused to grow");
        let refused = check_change(&pods("2Gi", None), &pods("1Gi", Some("fast")), None);
        let fields: Vec<&str> = refused.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["kubernetes.storage.class", "kubernetes.storage.size"]);
    }
}
