//! The embedded database: the system's PostgreSQL as a private instance below the data directory.
//!
//! It listens on 127.0.0.1 alone, on a port of its own choice, behind a random password that lies in a file of mode
//! 0600. A TCP port rather than a socket file, because a socket's path may not be longer than 107 bytes and a data
//! directory may lie deep. Memory is kept small; durability is not touched.

mod binaries;
mod owner;
mod pid_file;
mod process;
mod server;

pub(crate) use server::{Server, stop_left_behind};
