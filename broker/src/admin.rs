//! The admin port: /metrics, /healthz and /readyz over HTTP.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::broker::Broker;
use crate::config::ListenerAddress;
use crate::metrics;

const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Takes the admin port.
pub(crate) fn bind(address: &ListenerAddress) -> io::Result<TcpListener> {
    let host = if address.host.is_empty() { "0.0.0.0" } else { address.host.as_str() };
    let address: SocketAddr = (host, address.port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address"))?;
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until the broker stops.
pub(crate) async fn serve(broker: Arc<Broker>, listener: TcpListener) {
    let mut stopping = broker.stopping();
    let app = Router::new()
        .route("/metrics", get(metrics_page))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(broker);
    let served = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => {
            axum::serve(listener, app).with_graceful_shutdown(async move { stopping.stopped().await }).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::error!(%error, "the admin port cannot be served");
    }
}

async fn metrics_page(State(broker): State<Arc<Broker>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)], metrics::render(&broker))
}

/// Whether the process is worth keeping.
async fn healthz(State(broker): State<Arc<Broker>>) -> impl IntoResponse {
    match broker.metadata.status().running {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("the metadata quorum stopped: {reason}\n")),
    }
}

/// Whether clients can be served.
async fn readyz(State(broker): State<Arc<Broker>>) -> impl IntoResponse {
    if broker.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting or stopping\n")
    }
}
