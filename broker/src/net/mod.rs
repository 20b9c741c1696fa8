//! Sockets: accepting, limits, framing, and the loop that serves one connection.

mod acceptor;
mod buffer;
mod connection;
mod limits;
mod output;

pub(crate) use acceptor::{BoundListener, accept_loop, bind};
pub(crate) use connection::ConnectionInfo;
pub(crate) use limits::ConnectionLimits;
