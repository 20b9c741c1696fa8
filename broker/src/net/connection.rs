//! The loop that serves one connection: read what has come, run every whole request in it, write all answers at once.
//!
//! Requests run one after another, in the order they came; only writes (Produce) that wait for replicas let the next write begin. Bounded by:
//! one frame partly read, [`PIPELINED_PRODUCE_MAX`] writes waiting, [`OUTPUT_BYTES_MAX`] of answers.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headrace_protocol::messages::produce::ProduceRequest;
use headrace_protocol::{ApiKey, DecodeError, EncodeError, Message, RequestHeader, Str, frame};
use tokio::net::TcpStream;

use super::buffer::{BadLength, READ_BYTES, ReadBuffer};
use super::limits::Permit;
use super::output::Output;
use crate::broker::{Broker, Stopping};
use crate::handlers::{self, Context, produce};

/// Writes of one connection that may wait for their replicas at once.
const PIPELINED_PRODUCE_MAX: usize = 64;
/// Writes of one wake-up that are appended together.
const GATHERED_PRODUCE_MAX: usize = 64;
/// Answers that may gather before they are written.
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// Who is at the other end, and by which listener it came.
#[derive(Debug)]
pub(crate) struct ConnectionInfo {
    pub(crate) id: u64,
    pub(crate) listener: Str,
    pub(crate) peer: SocketAddr,
}

/// Why a connection was closed by the broker or lost.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error("the client closed it")]
    ByClient,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it announced a request of {} bytes; the limit (socket.request.max.bytes) is {max}", .announced.0)]
    FrameLength { announced: BadLength, max: usize },
    #[error("its request cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    #[error("its request has API key {0}, which this broker does not serve")]
    UnknownApi(i16),
    #[error("{key} version {version} is not supported")]
    UnsupportedVersion { key: ApiKey, version: i16 },
    #[error("an answer cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
    #[error("it was idle for longer than connections.max.idle.ms")]
    Idle,
    #[error("it sent no whole request within headrace.first.request.timeout.ms")]
    Silent,
    #[error("the broker stops")]
    Stopping,
}

/// Serves the connection until either side closes it.
pub(super) async fn serve(
    broker: Arc<Broker>,
    stream: std::net::TcpStream,
    info: ConnectionInfo,
    permit: Permit,
) {
    broker.metrics.connections.add(1);
    let info = Arc::new(info);
    match TcpStream::from_std(stream) {
        Ok(stream) => {
            let mut connection = Connection {
                stopping: broker.stopping(),
                max_frame_bytes: usize::try_from(broker.config.socket_request_max_bytes).unwrap_or(0),
                broker: Arc::clone(&broker),
                info: Arc::clone(&info),
                stream,
                input: ReadBuffer::default(),
                output: Output::default(),
                waiting: VecDeque::new(),
                had_request: false,
            };
            let closed = connection.run().await;
            connection.report(&closed);
        }
        Err(error) => tracing::warn!(peer = %info.peer, %error, "a connection could not be served"),
    }
    broker.metrics.connections.add(-1);
    drop(permit);
}

struct Connection {
    broker: Arc<Broker>,
    info: Arc<ConnectionInfo>,
    stream: TcpStream,
    input: ReadBuffer,
    output: Output,
    /// Writes whose answers wait for replicas, oldest first.
    waiting: VecDeque<produce::Pending>,
    stopping: Stopping,
    max_frame_bytes: usize,
    had_request: bool,
}

