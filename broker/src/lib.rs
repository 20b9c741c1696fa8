//! The broker: listeners, request handlers, partitions, coordinators.
//!
//! `net → handlers → coordinator → replica/metadata → log → state → protocol`: an arrow may import what is right of it, never back.
//! [`run`] is the whole interface; clients speak Kafka's protocol with what it starts.

mod admin;
mod background;
mod broker;
pub mod clock;
pub mod config;
mod controller;
mod coordinator;
mod handlers;
mod identity;
mod life;
mod metrics;
mod net;
mod open;
mod peers;
mod producer_ids;
mod registration;
mod replica;
mod server;
pub mod simulation;

pub use config::{ConfigError as OptionsError, Options};
pub use server::{Error, run};
