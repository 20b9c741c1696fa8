//! Makes the database at the first start, finds it again at every later one, and keeps it running.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, PgConnection};

use super::binaries::Binaries;
use super::owner::{self, Owner};
use super::pid_file;
use super::process::Process;
use crate::clock;
use crate::data_dir::{DataDir, read_line};
use crate::failure::{Failure, Kind};

/// The role and the database.
const NAME: &str = "headrace";
/// From the start of the process until it takes connections, recovery after a crash included.
const START_DEADLINE: Duration = Duration::from_secs(120);
const CONNECT_EVERY: Duration = Duration::from_millis(50);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Starts that failed for a reason that passes: a port taken in between, backends of a killed postmaster still there.
const START_ATTEMPTS_MAX: u32 = 20;
const ATTEMPT_WAIT: Duration = Duration::from_millis(500);
/// A log beyond this is put aside at the next start.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;
const LOG_TAIL_BYTES: u64 = 2_000;

/// Small in memory, durable all the same: `fsync`, `full_page_writes` and `synchronous_commit` keep their defaults (on).
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=60",
    "shared_buffers=24MB",
    "work_mem=2MB",
    "maintenance_work_mem=16MB",
    "wal_buffers=1MB",
    "min_wal_size=32MB",
    "max_wal_size=128MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_worker_processes=2",
    "max_parallel_workers=0",
    "max_parallel_workers_per_gather=0",
    "autovacuum_max_workers=1",
    "jit=off",
    "huge_pages=off",
    "log_checkpoints=off",
    "timezone=UTC",
];

/// A running PostgreSQL that is ours.
#[derive(Debug)]
pub(crate) struct Server {
    files: Files,
    binaries: Binaries,
    owner: Option<Owner>,
    password: String,
    port: u16,
    process: Process,
}

/// Where its things are.
#[derive(Debug, Clone)]
struct Files {
    folder: PathBuf,
    data: PathBuf,
    log: PathBuf,
}

impl Files {
    fn new(dir: &DataDir) -> Self {
        let folder = dir.postgres();
        Self { data: folder.join("data"), log: dir.logs().join("postgres.log"), folder }
    }
}

impl Server {
    /// Makes it if it is not there, adopts it if it runs, starts it otherwise.
    pub(crate) async fn start(dir: &DataDir) -> Result<Self, Failure> {
        let files = Files::new(dir);
        let owner = Owner::choose(&files.folder)?;
        if let Some(owner) = owner {
            owner.check_reach(&files.folder)?;
        }
        let binaries = Binaries::find(data_major(&files.data)?)?;
        owner::make_private(&files.folder, owner)?;
        let password = password(&files.folder.join("password"), owner)?;
        if let Some(found) = pid_file::running(&files.data) {
            let process = Process::Adopted(found.pid);
            let mut server = Self { files, binaries, owner, password, port: found.port, process };
            if server.wait_until_ready().await.is_ok() {
                return Ok(server);
            }
            // It is ours but does not answer: have it end, and start it as usual.
            server.process.stop().await?;
            server.spawn(None).await?;
            return Ok(server);
        }
        if !files.data.exists() {
            init(&files, &binaries, owner).await?;
        }
        // The process takes the place of this one before anything looks at it.
        let mut server = Self { files, binaries, owner, password, port: 0, process: Process::Adopted(0) };
        server.spawn(None).await?;
        Ok(server)
    }

    /// What the control plane connects to.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{NAME}:{}@127.0.0.1:{}/{NAME}?sslmode=disable", self.password, self.port)
    }

    /// Resolves when it has ended.
    pub(crate) async fn ended(&mut self) {
        self.process.ended().await;
    }

    /// Starts it again after it ended, on the port that its clients know.
    pub(crate) async fn restart(&mut self) -> Result<(), Failure> {
        self.spawn(Some(self.port)).await
    }

    /// Fast shutdown.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        self.process.stop().await
    }

    async fn spawn(&mut self, port: Option<u16>) -> Result<(), Failure> {
        let mut attempt = 1;
        loop {
            let failure = match self.spawn_once(port).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let passes = failure
                .details
                .iter()
                .any(|line| line.contains("Address already in use") || line.contains("shared memory block"));
            if !passes || attempt >= START_ATTEMPTS_MAX {
                return Err(failure);
            }
            attempt += 1;
            tokio::time::sleep(ATTEMPT_WAIT).await;
        }
    }

    async fn spawn_once(&mut self, port: Option<u16>) -> Result<(), Failure> {
        self.port = match port {
            Some(port) => port,
            None => {
                free_port().map_err(|error| Failure::doing("finding a free port for PostgreSQL", error))?
            }
        };
        let (log, log_start) = open_log(&self.files.log)?;
        let errors = log.try_clone().map_err(|error| Failure::doing("opening PostgreSQL's log", error))?;
        let mut command = std::process::Command::new(self.binaries.program("postgres"));
        command.arg("-D").arg(&self.files.data).args(["-p", &self.port.to_string()]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        owner::run_as(&mut command, self.owner, &self.files.folder);
        command.stdout(log).stderr(errors);
        let child = tokio::process::Command::from(command)
            .spawn()
            .map_err(|error| Failure::doing("starting PostgreSQL", error))?;
        self.process = Process::Child(child);
        match self.wait_until_ready().await {
            Ok(()) => Ok(()),
            Err(failure) => {
                self.process.stop().await?;
                Err(with_log_tail(failure, &self.files.log, log_start))
            }
        }
    }

    /// Until it takes connections and has our database in it.
    async fn wait_until_ready(&mut self) -> Result<(), Failure> {
        let began = clock::now();
        loop {
            let why = match tokio::time::timeout(CONNECT_DEADLINE, self.ensure_database()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            if self.process.has_ended() {
                return Err(Failure::failed("PostgreSQL ended right after its start"));
            }
            if began.elapsed() > START_DEADLINE {
                return Err(Failure::new(Kind::TimedOut, format!("PostgreSQL takes no connections: {why}")));
            }
            tokio::time::sleep(CONNECT_EVERY).await;
        }
    }

    async fn ensure_database(&self) -> Result<(), sqlx::Error> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(NAME)
            .password(&self.password)
            .database("postgres")
            .ssl_mode(PgSslMode::Disable);
        let mut connection = PgConnection::connect_with(&options).await?;
        let there = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1")
            .bind(NAME)
            .fetch_optional(&mut connection)
            .await?;
        if there.is_none() {
            sqlx::query("CREATE DATABASE headrace").execute(&mut connection).await?;
        }
        connection.close().await
    }
}

