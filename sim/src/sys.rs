//! Randomness of the whole process from one seed: the C library's `getrandom` is replaced, so that hash maps, tokio and every crate
//! that asks the system for random bytes get the same ones in each run.
#![expect(unsafe_code, reason = "the symbol of the C library is defined here")]

use std::sync::atomic::{AtomicU64, Ordering};

static STATE: AtomicU64 = AtomicU64::new(0);

/// From here on the bytes follow from this seed.
pub(crate) fn seed(seed: u64) {
    STATE.store(seed, Ordering::Relaxed);
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
fn next() -> u64 {
    const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut z = STATE.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `getrandom(2)` with a source of our own.
///
/// # Safety
/// As the system's: `buffer` has room for `length` bytes.
// SAFETY: the name and the signature are those of the C library, whose place it takes in this program.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    if length == 0 || buffer.is_null() {
        return 0;
    }
    // SAFETY: the caller says that there is room for `length` bytes.
    let out = unsafe { std::slice::from_raw_parts_mut(buffer, length) };
    for chunk in out.chunks_mut(8) {
        chunk.copy_from_slice(&next().to_le_bytes()[..chunk.len()]);
    }
    isize::try_from(length).unwrap_or(isize::MAX)
}
