//! Goes through the batches of a segment file, reading ahead in chunks.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use headrace_records::{Batch, Error as RecordsError, layout};

use crate::{
    disk::{File, read_exact_at},
    error::{Doing, ReadError},
};

/// How much a scan of a whole segment reads at once, in bytes.
pub(crate) const SCAN_CHUNK_BYTES: usize = 1024 * 1024;
/// How much a scan that looks for one batch reads at once, in bytes.
pub(crate) const SEEK_CHUNK_BYTES: usize = 16 * 1024;

/// See the module.
pub(crate) struct Scanner<'a> {
    file: Arc<dyn File>,
    path: &'a Path,
    position: u64,
    end: u64,
    chunk_bytes: usize,
    chunk: Bytes,
}

impl<'a> Scanner<'a> {
    /// Batches from `position`, where one starts, up to `end`.
    pub(crate) fn new(
        file: Arc<dyn File>,
        path: &'a Path,
        position: u64,
        end: u64,
        chunk_bytes: usize,
    ) -> Self {
        Self { file, path, position, end, chunk_bytes, chunk: Bytes::new() }
    }

    /// The next batch and where it starts. After damage nothing follows: `ReadError::Corrupt` with
    /// [`RecordsError::Torn`] if the file ends inside a batch. The checksum is not looked at.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Batch)>, ReadError> {
        if self.position >= self.end {
            return Ok(None);
        }
        let left = self.end - self.position;
        if self.chunk.len() < layout::HEADER_BYTES {
            self.fill(self.chunk_bytes as u64)?;
        }
        let batch = match Batch::first(&self.chunk) {
            Err(RecordsError::Torn { needed_bytes, .. }) if needed_bytes as u64 <= left => {
                self.fill((needed_bytes as u64).max(self.chunk_bytes as u64))?;
                Batch::first(&self.chunk)
            }
            other => other,
        };
        let batch = batch.map_err(|source| ReadError::Corrupt {
            path: self.path.to_owned(),
            position: self.position,
            source,
        })?;
        let position = self.position;
        self.position += batch.size_bytes() as u64;
        self.chunk = self.chunk.slice(batch.size_bytes()..);
        Ok(Some((position, batch)))
    }

    fn fill(&mut self, bytes: u64) -> Result<(), ReadError> {
        // Bounded by what is in the file.
        let mut buffer = vec![0; bytes.min(self.end - self.position) as usize];
        read_exact_at(&*self.file, &mut buffer, self.position).doing("reading", self.path)?;
        self.chunk = Bytes::from(buffer);
        Ok(())
    }
}
