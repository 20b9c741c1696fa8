//! The running service: what was started, what to do when a part of it ends, and how all of it stops.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use headrace_control_plane as control_plane;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::output::say;
use crate::postgres;
use crate::runtime::Signals;

/// Open requests, then the work at hand.
const CONTROL_PLANE_DEADLINE: Duration = Duration::from_secs(20);
/// Brokers hand over, flush and close their logs.
const BROKERS_GRACE: Duration = Duration::from_secs(30);
/// After a second Ctrl-C.
const HURRIED_GRACE: Duration = Duration::from_secs(1);
/// A database that keeps ending is not going to stay.
const RESTARTS_MAX: u32 = 10;
const RESTART_WAIT: Duration = Duration::from_secs(1);

/// Where and on what the service runs.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) kafka_ports: RangeInclusive<u16>,
    /// A database from elsewhere instead of our own.
    pub(crate) database_url: Option<String>,
}

/// The parts that run.
#[derive(Debug, Default)]
pub(crate) struct Running {
    postgres: Option<postgres::Server>,
    service: Option<Service>,
    restarts: u32,
}

#[derive(Debug)]
struct Service {
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<Result<(), control_plane::Error>>,
}

impl Running {
    /// Starts the database and the control plane; gives the address of the API. What was started when this fails is
    /// there to be stopped.
    pub(crate) async fn start(&mut self, dir: &DataDir, settings: &Settings) -> Result<SocketAddr, Failure> {
        let database_url = match &settings.database_url {
            Some(url) => url.clone(),
            None => {
                say("starting PostgreSQL");
                self.postgres.insert(postgres::Server::start(dir).await?).url()
            }
        };
        say("starting the control plane");
        let binary =
            std::env::current_exe().map_err(|error| Failure::doing("finding this program's file", error))?;
        let options = control_plane::Options::new(
            database_url,
            settings.listen,
            dir.path().to_owned(),
            control_plane::ProviderOptions::Local { kafka_ports: settings.kafka_ports.clone() },
            binary,
        );
        let started = control_plane::Service::start(options).await;
        let service = started.map_err(|error| super::control_plane_failure(&error))?;
        let address = service.address();
        let (shutdown, ended) = oneshot::channel::<()>();
        let task = tokio::spawn(service.serve(async move {
            // A sender that was dropped means the same as one that sent.
            let _ = ended.await;
        }));
        self.service = Some(Service { shutdown, task });
        Ok(address)
    }

    /// Runs until a part of it can't go on; gives why. A database that ended is started again. Dropping the future
    /// loses nothing.
    pub(crate) async fn watch(&mut self) -> Failure {
        loop {
            tokio::select! {
                failure = service_ended(&mut self.service) => return failure,
                () = postgres_ended(&mut self.postgres) => {}
            }
            self.restarts += 1;
            say(&format!("PostgreSQL ended; starting it again ({}/{RESTARTS_MAX})", self.restarts));
            tokio::time::sleep(RESTART_WAIT).await;
            if let Some(postgres) = &mut self.postgres
                && let Err(failure) = postgres.restart().await
                && self.restarts >= RESTARTS_MAX
            {
                return failure;
            }
        }
    }

    /// Stops everything, the control plane first so that it does not start brokers again. A signal hurries.
    pub(crate) async fn stop(mut self, dir: &DataDir, signals: &mut Signals) -> Result<(), Failure> {
        if self.service.is_none() && self.postgres.is_none() {
            return Ok(());
        }
        say("stopping");
        if let Some(Service { shutdown, mut task }) = self.service.take() {
            let _ = shutdown.send(());
            tokio::select! {
                ended = tokio::time::timeout(CONTROL_PLANE_DEADLINE, &mut task) => match ended {
                    Ok(_) => say("control plane stopped"),
                    Err(_) => {
                        task.abort();
                        say("control plane cut off: it did not stop in time");
                    }
                },
                () = signals.next() => {
                    task.abort();
                    say("control plane cut off");
                }
            }
            stop_brokers(dir, signals).await?;
        }
        if let Some(postgres) = self.postgres.take() {
            postgres.stop().await?;
            say("PostgreSQL stopped");
        }
        Ok(())
    }
}

async fn stop_brokers(dir: &DataDir, signals: &mut Signals) -> Result<(), Failure> {
    let stopped = tokio::select! {
        stopped = control_plane::local::stop_all(dir.path(), BROKERS_GRACE) => stopped,
        () = signals.next() => {
            say("hurrying");
            control_plane::local::stop_all(dir.path(), HURRIED_GRACE).await
        }
    };
    let count = stopped.map_err(|error| Failure::doing("stopping brokers and agents", error))?;
    say(&format!("brokers and agents stopped ({count} processes)"));
    Ok(())
}

/// Stops what a service that was killed left running: brokers, agents, the database. Gives how many processes.
pub(crate) async fn stop_left_behind(dir: &DataDir) -> Result<usize, Failure> {
    let brokers = control_plane::local::stop_all(dir.path(), BROKERS_GRACE)
        .await
        .map_err(|error| Failure::doing("stopping brokers and agents", error))?;
    let postgres = postgres::stop_left_behind(dir).await?;
    Ok(brokers + usize::from(postgres))
}

async fn service_ended(service: &mut Option<Service>) -> Failure {
    let Some(service) = service else { return std::future::pending().await };
    match (&mut service.task).await {
        Ok(Ok(())) => Failure::failed("the control plane ended by itself"),
        Ok(Err(error)) => super::control_plane_failure(&error),
        Err(error) => Failure::doing("running the control plane", error),
    }
}

async fn postgres_ended(postgres: &mut Option<postgres::Server>) {
    match postgres {
        Some(postgres) => postgres.ended().await,
        None => std::future::pending().await,
    }
}
