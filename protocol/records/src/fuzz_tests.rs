//! Seeded mutation of good batches: whatever arrives, the answer is a value or an error, never a panic, and no
//! more memory than the limits allow.

use bytes::Bytes;

use crate::{Batch, BatchBuilder, BatchRef, Compression, Header, batches, crc32c, layout, stamp};

const ROUNDS_PER_CODEC: u64 = 1_500;
const LIMIT_BYTES: usize = 1 << 20;

/// SplitMix64: small, seeded, good enough to choose bytes.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

fn sample(codec: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec).base_offset(10).producer(3, 0, 4);
    for index in 0..20i64 {
        let headers = [Header { key: b"trace", value: Some(b"abc") }, Header { key: b"x", value: None }];
        builder.append(1_000 + index, Some(b"key"), Some(&[index as u8; 50]), &headers).unwrap();
    }
    builder.build().unwrap().to_vec()
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len());
        match rng.below(5) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next() as u8,
            2 => bytes[at] = 0xff,
            3 => bytes.truncate(at.max(1)),
            _ => bytes.insert(at, rng.next() as u8),
        }
    }
}

/// Makes length and checksum right again, so that the damage reaches the record parser and the decompressors.
fn repair(bytes: &mut [u8]) {
    if bytes.len() < layout::HEADER_BYTES {
        return;
    }
    let length = (bytes.len() - layout::LOG_OVERHEAD_BYTES) as i32;
    bytes[layout::LENGTH..layout::LEADER_EPOCH].copy_from_slice(&length.to_be_bytes());
    bytes[layout::MAGIC] = layout::MAGIC_V2 as u8;
    let crc = crc32c(&bytes[layout::ATTRIBUTES..]);
    bytes[layout::CRC..layout::ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
}

fn exercise(bytes: Vec<u8>) {
    let mut copy = bytes.clone();
    let _ = stamp::set_max_timestamp(&mut copy, crate::TimestampType::LogAppendTime, 1);
    for batch in batches(Bytes::from(bytes)).flatten() {
        let _ = batch.verify_crc();
        let _ = batch.validate_header();
        let summary = batch.summarize_records();
        let Ok(records) = batch.records_within(LIMIT_BYTES) else { continue };
        let mut good = 0;
        for record in &records {
            let Ok(record) = record else { break };
            assert!(record.headers.iter().count() == record.headers.len());
            good += 1;
        }
        if summary.is_ok() {
            assert_eq!(good, batch.record_count().max(0), "what the check accepts can be read");
        }
    }
}

#[test]
fn mutated_batches_never_panic() {
    for codec in Compression::ALL {
        let good = sample(codec);
        for seed in 0..ROUNDS_PER_CODEC {
            let mut rng = Rng(seed.wrapping_mul(5).wrapping_add(u64::from(codec.code())));
            let mut bytes = good.clone();
            mutate(&mut rng, &mut bytes);
            if seed % 2 == 0 {
                repair(&mut bytes);
            }
            exercise(bytes);
        }
    }
}

#[test]
fn any_flipped_bit_under_the_checksum_is_noticed() {
    let good = sample(Compression::Lz4);
    for bit in layout::CRC * 8..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(BatchRef::parse(&bytes).unwrap().verify_crc().is_err(), "bit {bit}");
    }
}

#[test]
fn a_count_that_lies_is_refused_without_memory() {
    for codec in Compression::ALL {
        let mut bytes = sample(codec);
        bytes[layout::RECORD_COUNT..layout::HEADER_BYTES].copy_from_slice(&i32::MAX.to_be_bytes());
        bytes[layout::LAST_OFFSET_DELTA..layout::BASE_TIMESTAMP]
            .copy_from_slice(&(i32::MAX - 1).to_be_bytes());
        repair(&mut bytes);
        let batch = Batch::first(&Bytes::from(bytes)).unwrap();
        batch.verify_crc().unwrap();
        assert!(batch.summarize_records().is_err(), "{codec}");
    }
}

#[test]
fn bombs_are_stopped_at_the_limit() {
    let mut builder = BatchBuilder::new(Compression::Zstd);
    builder.append(0, None, Some(&vec![0; 8 << 20]), &[]).unwrap();
    let batch = Batch::first(&builder.build().unwrap()).unwrap();
    assert!(batch.size_bytes() < 4_096);
    assert_eq!(
        batch.records_within(LIMIT_BYTES).unwrap_err(),
        crate::Error::TooLarge { limit_bytes: LIMIT_BYTES }
    );
    assert_eq!(batch.summarize_records().unwrap().first_without_key, Some(0));
}
