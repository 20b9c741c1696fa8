//! One connection to one broker: frames out, answers back in order, a bounded number under way.
//!
//! Two tasks own the socket's halves, so that a caller who drops a request's future leaves no half-written frame.
//! Kafka answers in the order of the requests: the next answer belongs to the oldest request.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use headrace_protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use headrace_protocol::{
    ApiKey, DecodeError, ErrorCode, Message, Reader, Request, ResponseHeader, Str, frame,
};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::client::Options;
use crate::error::Error;
use crate::versions::Versions;

/// Version 5 of ApiVersions (KIP-1242) wants to know which cluster and node the client means; this client does not.
const API_VERSIONS_MAX: i16 = 4;
/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;
/// How far a read buffer grows ahead of the bytes that have come.
const READ_STEP_BYTES: usize = 64 * 1024;

/// An open connection that has negotiated versions. Dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    address: String,
    client_id: Str,
    request_timeout: Duration,
    versions: Versions,
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Outgoing>,
    in_flight: Semaphore,
    next_correlation_id: AtomicI32,
    tasks: [AbortHandle; 2],
}

/// An encoded request: its length, header and body in parts.
#[derive(Debug)]
pub struct Frame {
    pub key: ApiKey,
    /// As it stands in the header; the answer must carry it.
    pub correlation_id: i32,
    pub parts: Vec<Bytes>,
}

/// What a connection and its two tasks share.
#[derive(Debug)]
struct Shared {
    address: String,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    answers: VecDeque<(i32, oneshot::Sender<Bytes>)>,
    /// Why the connection ended, once it has.
    closed: Option<String>,
}

#[derive(Debug)]
struct Outgoing {
    correlation_id: i32,
    parts: Vec<Bytes>,
    answer: oneshot::Sender<Bytes>,
}

impl Connection {
    /// Connects to `HOST:PORT` and asks for the broker's versions, within `options.connect_timeout`.
    pub async fn open(address: &str, options: &Options) -> Result<Self, Error> {
        let after = options.connect_timeout;
        let opening = async {
            let stream = TcpStream::connect(address).await.map_err(|e| connect_error(address, &e))?;
            stream.set_nodelay(true).map_err(|e| connect_error(address, &e))?;
            let mut connection = Self::start(address, stream, options);
            connection.versions = connection.negotiate().await?;
            Ok(connection)
        };
        match timeout(after, opening).await {
            Ok(opened) => opened,
            Err(_) => {
                Err(Error::TimedOut { address: address.to_owned(), what: "a connection attempt", after })
            }
        }
    }

    fn start(address: &str, stream: TcpStream, options: &Options) -> Self {
        let (read_half, write_half) = stream.into_split();
        let shared = Arc::new(Shared { address: address.to_owned(), waiting: Mutex::default() });
        let (outgoing, requests) = mpsc::channel(options.max_in_flight);
        let max = options.max_response_bytes;
        let tasks = [
            tokio::spawn(write_loop(shared.clone(), write_half, requests)).abort_handle(),
            tokio::spawn(read_loop(shared.clone(), read_half, max)).abort_handle(),
        ];
        Self {
            address: address.to_owned(),
            client_id: Str::from(&options.client_id),
            request_timeout: options.request_timeout,
            versions: Versions::default(),
            shared,
            outgoing,
            in_flight: Semaphore::new(options.max_in_flight),
            next_correlation_id: AtomicI32::new(1),
            tasks,
        }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether no more requests can be sent.
    pub fn is_closed(&self) -> bool {
        self.shared.waiting.lock().closed.is_some()
    }

    /// The highest version of a request that this broker and this client both know.
    pub fn version_of<R: Request>(&self, cap: i16) -> Result<i16, Error> {
        self.versions.choose::<R>(cap).ok_or_else(|| Error::Unsupported {
            address: self.address.clone(),
            api: R::KEY,
            ours: format!("{} to {}", R::VALID.start(), (*R::VALID.end()).min(cap)),
            theirs: match self.versions.offered(R::KEY) {
                Some(range) => format!("{} to {}", range.start(), range.end()),
                None => "none".to_owned(),
            },
        })
    }

    /// Sends a request in the highest common version and waits for its answer, at most the options' request timeout.
    pub async fn request<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        let version = self.version_of::<R>(i16::MAX)?;
        self.request_version(request, version, self.request_timeout).await
    }

    /// Sends a request in a given version and waits for its answer.
    pub async fn request_version<R: Request>(
        &self,
        request: &R,
        version: i16,
        after: Duration,
    ) -> Result<R::Response, Error> {
        let frame = self.exchange(request, version, after).await?;
        let mut r = Reader::new(frame);
        self.decoded(ResponseHeader::decode(&mut r, R::KEY, version))?;
        self.decoded(R::Response::decode(&mut r, version))
    }

    fn decoded<T>(&self, result: Result<T, DecodeError>) -> Result<T, Error> {
        result.map_err(|source| Error::Decode { address: self.address.clone(), source })
    }

    /// The whole answer frame.
    async fn exchange<R: Request>(&self, request: &R, version: i16, after: Duration) -> Result<Bytes, Error> {
        let correlation_id = self.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let parts = frame::encode_request(version, correlation_id, Some(&self.client_id), request)?;
        self.exchange_frame(Frame { key: R::KEY, correlation_id, parts }, after).await
    }

