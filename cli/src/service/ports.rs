//! The range of ports that brokers may use.

use std::net::TcpListener;
use std::ops::RangeInclusive;

use crate::failure::{Failure, Kind};

pub(crate) const DEFAULT: &str = "19092-19191";
/// A broker needs one for clients and one for its own cluster (and a third for its admin page).
const PORTS_PER_BROKER: usize = 3;

/// `19092-19191`
pub(crate) fn parse(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || format!("{text:?} is not a range of ports such as {DEFAULT}");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let (from, to): (u16, u16) =
        (from.trim().parse().map_err(|_| wrong())?, to.trim().parse().map_err(|_| wrong())?);
    if from == 0 || to < from {
        return Err(wrong());
    }
    if usize::from(to - from) + 1 < PORTS_PER_BROKER {
        return Err(format!("{text} has too few ports: one broker needs {PORTS_PER_BROKER}"));
    }
    Ok(from..=to)
}

/// Whether the first broker would find ports.
pub(crate) fn check_free(range: &RangeInclusive<u16>) -> Result<(), Failure> {
    let free = range.clone().filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    if free.take(PORTS_PER_BROKER).count() == PORTS_PER_BROKER {
        return Ok(());
    }
    let (from, to) = (range.start(), range.end());
    Err(Failure::new(
        Kind::Conflict,
        format!("other programs use the ports {from}-{to} that brokers would use"),
    )
    .hint("choose others with --kafka-ports FROM-TO"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_checked() {
        assert_eq!(parse(DEFAULT), Ok(19092..=19191));
        for bad in ["", "1", "0-10", "10-5", "a-b", "1-70000", "9092-9093"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_taken_range_names_the_flag() {
        let taken: Vec<TcpListener> = loop {
            let first = TcpListener::bind("127.0.0.1:0").expect("bind");
            let port = first.local_addr().expect("address").port();
            let next = |offset| TcpListener::bind(("127.0.0.1", port.checked_add(offset)?)).ok();
            if let (Some(second), Some(third)) = (next(1), next(2)) {
                break vec![first, second, third];
            }
        };
        let port = taken[0].local_addr().expect("address").port();
        let failure = check_free(&(port..=port + 2)).expect_err("taken");
        assert!(failure.hint.expect("hint").contains("--kafka-ports"));
    }
}
