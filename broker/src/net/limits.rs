//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts open connections and refuses those over a limit.
#[derive(Debug)]
pub(crate) struct ConnectionLimits {
    max_total: usize,
    max_per_ip: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    per_ip: HashMap<IpAddr, usize>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    limits: Arc<ConnectionLimits>,
    ip: IpAddr,
}

impl ConnectionLimits {
    pub(crate) fn new(max_total: i32, max_per_ip: i32) -> Arc<Self> {
        let limit = |n: i32| usize::try_from(n).unwrap_or(0);
        Arc::new(Self { max_total: limit(max_total), max_per_ip: limit(max_per_ip), open: Mutex::default() })
    }

    /// A place for a connection from `ip`, unless a limit is reached.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Permit> {
        let mut open = self.open.lock();
        let from_ip = open.per_ip.get(&ip).copied().unwrap_or(0);
        if open.total >= self.max_total || from_ip >= self.max_per_ip {
            return None;
        }
        open.total += 1;
        open.per_ip.insert(ip, from_ip + 1);
        Some(Permit { limits: Arc::clone(self), ip })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock();
        open.total -= 1;
        let left = open.per_ip.get_mut(&self.ip).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            open.per_ip.remove(&self.ip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_once_its_connection_is_gone() {
        let limits = ConnectionLimits::new(3, 2);
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = limits.admit(a);
        let second = limits.admit(a);
        assert!(first.is_some() && second.is_some());
        assert!(limits.admit(a).is_none(), "over the limit of one address");
        let third = limits.admit(b);
        assert!(third.is_some());
        assert!(limits.admit(b).is_none(), "over the limit of all");
        drop(second);
        assert!(limits.admit(b).is_some());
        drop((first, third));
        assert!(limits.open.lock().per_ip.is_empty());
    }
}