/// Stops the database that an earlier service left running, if one did.
pub(crate) async fn stop_left_behind(dir: &DataDir) -> Result<bool, Failure> {
    match pid_file::running(&Files::new(dir).data) {
        None => Ok(false),
        Some(found) => Process::Adopted(found.pid).stop().await.map(|()| true),
    }
}

/// Makes the database in a folder beside its place and moves it there: a start that was cut off leaves nothing half made.
async fn init(files: &Files, binaries: &Binaries, owner: Option<Owner>) -> Result<(), Failure> {
    let unfinished = files.folder.join("data.new");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished)
            .map_err(|error| Failure::doing(format!("removing {}", unfinished.display()), error))?;
    }
    let mut command = std::process::Command::new(binaries.program("initdb"));
    command
        .arg("-D")
        .arg(&unfinished)
        .args(["-U", NAME, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"])
        .arg(format!("--pwfile={}", files.folder.join("password").display()));
    owner::run_as(&mut command, owner, &files.folder);
    let output = tokio::process::Command::from(command)
        .output()
        .await
        .map_err(|error| Failure::doing("making the database with initdb", error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut failure =
            Failure::failed(format!("making the database with initdb failed ({})", output.status));
        failure.details = said.lines().map(str::to_owned).collect();
        return Err(failure);
    }
    std::fs::rename(&unfinished, &files.data).map_err(|error| {
        Failure::doing(format!("moving the new database to {}", files.data.display()), error)
    })
}

/// The major version that made the data; `None` when there is none.
fn data_major(data: &Path) -> Result<Option<u32>, Failure> {
    let file = data.join("PG_VERSION");
    let line =
        read_line(&file).map_err(|error| Failure::doing(format!("reading {}", file.display()), error))?;
    match line.map(|line| line.parse()) {
        None => Ok(None),
        Some(Ok(major)) => Ok(Some(major)),
        Some(Err(_)) => {
            Err(Failure::failed(format!("{} does not say a version of PostgreSQL", file.display())))
        }
    }
}

/// The password in its file, made at the first start.
fn password(file: &Path, owner: Option<Owner>) -> Result<String, Failure> {
    let doing = |error: std::io::Error| {
        Failure::doing(format!("keeping the database's password in {}", file.display()), error)
    };
    if let Some(password) = read_line(file).map_err(doing)? {
        return Ok(password);
    }
    // Twice 122 random bits; it is put into a URL, so it must need no escaping.
    let password = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(file)?;
        writeln!(file, "{password}")?;
        file.sync_all()
    };
    write().map_err(doing)?;
    owner::give(file, owner)?;
    Ok(password)
}

/// A port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr().map(|address| address.port())
}

/// The log, and where what is written from now on begins.
fn open_log(path: &Path) -> Result<(std::fs::File, u64), Failure> {
    let doing = |error| Failure::doing(format!("opening {}", path.display()), error);
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
        std::fs::rename(path, path.with_extension("log.old")).map_err(doing)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(doing)?;
    let length = file.metadata().map_err(doing)?.len();
    Ok((file, length))
}

/// Adds what PostgreSQL said since `start`.
fn with_log_tail(mut failure: Failure, path: &Path, start: u64) -> Failure {
    let mut text = Vec::new();
    if let Ok(mut file) = std::fs::File::open(path) {
        let end = file.seek(SeekFrom::End(0)).unwrap_or(start);
        let from = start.max(end.saturating_sub(LOG_TAIL_BYTES));
        if file.seek(SeekFrom::Start(from)).is_ok() {
            let _ = file.take(LOG_TAIL_BYTES).read_to_end(&mut text);
        }
    }
    failure.details.extend(String::from_utf8_lossy(&text).lines().map(str::to_owned));
    failure.hint(format!("PostgreSQL's log is {}", path.display()))
}
