//! A bounded, seeded run of the fuzz targets: valid messages, mutated. No input may panic, or make decoding allocate
//! more than its bytes justify.

use std::cell::Cell;

use headrace_protocol::codec::arbitrary;
use headrace_protocol::{ApiKey, Message, RequestHeader, ResponseHeader, Str, Writer, for_each_api};

#[path = "../fuzz/entry_points.rs"]
mod entry_points;

/// Mutated inputs per message and version.
const MUTATIONS: u64 = 150;
/// Bytes a decoder may hold at once for each byte of input. The widest structs take some 30 bytes of memory for each
/// byte on the wire; a vector doubles as it grows, and the target holds input, message, copy and encoded form.
const HELD_PER_BYTE: usize = 80;
/// Bytes it may hold besides.
const HELD_BESIDES: usize = 4 * 1024;

/// Counts what this thread holds.
mod counting {
    #![expect(
        unsafe_code,
        reason = "a counting allocator can only be written so; it forwards to the system's"
    )]
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;

    thread_local! {
        pub(super) static HELD: Cell<isize> = const { Cell::new(0) };
        pub(super) static PEAK: Cell<isize> = const { Cell::new(0) };
    }

    struct Counting;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    fn count(bytes: isize) {
        let held = HELD.get() + bytes;
        HELD.set(held);
        PEAK.set(PEAK.get().max(held));
    }

    // SAFETY: every call is passed on to the system's allocator unchanged.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            count(layout.size() as isize);
            // SAFETY: the caller's promises are passed on.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
            count(-(layout.size() as isize));
            // SAFETY: the caller's promises are passed on.
            unsafe { System.dealloc(at, layout) }
        }
    }
}

/// The most that `run` held at once.
fn peak_of(run: impl FnOnce()) -> usize {
    let before = counting::HELD.get();
    counting::PEAK.set(before);
    run();
    usize::try_from(counting::PEAK.get() - before).unwrap_or(0)
}

/// SplitMix64.
struct Random(Cell<u64>);

impl Random {
    fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let z = self.0.get();
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ (z >> 29)
    }

    fn below(&self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// One to three small damages: to lengths above all.
fn mutate(input: &mut Vec<u8>, random: &Random) {
    const TELLING: [u8; 7] = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff];
    for _ in 0..=random.below(3) {
        let at = random.below(input.len());
        match random.below(6) {
            0 => input.truncate(at),
            1 => input.insert(at, random.next() as u8),
            2 if !input.is_empty() => input[at] = TELLING[random.below(TELLING.len())],
            3 if !input.is_empty() => input[at] ^= 1 << random.below(8),
            4 => {
                let end = (at + 4).min(input.len());
                input[at..end].fill(TELLING[random.below(TELLING.len())]);
            }
            _ => {
                let part = input[at..(at + 8).min(input.len())].to_vec();
                input.splice(at..at, part);
            }
        }
    }
}

fn run(entry: fn(&[u8]), valid: &[u8], seed: u64) {
    let random = Random(Cell::new(seed));
    for round in 0..MUTATIONS {
        let mut input = valid.to_vec();
        if round > 0 {
            mutate(&mut input, &random);
        }
        let peak = peak_of(|| entry(&input));
        let allowed = input.len() * HELD_PER_BYTE + HELD_BESIDES;
        assert!(peak <= allowed, "{} bytes of input held {peak} bytes: {input:02x?}", input.len());
    }
}

fn messages<Req: Message, Resp: Message>(key: ApiKey) {
    for version in Req::VERSIONS {
        let seed = u64::from(key as u16) << 16 | u64::from(version as u16);
        let header = RequestHeader {
            api_key: key as i16,
            api_version: version,
            correlation_id: 7,
            client_id: Some(Str::from_static("fuzz")),
        };
        let mut w = Writer::new();
        header.encode(&mut w).unwrap();
        arbitrary::<Req>(seed, version).encode(&mut w, version).unwrap();
        let valid = w.into_bytes();
        run(entry_points::request, &valid, seed);
        run(entry_points::header, &valid, !seed);

        let mut w = Writer::new();
        w.i16(key as i16);
        w.i16(version);
        ResponseHeader { correlation_id: 7 }.encode(&mut w, key, version);
        arbitrary::<Resp>(seed, version).encode(&mut w, version).unwrap();
        run(entry_points::response, &w.into_bytes(), seed);
    }
}

macro_rules! all_messages {
    ($($key:literal $name:ident $module:ident $request:ident $response:ident;)*) => {
        #[test]
        fn mutated_requests_and_responses_are_read_within_bounds() {
            use headrace_protocol::messages;
            $(messages::<messages::$module::$request, messages::$module::$response>(ApiKey::$name);)*
        }
    };
}

for_each_api!(all_messages);

#[test]
fn mutated_data_of_groups_is_read_within_bounds() {
    use headrace_protocol::messages::consumer_protocol::*;
    use headrace_protocol::messages::internal::consumer_offsets::*;
    fn data<M: Message>() {
        for version in M::VERSIONS {
            for seed in 0..20 {
                let bytes =
                    headrace_protocol::versioned::encode(&arbitrary::<M>(seed, version), version).unwrap();
                run(entry_points::versioned, &bytes, seed);
            }
        }
    }
    data::<ConsumerProtocolSubscription>();
    data::<ConsumerProtocolAssignment>();
    data::<OffsetCommitKey>();
    data::<OffsetCommitValue>();
    data::<GroupMetadataKey>();
    data::<GroupMetadataValue>();
}

/// Seven bytes that made another implementation ask for gigabytes and abort.
#[test]
fn a_few_bytes_that_announce_a_huge_array_are_refused_cheaply() {
    for (key, version, body) in [
        (ApiKey::Metadata, 1, &[0x7f, 0xff, 0xff, 0xff][..]),
        (ApiKey::Metadata, 9, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        (ApiKey::Produce, 9, &[0, 0, 0, 0, 0, 0, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]),
    ] {
        let mut input = vec![0, key as u8, 0, version, 0, 0, 0, 1, 0xff, 0xff];
        input.extend_from_slice(if version >= 9 { &[0] } else { &[] });
        input.extend_from_slice(body);
        assert!(peak_of(|| entry_points::request(&input)) < 1024, "{key} version {version}");
    }
}