    /// Sends a request that was encoded elsewhere; gives the answer's frame as it came, without its length.
    pub async fn exchange_frame(&self, frame: Frame, after: Duration) -> Result<Bytes, Error> {
        let Frame { key, correlation_id, parts } = frame;
        let waiting = async {
            // The permit is held until the answer is there, so it bounds what is under way. It never closes.
            let _permit = self.in_flight.acquire().await;
            let (answer, answered) = oneshot::channel();
            let sent = self.outgoing.send(Outgoing { correlation_id, parts, answer }).await;
            let closed = || self.closed(key.name());
            sent.map_err(|_| closed())?;
            answered.await.map_err(|_| closed())
        };
        match timeout(after, waiting).await {
            Ok(answer) => answer,
            Err(_) => {
                // An answer that is overdue holds up all those behind it: start afresh.
                self.shared.close(format!("{key} was not answered in {after:?}"));
                Err(Error::TimedOut { address: self.address.clone(), what: key.name(), after })
            }
        }
    }

    fn closed(&self, what: &'static str) -> Error {
        let reason = self.shared.waiting.lock().closed.clone();
        let reason = reason.unwrap_or_else(|| "the broker ended it".to_owned());
        Error::Closed { address: self.address.clone(), what, reason }
    }

    /// Asks for the broker's versions. A broker that does not know ours answers in version 0 and lists its own.
    async fn negotiate(&self) -> Result<Versions, Error> {
        let request = ApiVersionsRequest {
            client_software_name: Str::from_static("headrace"),
            client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
            ..Default::default()
        };
        let mut version = API_VERSIONS_MAX;
        loop {
            let frame = self.exchange(&request, version, self.request_timeout).await?;
            let mut r = Reader::new(frame);
            self.decoded(ResponseHeader::decode(&mut r, ApiKey::ApiVersions, version))?;
            let code = ErrorCode(self.decoded(r.clone().i16())?);
            if code == ErrorCode::UNSUPPORTED_VERSION && version > 0 {
                let listed = self.decoded(ApiVersionsResponse::decode(&mut r, 0))?;
                version = Versions::new(&listed).choose::<ApiVersionsRequest>(version - 1).unwrap_or(0);
                continue;
            }
            let response = self.decoded(ApiVersionsResponse::decode(&mut r, version))?;
            Error::check(response.error_code, None, || format!("asking {} for its versions", self.address))?;
            return Ok(Versions::new(&response));
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Shared {
    /// Marks the connection as ended and wakes everybody who waits; the first reason stays.
    fn close(&self, reason: String) {
        let mut waiting = self.waiting.lock();
        if waiting.closed.is_none() {
            tracing::debug!(address = %self.address, %reason, "connection closed");
            waiting.closed = Some(reason);
        }
        waiting.answers.clear();
    }
}

fn connect_error(address: &str, error: &io::Error) -> Error {
    Error::Connect { address: address.to_owned(), kind: error.kind(), reason: error.to_string() }
}

async fn write_loop(shared: Arc<Shared>, mut socket: OwnedWriteHalf, mut requests: mpsc::Receiver<Outgoing>) {
    while let Some(Outgoing { correlation_id, parts, answer }) = requests.recv().await {
        {
            let mut waiting = shared.waiting.lock();
            if waiting.closed.is_some() {
                return;
            }
            // Before the write, or the answer could come first.
            waiting.answers.push_back((correlation_id, answer));
        }
        for mut part in parts {
            if let Err(error) = socket.write_all_buf(&mut part).await {
                return shared.close(error.to_string());
            }
        }
    }
}

async fn read_loop(shared: Arc<Shared>, mut socket: OwnedReadHalf, max: usize) {
    let mut buffer = BytesMut::new();
    loop {
        let frame = match read_frame(&mut socket, &mut buffer, max).await {
            Ok(frame) => frame,
            Err(reason) => return shared.close(reason),
        };
        let Some(correlation_id) = frame.first_chunk::<4>().map(|head| i32::from_be_bytes(*head)) else {
            return shared.close("a frame without a correlation id".to_owned());
        };
        let oldest = shared.waiting.lock().answers.pop_front();
        match oldest {
            // The caller may have stopped waiting; then nobody wants the answer.
            Some((expected, answer)) if expected == correlation_id => drop(answer.send(frame)),
            Some((expected, _)) => {
                return shared.close(format!("answer {correlation_id} came where {expected} was due"));
            }
            None => return shared.close(format!("answer {correlation_id} came unasked")),
        }
    }
}

/// Reads one frame, without its length. The buffer grows with the bytes that come, not with the length announced.
async fn read_frame(socket: &mut OwnedReadHalf, buffer: &mut BytesMut, max: usize) -> Result<Bytes, String> {
    fill(socket, buffer, LENGTH_BYTES).await?;
    let announced = buffer.first_chunk::<LENGTH_BYTES>().map_or(0, |head| i32::from_be_bytes(*head));
    let length = usize::try_from(announced).ok().filter(|length| *length <= max);
    let Some(length) = length else {
        return Err(format!(
            "it announced a frame of {announced} bytes, and 4 to {max} are allowed; is this a Kafka port?"
        ));
    };
    fill(socket, buffer, LENGTH_BYTES + length).await?;
    let mut frame = buffer.split_to(LENGTH_BYTES + length);
    Ok(frame.split_off(LENGTH_BYTES).freeze())
}

async fn fill(socket: &mut OwnedReadHalf, buffer: &mut BytesMut, length: usize) -> Result<(), String> {
    while buffer.len() < length {
        buffer.reserve((length - buffer.len()).min(READ_STEP_BYTES));
        if socket.read_buf(buffer).await.map_err(|e| e.to_string())? == 0 {
            return Err("the broker ended it".to_owned());
        }
    }
    Ok(())
}
