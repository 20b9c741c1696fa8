#![no_main]

#[allow(dead_code, reason = "each target uses one entry point")]
#[path = "../entry_points.rs"]
mod entry_points;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry_points::versioned(data));
