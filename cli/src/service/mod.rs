//! What `headrace up` and `headrace down` are made of: the database, the control plane and the demo cluster, started in
//! this order and stopped in the other.

pub(crate) mod demo;
pub(crate) mod detach;
pub(crate) mod ports;
pub(crate) mod ready;
pub(crate) mod running;

use crate::failure::{Failure, Kind};

/// What the control plane's errors say to whoever started it.
pub(crate) fn control_plane_failure(error: &headrace_control_plane::Error) -> Failure {
    match error {
        headrace_control_plane::Error::Bind { address, source } => listen_failure(*address, source),
        other => Failure::doing("running the control plane", other),
    }
}

/// The API's address can't be listened on.
pub(crate) fn listen_failure(address: std::net::SocketAddr, source: &std::io::Error) -> Failure {
    let failure = Failure::new(Kind::Conflict, format!("listening on {address}: {source}"));
    match source.kind() {
        std::io::ErrorKind::AddrInUse => {
            failure.hint("another program uses that port: choose another with --listen ADDR:PORT")
        }
        std::io::ErrorKind::PermissionDenied => {
            failure.hint("choose a port above 1023 with --listen ADDR:PORT")
        }
        _ => failure.hint("choose an address of this machine with --listen ADDR:PORT"),
    }
}
