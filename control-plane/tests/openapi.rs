//! The committed OpenAPI document is the one that the code makes. `HEADRACE_UPDATE=1` writes it.

use std::path::Path;

#[test]
fn the_committed_openapi_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi/openapi.json");
    let document = headrace_control_plane::openapi_document();
    let mut fresh = document.to_pretty_json().expect("the document is JSON");
    fresh.push('\n');
    if std::env::var_os("HEADRACE_UPDATE").is_some() {
        std::fs::write(&path, fresh).expect("openapi.json can be written");
        return;
    }
    let committed = std::fs::read_to_string(&path).expect("openapi/openapi.json is there");
    assert!(
        committed == fresh,
        "openapi/openapi.json is stale: run `HEADRACE_UPDATE=1 cargo test -p headrace-control-plane --test openapi`"
    );
}