impl Connection {
    async fn run(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.serve_input().await {
                // What was answered before the bad request still goes out.
                let _ = self.flush().await;
                return closed;
            }
            let step =
                if self.waiting.is_empty() { self.read_idle().await } else { self.read_or_settle().await };
            if let Err(closed) = step {
                return closed;
            }
        }
    }

    /// Runs every whole request that has come, then writes the answers.
    async fn serve_input(&mut self) -> Result<(), Closed> {
        let mut writes: Vec<(RequestHeader, ProduceRequest)> = Vec::new();
        loop {
            let max = self.max_frame_bytes;
            let next = self.input.next_frame(max).map_err(|announced| Closed::FrameLength { announced, max });
            let frame = match next {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(closed) => {
                    self.append(&mut writes)?;
                    return Err(closed);
                }
            };
            self.had_request = true;
            match self.decode(frame) {
                Ok(Decoded::Write(header, request)) => {
                    writes.push((header, request));
                    if writes.len() >= GATHERED_PRODUCE_MAX {
                        self.append(&mut writes)?;
                    }
                }
                Ok(Decoded::Other(header, body)) => {
                    self.append(&mut writes)?;
                    self.settle_all().await?;
                    self.run_handler(header, body).await?;
                }
                Err(closed) => {
                    self.append(&mut writes)?;
                    return Err(closed);
                }
            }
            if self.output.bytes() >= OUTPUT_BYTES_MAX {
                self.flush().await?;
            }
            while self.waiting.len() > PIPELINED_PRODUCE_MAX {
                self.settle_first().await?;
            }
        }
        self.append(&mut writes)?;
        self.flush().await
    }

    fn decode(&self, frame: Bytes) -> Result<Decoded, Closed> {
        let (header, mut body) = frame::split_request(frame)?;
        if header.api_key == ApiKey::Produce as i16 {
            if !ProduceRequest::VERSIONS.contains(&header.api_version) {
                return Err(Closed::UnsupportedVersion { key: ApiKey::Produce, version: header.api_version });
            }
            let request = ProduceRequest::decode(&mut body, header.api_version)?;
            return Ok(Decoded::Write(header, request));
        }
        Ok(Decoded::Other(header, body.take_rest()))
    }

    /// Appends gathered writes, each partition's with one write to disk.
    fn append(&mut self, writes: &mut Vec<(RequestHeader, ProduceRequest)>) -> Result<(), Closed> {
        if writes.is_empty() {
            return Ok(());
        }
        let started = self.broker.clock.monotonic_ns();
        let requests = writes.drain(..).map(|(header, request)| produce::Write { header, request }).collect();
        for pending in produce::append(&self.broker, &self.info, requests, started) {
            self.waiting.push_back(pending);
        }
        while self.waiting.front().is_some_and(produce::Pending::is_ready) {
            self.answer_first()?;
        }
        Ok(())
    }

    fn answer_first(&mut self) -> Result<(), Closed> {
        if let Some(pending) = self.waiting.pop_front()
            && let Some(parts) = pending.into_answer(&self.broker)?
        {
            self.output.push(parts);
        }
        Ok(())
    }

    async fn settle_first(&mut self) -> Result<(), Closed> {
        if let Some(front) = self.waiting.front_mut() {
            front.ready().await;
        }
        self.answer_first()
    }

    async fn settle_all(&mut self) -> Result<(), Closed> {
        while !self.waiting.is_empty() {
            self.settle_first().await?;
        }
        Ok(())
    }

    /// Runs any other request. A client that goes away in the meantime ends it.
    async fn run_handler(&mut self, header: RequestHeader, body: Bytes) -> Result<(), Closed> {
        let key = header.key().map_err(|unknown| Closed::UnknownApi(unknown.0))?;
        let started = self.broker.clock.monotonic_ns();
        let cx = Context {
            broker: Arc::clone(&self.broker),
            connection: Arc::clone(&self.info),
            api_version: header.api_version,
            correlation_id: header.correlation_id,
            client_id: header.client_id,
            forwarded: false,
            refusal: None,
        };
        let mut handler = handlers::dispatch(key, cx, body);
        let outcome = match futures_util::FutureExt::now_or_never(&mut handler) {
            Some(outcome) => outcome,
            None => {
                // It waits: what is ready must not wait with it.
                self.flush().await?;
                tokio::select! {
                    biased;
                    outcome = &mut handler => outcome,
                    closed = watch_for_close(&self.stream, &mut self.input, self.max_frame_bytes) => return Err(closed),
                }
            }
        };
        let api = self.broker.metrics.api(key);
        api.record(self.broker.clock.monotonic_ns().saturating_sub(started));
        let parts = outcome.map_err(|error| {
            api.errors.add(1);
            match error {
                handlers::DispatchError::NotServed => Closed::UnknownApi(key as i16),
                handlers::DispatchError::Version(version) => Closed::UnsupportedVersion { key, version },
                handlers::DispatchError::Decode(error) => Closed::Decode(error),
                handlers::DispatchError::Encode(error) => Closed::Encode(error),
            }
        })?;
        self.output.push(parts);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Closed> {
        if self.output.bytes() > 0 {
            let idle = Duration::from_millis(self.broker.config.connections_max_idle_ms.unsigned_abs());
            // A client that does not read its answers is idle too.
            let written = tokio::time::timeout(idle, self.output.write_to(&self.stream)).await;
            self.broker.metrics.socket_bytes_out.add(written.map_err(|_| Closed::Idle)?? as u64);
        }
        Ok(())
    }

    /// Waits for more, with nothing owed to the client.
    async fn read_idle(&mut self) -> Result<(), Closed> {
        let config = &self.broker.config;
        let (limit_ms, closed) = if self.had_request {
            (config.connections_max_idle_ms, Closed::Idle)
        } else {
            (config.headrace_first_request_timeout_ms.min(config.connections_max_idle_ms), Closed::Silent)
        };
        let deadline = tokio::time::sleep(Duration::from_millis(limit_ms.unsigned_abs()));
        tokio::pin!(deadline);
        self.input.rest();
        loop {
            tokio::select! {
                biased;
                () = self.stopping.stopped() => return Err(Closed::Stopping),
                ready = self.stream.readable() => ready?,
                () = &mut deadline => return Err(closed),
            }
            if self.read_some()? {
                // A request must be whole by the deadline; bytes that trickle in do not move it.
                if self.had_request || self.input.has_frame(self.max_frame_bytes) {
                    return Ok(());
                }
            }
        }
    }

    /// Waits for more, or for the oldest waiting write.
    async fn read_or_settle(&mut self) -> Result<(), Closed> {
        let Some(front) = self.waiting.front_mut() else { return Ok(()) };
        let ready = tokio::select! {
            biased;
            () = front.ready() => true,
            readable = self.stream.readable() => {
                readable?;
                false
            }
        };
        if ready {
            self.answer_first()?;
            self.flush().await
        } else {
            self.read_some().map(drop)
        }
    }

    /// Reads what there is; false if it was a false alarm.
    fn read_some(&mut self) -> Result<bool, Closed> {
        let read = read_some(&self.stream, &mut self.input, self.max_frame_bytes)?;
        self.broker.metrics.socket_bytes_in.add(read as u64);
        Ok(read > 0)
    }

    fn report(&self, closed: &Closed) {
        let peer = self.info.peer;
        let listener = &self.info.listener;
        match closed {
            Closed::ByClient | Closed::Stopping | Closed::Io(_) => {
                tracing::debug!(%peer, %listener, connection = self.info.id, reason = %closed, "connection closed");
            }
            Closed::Idle | Closed::Silent => {
                self.broker.metrics.connections_idle_closed.add(1);
                tracing::info!(%peer, %listener, reason = %closed, "connection closed");
            }
            _ => {
                self.broker.metrics.protocol_errors.add(1);
                tracing::warn!(%peer, %listener, reason = %closed, "connection closed");
            }
        }
    }
}

enum Decoded {
    Write(RequestHeader, ProduceRequest),
    Other(RequestHeader, Bytes),
}

/// One read without waiting; 0 if nothing was there after all.
fn read_some(stream: &TcpStream, input: &mut ReadBuffer, max_frame_bytes: usize) -> Result<usize, Closed> {
    match stream.try_read_buf(input.space(max_frame_bytes)) {
        Ok(0) => Err(Closed::ByClient),
        Ok(n) => {
            input.read(n);
            Ok(n)
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Resolves when the client closes while a request of it is being worked on. Reads ahead a little, and then no more.
async fn watch_for_close(stream: &TcpStream, input: &mut ReadBuffer, max_frame_bytes: usize) -> Closed {
    loop {
        if input.len() >= READ_BYTES {
            // It pipelines more than is read ahead: only the handler's end goes on from here.
            return std::future::pending().await;
        }
        if let Err(error) = stream.readable().await {
            return Closed::Io(error);
        }
        if let Err(closed) = read_some(stream, input, max_frame_bytes) {
            return closed;
        }
    }
}
