//! Binding listeners and handing each accepted connection to one of the io threads, in turn.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use headrace_protocol::Str;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::connection::{self, ConnectionInfo};
use crate::broker::Broker;
use crate::config::{Config, ListenerAddress, ListenerConfig};

/// How long to wait when the process has no file descriptor left.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A listener that holds its port.
pub(crate) struct BoundListener {
    pub(crate) name: Str,
    pub(crate) advertised: ListenerAddress,
    pub(crate) local: SocketAddr,
    socket: std::net::TcpListener,
}

/// Takes the ports of all listeners, so that a taken one is said before anything is opened.
pub(crate) fn bind(config: &Config, listener: &ListenerConfig) -> io::Result<BoundListener> {
    let host = if listener.bind.host.is_empty() { "0.0.0.0" } else { listener.bind.host.as_str() };
    let address = (host, listener.bind.port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address"))?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    if let Ok(bytes) = usize::try_from(config.socket_receive_buffer_bytes) {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(&address.into())?;
    socket.listen(config.socket_listen_backlog_size)?;
    let socket = std::net::TcpListener::from(socket);
    let local = socket.local_addr()?;
    let advertised = listener.advertised.clone().unwrap_or_else(|| ListenerAddress {
        host: if address.ip().is_unspecified() { own_host_name() } else { listener.bind.host.clone() },
        port: local.port(),
    });
    Ok(BoundListener { name: listener.name.as_str().into(), advertised, local, socket })
}

/// What to advertise for a listener on every address, as Kafka does: the machine's name.
fn own_host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Accepts until the broker stops.
pub(crate) async fn accept_loop(
    broker: Arc<Broker>,
    bound: BoundListener,
    threads: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
) {
    let listener = match TcpListener::from_std(bound.socket) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(listener = %bound.name, %error, "the listener cannot be served");
            return;
        }
    };
    let mut stopping = broker.stopping();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.stopped() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(listener = %bound.name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        broker.metrics.connections_accepted.add(1);
        let Some(permit) = broker.limits.admit(peer.ip()) else {
            broker.metrics.connections_refused.add(1);
            tracing::warn!(%peer, listener = %bound.name, "connection refused: max.connections or max.connections.per.ip is reached");
            continue;
        };
        // Registered with this thread's reactor by accepting; taken out, it can be given to another.
        let Ok(stream) = stream.into_std() else { continue };
        let socket = SockRef::from(&stream);
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_keepalive(true);
        if let Ok(bytes) = usize::try_from(broker.config.socket_send_buffer_bytes) {
            let _ = socket.set_send_buffer_size(bytes);
        }
        let info = ConnectionInfo { id: broker.next_connection_id(), listener: bound.name.clone(), peer };
        let thread = &threads[next.fetch_add(1, Ordering::Relaxed) % threads.len()];
        thread.spawn(connection::serve(Arc::clone(&broker), stream, info, permit));
    }
}
