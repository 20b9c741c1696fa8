//! A broker by itself, for trying it: `cargo run -p headrace-broker --example broker -- FILE key=value…`.

use std::path::PathBuf;

use headrace_broker::Options;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().filter(|file| file != "-").map(PathBuf::from);
    let overrides: Vec<String> = arguments.collect();
    let options = Options::load(file.as_deref(), &overrides)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(headrace_broker::run(options, async {
        let _ = tokio::signal::ctrl_c().await;
    }))?;
    Ok(())
}
