//! The real network: one connection for each address and lane, opened when it is first needed.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use headrace_client::{Connection, Error, Frame, Options};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::{CallError, Lane, Network};

/// How long opening a connection may take. The callers' own deadlines may be shorter.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest answer that is read, in bytes: a snapshot's chunk or a fetch.
const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Requests under way on one connection.
const IN_FLIGHT_MAX: usize = 64;

type Connections = Mutex<HashMap<(String, Lane), Arc<Connection>>>;

/// Connections to other brokers. Their sockets live on one io thread, callers may be on any runtime.
pub(crate) struct TcpNetwork {
    io: Handle,
    connections: Arc<Connections>,
    options: Arc<Options>,
}

impl TcpNetwork {
    pub(crate) fn new(io: Handle, node_id: i32) -> Self {
        let options = Options {
            client_id: format!("broker-{node_id}"),
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: CONNECT_TIMEOUT,
            max_in_flight: IN_FLIGHT_MAX,
            max_response_bytes: ANSWER_BYTES_MAX,
            ..Options::default()
        };
        Self { io, connections: Arc::default(), options: Arc::new(options) }
    }
}

impl Network for TcpNetwork {
    fn call(
        &self,
        address: &str,
        lane: Lane,
        request: Frame,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, CallError>> {
        let key = (address.to_owned(), lane);
        let (io, connections) = (self.io.clone(), Arc::clone(&self.connections));
        let options = Arc::clone(&self.options);
        async move {
            let known = connections.lock().get(&key).filter(|open| !open.is_closed()).cloned();
            let connection = match known {
                Some(connection) => connection,
                None => open(io, &key, &connections, options, timeout).await?,
            };
            connection.exchange_frame(request, timeout).await.map_err(|error| call_error(&key.0, &error))
        }
        .boxed()
    }

    fn disconnect(&self, address: &str, lane: Lane) {
        self.connections.lock().remove(&(address.to_owned(), lane));
    }
}

/// Opens a connection on the io thread, for the caller's runtime may have no reactor.
async fn open(
    io: Handle,
    key: &(String, Lane),
    connections: &Connections,
    options: Arc<Options>,
    timeout: Duration,
) -> Result<Arc<Connection>, CallError> {
    let address = key.0.clone();
    let opening = io.spawn(async move { Connection::open(&address, &options).await });
    let unreachable = |why: String| CallError::Unreachable { address: key.0.clone(), refused: false, why };
    let opened = tokio::time::timeout(timeout, opening)
        .await
        .map_err(|_| unreachable("the connection was not accepted in time".to_owned()))?
        .map_err(|error| unreachable(error.to_string()))?
        .map_err(|error| match &error {
            Error::Connect { kind, reason, .. } => CallError::Unreachable {
                address: key.0.clone(),
                refused: *kind == io::ErrorKind::ConnectionRefused,
                why: reason.clone(),
            },
            other => unreachable(other.to_string()),
        })?;
    let connection = Arc::new(opened);
    connections.lock().insert(key.clone(), Arc::clone(&connection));
    Ok(connection)
}

fn call_error(address: &str, error: &Error) -> CallError {
    CallError::NoAnswer { address: address.to_owned(), why: error.to_string() }
}
