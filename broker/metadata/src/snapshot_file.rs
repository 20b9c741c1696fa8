//! The snapshot on disk: one file, replaced as a whole.
//!
//! `magic, version, meta length, data length, crc32c, meta, data`, integers little-endian; the checksum covers both
//! lengths, meta and data. The data is the image as metadata records, the meta is openraft's.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

use crate::types::{Snapshot, SnapshotMeta};
use crate::wal::sync_dir;

const MAGIC: [u8; 4] = *b"HRMS";
const VERSION: u8 = 1;
/// Magic, version, two lengths, checksum.
const HEADER_BYTES: usize = 4 + 1 + 4 + 8 + 4;

fn path(dir: &Path) -> PathBuf {
    dir.join("snapshot")
}

fn checksum(lengths: &[u8], meta: &[u8], data: &[u8]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(lengths);
    digest.update(meta);
    digest.update(data);
    u32::try_from(digest.finalize()).unwrap_or(0)
}

/// Writes the snapshot beside the old one, makes it durable, and puts it in the old one's place. Blocks.
pub(crate) fn write(dir: &Path, meta: &SnapshotMeta, data: &Bytes) -> io::Result<()> {
    let meta = postcard::to_stdvec(meta).map_err(io::Error::other)?;
    let mut lengths = [0_u8; 12];
    lengths[..4].copy_from_slice(&u32::try_from(meta.len()).map_err(io::Error::other)?.to_le_bytes());
    lengths[4..].copy_from_slice(&(data.len() as u64).to_le_bytes());
    let temporary = dir.join("snapshot.new");
    write_temporary(&temporary, &lengths, &meta, data)
        // On a full disk the rest of it would be in the way of everything else.
        .inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    fs::rename(&temporary, path(dir))?;
    sync_dir(dir)
}

fn write_temporary(path: &Path, lengths: &[u8], meta: &[u8], data: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(&MAGIC)?;
    file.write_all(&[VERSION])?;
    file.write_all(lengths)?;
    file.write_all(&checksum(lengths, meta, data).to_le_bytes())?;
    file.write_all(meta)?;
    file.write_all(data)?;
    file.sync_all()
}

/// Reads the snapshot, if there is one. Blocks.
pub(crate) fn read(dir: &Path) -> io::Result<Option<Snapshot>> {
    let path = path(dir);
    let bytes = match fs::read(&path) {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    decode(&bytes).map(Some).map_err(|why| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the metadata snapshot {} {why}. Restore it from a backup, or let this node join anew with an empty directory", path.display()),
        )
    })
}

fn decode(bytes: &Bytes) -> Result<Snapshot, &'static str> {
    let header = bytes.get(..HEADER_BYTES).ok_or("is cut off")?;
    if header[..4] != MAGIC {
        return Err("is none: its first bytes are wrong");
    }
    if header[4] > VERSION {
        return Err("was written by a newer version: upgrade this broker");
    }
    let lengths = &header[5..17];
    let meta_len = u32::from_le_bytes([lengths[0], lengths[1], lengths[2], lengths[3]]) as usize;
    let meta = bytes.get(HEADER_BYTES..HEADER_BYTES.saturating_add(meta_len)).ok_or("is cut off")?;
    let data = bytes.slice(HEADER_BYTES + meta_len..);
    let crc = u32::from_le_bytes([header[17], header[18], header[19], header[20]]);
    if lengths[4..] != (data.len() as u64).to_le_bytes() || crc != checksum(lengths, meta, &data) {
        return Err("is damaged: its length or checksum is wrong");
    }
    let meta = postcard::from_bytes(meta).map_err(|_| "cannot be read: its description is not understood")?;
    Ok(Snapshot { meta, snapshot: data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_reads_back_and_damage_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap().is_none());
        let (meta, data) = (SnapshotMeta::default(), Bytes::from_static(b"records"));
        write(dir.path(), &meta, &data).unwrap();
        let found = read(dir.path()).unwrap().unwrap();
        assert_eq!((found.meta, found.snapshot), (meta, data));
        let bytes = fs::read(path(dir.path())).unwrap();
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x40;
            fs::write(path(dir.path()), &bad).unwrap();
            assert!(at == 4 || read(dir.path()).is_err(), "a change of byte {at} was not noticed");
        }
        fs::write(path(dir.path()), &bytes[..bytes.len() - 1]).unwrap();
        assert!(read(dir.path()).unwrap_err().to_string().contains("damaged"));
    }
}
