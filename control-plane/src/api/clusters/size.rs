//! Whether a cluster can have as many brokers and replicas as are asked for; each error names the field to change. Pure.

use crate::domain::cluster::{Spec, Update};
use crate::domain::engine;
use crate::domain::problem::FieldError;
use crate::domain::replication::{self, FACTOR_KEY, MIN_ISR_KEY};
use crate::provision::Room;

/// What is wrong with a spec; `asked` is what the request names of it.
pub(super) fn check(spec: &Spec, asked: &Update, room: &Room) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = too_many_brokers(spec, asked, room).into_iter().collect();
    for (field, named, key) in [
        ("replication_factor", spec.replication_factor, FACTOR_KEY),
        ("min_insync_replicas", spec.min_insync_replicas, MIN_ISR_KEY),
    ] {
        if named.is_some() && spec.config.contains_key(key) {
            let message = format!("{key} is in config as well: name only one of the two");
            errors.push(FieldError::new(field, "conflict", message));
        }
    }
    let factor = replication::factor(spec);
    if spec.replication_factor.is_some_and(|factor| factor > spec.brokers) {
        let message = format!("must be at most {}, the number of brokers", spec.brokers);
        errors.push(FieldError::new("replication_factor", "out_of_range", message));
    } else if let Some(min_isr) = spec.min_insync_replicas.filter(|min_isr| *min_isr > factor) {
        // Whichever of the two the request names is the one to change.
        errors.push(if asked.min_insync_replicas.is_none() && asked.replication_factor.is_some() {
            let message = format!("must be at least {min_isr}, which is min_insync_replicas");
            FieldError::new("replication_factor", "out_of_range", message)
        } else {
            let message = format!("must be at most {factor}, the replication factor");
            FieldError::new("min_insync_replicas", "out_of_range", message)
        });
    }
    errors
}

/// Fewer brokers than there are cannot be had yet.
pub(super) fn scales_in(spec: &Spec, asked: &Update) -> Option<FieldError> {
    asked.brokers.filter(|brokers| *brokers < spec.brokers)?;
    let message = format!(
        "must be at least {}: scale in needs its replicas moved first; not available in this version",
        spec.brokers
    );
    Some(FieldError::new("brokers", "scale_in_unavailable", message))
}

fn too_many_brokers(spec: &Spec, asked: &Update, room: &Room) -> Option<FieldError> {
    let brokers = asked.brokers?;
    let most = engine::find(&spec.engine.kind)?.brokers_max;
    let message = if brokers > room.brokers_max && room.brokers_max < most {
        format!("must be at most {}: {}", room.brokers_max, room.why)
    } else if brokers > most {
        format!(
            "must be at most {most}: clusters of {} {} have no more",
            spec.engine.kind, spec.engine.version
        )
    } else {
        return None;
    };
    Some(FieldError::new("brokers", "out_of_range", message))
}

#[cfg(test)]
mod tests {
    use super::{Room, Spec, Update, check, scales_in};

    fn spec(brokers: u32, replication_factor: Option<u32>, min_insync_replicas: Option<u32>) -> Spec {
        Spec { replication_factor, min_insync_replicas, ..Spec::of(brokers) }
    }

    fn named(spec: &Spec, asked: &Update) -> Vec<String> {
        let room = Room {
            brokers_max: 4,
            why: "the ports are few".to_owned(),
            pods: false,
            namespaces: false,
            versions: Vec::new(),
        };
        check(spec, asked, &room)
            .into_iter()
            .map(|error| format!("{}: {}", error.field, error.message))
            .collect()
    }

    #[test]
    fn replicas_have_to_fit_the_brokers_and_in_sync_ones_the_replicas() {
        for (brokers, factor, min_isr, expected) in [
            (3, None, None, vec![]),
            (3, Some(3), Some(3), vec![]),
            (3, None, Some(3), vec![]),
            (1, Some(3), None, vec!["replication_factor: must be at most 1, the number of brokers"]),
            (3, Some(2), Some(3), vec!["min_insync_replicas: must be at most 2, the replication factor"]),
            (1, None, Some(2), vec!["min_insync_replicas: must be at most 1, the replication factor"]),
        ] {
            let spec = spec(brokers, factor, min_isr);
            assert_eq!(named(&spec, &Update::default()), expected, "{brokers} {factor:?} {min_isr:?}");
        }
        let lowered = Update { replication_factor: Some(1), ..Update::default() };
        let expected = ["replication_factor: must be at least 2, which is min_insync_replicas"];
        assert_eq!(named(&spec(3, Some(1), Some(2)), &lowered), expected);
        let mut both = spec(3, Some(3), None);
        both.config.insert("default.replication.factor".to_owned(), "2".to_owned());
        let expected =
            ["replication_factor: default.replication.factor is in config as well: name only one of the two"];
        assert_eq!(named(&both, &Update::default()), expected);
    }

    #[test]
    fn brokers_have_to_find_room_and_do_not_get_fewer() {
        let asked = |brokers| Update { brokers: Some(brokers), ..Update::default() };
        assert_eq!(named(&spec(4, None, None), &asked(4)), [""; 0]);
        assert_eq!(named(&spec(5, None, None), &asked(5)), ["brokers: must be at most 4: the ports are few"]);
        assert_eq!(scales_in(&spec(3, None, None), &asked(3)), None);
        let refused = scales_in(&spec(3, None, None), &asked(2)).expect("refused");
        assert!(
            refused.message.contains("must be at least 3: scale in needs its replicas moved first"),
            "{refused:?}"
        );
    }
}
