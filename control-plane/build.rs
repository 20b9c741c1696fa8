//! Makes sure that there is a dashboard to put into the binary: the built one, or a page that says how to build it.

use std::path::Path;

const PLACEHOLDER: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Headrace</title></head>\n\
    <body><h1>Headrace</h1><p>This binary was built without the dashboard. Run <code>make build</code>.</p>\n\
    <p>The API is here all the same: <a href=\"/docs\">/docs</a>.</p></body></html>\n";

fn main() -> std::io::Result<()> {
    let dist = Path::new("../dashboard/dist");
    if !dist.join("index.html").exists() {
        std::fs::create_dir_all(dist)?;
        std::fs::write(dist.join("index.html"), PLACEHOLDER)?;
    }
    println!("cargo::rerun-if-changed=../dashboard/dist");
    println!("cargo::rerun-if-changed=../migrations");
    Ok(())
}
