//! A private Postgres per test binary, a database, a folder and a range of ports per test, and a control plane on them.

#![expect(dead_code, reason = "each test binary uses its own part of this")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use headrace_control_plane::{Options, ProviderOptions, Service};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Ports from here on are given to test processes in blocks, and of a block to each test a range of its own.
const FIRST_PORT: u16 = 11_000;
const PORTS_PER_TEST: u16 = 12;
const PORTS_PER_PROCESS: u16 = 20 * PORTS_PER_TEST;
const BLOCKS: u16 = 40;
/// Nothing that a test waits for takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Starts Postgres in `$1` and stops it when stdin ends, which is when the test binary does.
const SUPERVISE: &str = r#"
set -e
cd "$1"
PATH="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1):$PATH"
initdb -D data -A trust -U postgres --no-sync >/dev/null
postgres -D data -k "$1" -c listen_addresses= -c fsync=off -c max_connections=400 >log 2>&1 &
echo started
read _ || true
kill -QUIT $!
wait $! || true
cd /
rm -rf "$1"
"#;

struct Postgres {
    dir: PathBuf,
    /// Holds the pipe.
    _supervisor: Child,
}

fn postgres() -> &'static Postgres {
    static POSTGRES: OnceLock<Postgres> = OnceLock::new();
    POSTGRES.get_or_init(|| {
        let dir = tempfile::Builder::new().prefix("headrace-pg-").tempdir().expect("a folder").keep();
        let mut command = if rustix::process::geteuid().is_root() {
            let owner = Command::new("chown").arg("postgres").arg(&dir).status().expect("chown");
            assert!(owner.success(), "PostgreSQL does not run as root: there must be a user postgres");
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        let mut supervisor = command
            .args(["-c", SUPERVISE, "sh"])
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let stdout = supervisor.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert_eq!(line, "started\n", "PostgreSQL must be installed (initdb, postgres)");
        Postgres { dir, _supervisor: supervisor }
    })
}

/// The address of a fresh database.
pub(crate) async fn database() -> String {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let dir = postgres().dir.display();
    let url = |name: &str| format!("postgres://postgres@localhost/{name}?host={dir}");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut connection = loop {
        match PgConnection::connect(&url("postgres")).await {
            Ok(connection) => break connection,
            Err(error) if tokio::time::Instant::now() > deadline => panic!("{error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut connection).await.expect("created");
    url(&name)
}

/// The stand-in for the `headrace` binary, which cargo builds with the tests.
fn fake_node() -> PathBuf {
    let test = std::env::current_exe().expect("own path");
    let target = test.parent().and_then(Path::parent).expect("target/debug/deps");
    let path = target.join("examples/fake_node");
    assert!(path.exists(), "{} is built by `cargo test -p headrace-control-plane`", path.display());
    path
}

/// A place where control planes can be started.
pub(crate) struct Place {
    pub database_url: String,
    pub dir: tempfile::TempDir,
    pub ports: RangeInclusive<u16>,
}

/// The first port of this process's block, held by a lock on a file for as long as the process lives, so that test runs
/// can go side by side.
fn block() -> u16 {
    static HELD: OnceLock<(u16, std::fs::File)> = OnceLock::new();
    let take = || {
        let folder = std::env::temp_dir().join("headrace-control-plane-test-ports");
        std::fs::create_dir_all(&folder).expect("a folder for the locks");
        let free = (0..BLOCKS).find_map(|n| {
            let file = std::fs::File::create(folder.join(n.to_string())).ok()?;
            file.try_lock().ok()?;
            Some((FIRST_PORT + n * PORTS_PER_PROCESS, file))
        });
        free.expect("a block of ports that no other test process holds")
    };
    HELD.get_or_init(take).0
}

impl Place {
    pub(crate) async fn new() -> Self {
        static COUNT: AtomicU16 = AtomicU16::new(0);
        let first = block() + PORTS_PER_TEST * COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = tempfile::tempdir().expect("a folder");
        Self { database_url: database().await, dir, ports: first..=first + PORTS_PER_TEST - 1 }
    }

    /// A control plane that serves.
    pub(crate) async fn start(&self) -> Server<'_> {
        // For the client below; an error says that another test has done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listen = "127.0.0.1:0".parse().expect("an address");
        let mut options = Options::new(
            self.database_url.clone(),
            listen,
            self.dir.path().to_owned(),
            ProviderOptions::Local { kafka_ports: self.ports.clone() },
            fake_node(),
        );
        options.lease = Duration::from_millis(1_500);
        options.resync = Duration::from_millis(300);
        let service = Service::start(options).await.expect("started");
        let url = format!("http://{}", service.address());
        let key = std::fs::read_to_string(self.dir.path().join("admin-key")).expect("the admin key");
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            service
                .serve(async move {
                    let _ = stopped.await;
                })
                .await
                .expect("served");
        });
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Server { url, key: key.trim().to_owned(), http, stop: Some(stop), task, place: PhantomData }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What a test left running, found by the folder in its command line; again until nothing is found, for a control
        // plane that is on its way out may just have started one.
        let ours = format!("{}/clusters/", self.dir.path().display());
        let mut quiet = 0;
        for _ in 0..50 {
            quiet = if kill_all(&ours) { 0 } else { quiet + 1 };
            if quiet == 3 {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = std::io::stderr().flush();
    }
}

/// Kills the processes whose command line names `folder`; whether there were any.
fn kill_all(folder: &str) -> bool {
    let mut found = false;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(folder) {
            found = true;
            let _ = Command::new("kill").arg("-9").arg(pid).status();
        }
    }
    found
}

/// A control plane that serves. Its place outlives it, for that ends the processes which it started.
pub(crate) struct Server<'p> {
    pub url: String,
    pub key: String,
    pub http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    place: PhantomData<&'p Place>,
}

impl Server<'_> {
    /// Ends it as SIGTERM would.
    pub(crate) async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        self.task.await.expect("stopped");
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.request(Method::GET, path).send().await.expect("answered")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        read(self.request(Method::POST, path).json(body).send().await.expect("answered")).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str) -> (StatusCode, Value) {
        read(self.request(method, path).send().await.expect("answered")).await
    }

    /// A key of that role.
    pub(crate) async fn key_of(&self, role: &str, project: Option<&str>) -> String {
        let (status, created) =
            self.post("/v1/api-keys", &json!({"name": role, "role": role, "project": project})).await;
        assert_eq!(status, 201, "{created}");
        created["key"].as_str().expect("a key").to_owned()
    }

    /// Asks until the answer is right.
    pub(crate) async fn until(&self, path: &str, right: impl Fn(StatusCode, &Value) -> bool) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (status, body) = self.get(path).await;
            if right(status, &body) {
                return body;
            }
            assert!(tokio::time::Instant::now() < deadline, "{path} still answers {status} {body}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until an operation has ended.
    pub(crate) async fn ended(&self, operation: &Value) -> Value {
        let id = operation["id"].as_str().expect("an operation");
        self.until(&format!("/v1/operations/{id}"), |_, found| !found["finished_at"].is_null()).await
    }

    /// Makes a cluster and waits until it runs.
    pub(crate) async fn running_cluster(&self, name: &str) -> Value {
        let (status, operation) = self.post("/v1/clusters", &json!({"name": name})).await;
        assert_eq!(status, 202, "{operation}");
        let ended = self.ended(&operation).await;
        assert_eq!(ended["state"], "succeeded", "{ended}");
        self.get(&format!("/v1/clusters/{name}")).await.1
    }
}

pub(crate) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}
