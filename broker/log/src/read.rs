//! Reading: recent batches come shared from the hot tail; older ones from the file, by a plan that is made under
//! the partition's lock and run without it.

use std::{io::ErrorKind, path::PathBuf, sync::Arc};

use bytes::{Bytes, BytesMut};
use headrace_records::{BatchRef, Error as RecordsError, Offset, layout};

use crate::{
    buffers::Buffer,
    disk::{File, Patience},
    error::{Doing, ReadError},
    index::{IndexView, OffsetEntry},
    log::Log,
    segment::Segment,
};

/// What a cold read takes beyond what was asked for, because the index is sparse, in bytes.
const INDEX_SLACK_BYTES: u64 = 8 * 1024;

/// Whole batches, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadResult {
    /// The bytes, in pieces that need not end where a batch ends.
    pub parts: Vec<Bytes>,
    pub size_bytes: usize,
    /// The offset after the last batch; the one asked for if there is none.
    pub next_offset: Offset,
}

impl ReadResult {
    pub(crate) fn empty(from: Offset) -> Self {
        Self { parts: Vec::new(), size_bytes: 0, next_offset: from }
    }

    pub fn is_empty(&self) -> bool {
        self.size_bytes == 0
    }

    /// All bytes in one piece; copies if there are several.
    pub fn into_bytes(mut self) -> Bytes {
        if self.parts.len() <= 1 {
            return self.parts.pop().unwrap_or_default();
        }
        let mut all = BytesMut::with_capacity(self.size_bytes);
        for part in &self.parts {
            all.extend_from_slice(part);
        }
        all.freeze()
    }
}

/// How a read will be done.
#[derive(Debug)]
pub enum ReadPlan {
    /// It came from memory and is done.
    Hot(ReadResult),
    /// It needs the disk: run it without the lock, off the reactor.
    Cold(ColdRead),
}

/// A segment as a reader needs it; stays valid when the segment is deleted meanwhile.
#[derive(Debug)]
struct SegmentView {
    base_offset: Offset,
    size_bytes: u64,
    path: PathBuf,
    file: Arc<dyn File>,
    index: IndexView<OffsetEntry>,
    patience: Patience,
}

/// See [`ReadPlan::Cold`].
#[derive(Debug)]
pub struct ColdRead {
    /// The segment that the offset belongs to and the one behind it, should there be nothing left in the first.
    segments: Vec<SegmentView>,
    from: Offset,
    max_bytes: usize,
    upper: Offset,
    min_one_batch: bool,
}

impl Log {
    /// Plans to read whole batches, starting with the one that contains `from_offset`, up to `max_bytes` (the
    /// first one in any case if `min_one_batch`), all ending below `upper_bound_offset`.
    pub fn plan_read(
        &self,
        from_offset: Offset,
        max_bytes: usize,
        upper_bound_offset: Offset,
        min_one_batch: bool,
    ) -> Result<ReadPlan, ReadError> {
        if from_offset < self.log_start || from_offset > self.log_end {
            return Err(ReadError::OffsetOutOfRange {
                offset: from_offset,
                log_start_offset: self.log_start,
                log_end_offset: self.log_end,
            });
        }
        let upper = upper_bound_offset.min(self.log_end);
        if from_offset >= upper || (max_bytes == 0 && !min_one_batch) {
            return Ok(ReadPlan::Hot(ReadResult::empty(from_offset)));
        }
        if let Some(result) = self.tail.read(from_offset, max_bytes, upper, min_one_batch) {
            return Ok(ReadPlan::Hot(result));
        }
        let first = self.segment_of(from_offset);
        let mut segments = Vec::with_capacity(2);
        for segment in self.segments[first..].iter().filter(|segment| segment.size_bytes > 0).take(2) {
            segments.push(self.view(segment)?);
        }
        Ok(ReadPlan::Cold(ColdRead { segments, from: from_offset, max_bytes, upper, min_one_batch }))
    }

    fn view(&self, segment: &Segment) -> Result<SegmentView, ReadError> {
        Ok(SegmentView {
            base_offset: segment.base_offset,
            size_bytes: segment.size_bytes,
            path: segment.path().to_owned(),
            file: segment.open_file(&*self.disk)?,
            index: segment.offset_view(&*self.disk)?,
            patience: Patience::Wait,
        })
    }

    /// [`Log::plan_read`] and the reading in one.
    pub fn read(
        &self,
        from_offset: Offset,
        max_bytes: usize,
        upper_bound_offset: Offset,
        min_one_batch: bool,
    ) -> Result<ReadResult, ReadError> {
        match self.plan_read(from_offset, max_bytes, upper_bound_offset, min_one_batch)? {
            ReadPlan::Hot(result) => Ok(result),
            ReadPlan::Cold(read) => read.run(),
        }
    }
}

impl ColdRead {
    /// Bytes that this may read at most, but for a first batch that is larger.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Reads what the operating system has in memory. `None` if some of it must come from the disk: then
    /// [`Self::run`] it, off the reactor.
    pub fn run_resident(&mut self) -> Option<Result<ReadResult, ReadError>> {
        self.set_patience(Patience::NoWait);
        let result = self.read();
        self.set_patience(Patience::Wait);
        match result {
            Err(ReadError::Disk(error)) if error.source.kind() == ErrorKind::WouldBlock => None,
            result => Some(result),
        }
    }

    fn set_patience(&mut self, patience: Patience) {
        for segment in &mut self.segments {
            segment.patience = patience;
            segment.index.patience = patience;
        }
    }

    /// Reads from disk.
    pub fn run(self) -> Result<ReadResult, ReadError> {
        self.read()
    }

    fn read(&self) -> Result<ReadResult, ReadError> {
        for segment in &self.segments {
            let found = segment.read(self.from, self.max_bytes, self.upper, self.min_one_batch)?;
            if let Some(result) = found {
                return Ok(result);
            }
        }
        Ok(ReadResult::empty(self.from))
    }
}

impl SegmentView {
    /// `None`: no batch of this segment ends at or after `from`.
    fn read(
        &self,
        from: Offset,
        max_bytes: usize,
        upper: Offset,
        min_one_batch: bool,
    ) -> Result<Option<ReadResult>, ReadError> {
        let relative = from - self.base_offset;
        let entry = self.index.at_or_before(relative).doing("reading the index of", &self.path)?;
        let mut position = entry.map_or(0, |entry| u64::from(entry.position));
        let want = (max_bytes as u64).saturating_add(INDEX_SLACK_BYTES);
        let mut chunk = self.fetch(position, want)?;
        let mut start = 0;
        // Find the batch that contains the offset.
        loop {
            let at = position + start as u64;
            if at >= self.size_bytes {
                return Ok(None);
            }
            let (size, last_offset) = match header(&chunk[start..]) {
                Some(header) => header.map_err(|source| self.corrupt(at, source))?,
                None => {
                    chunk = self.refetch(&mut position, &mut start, want.max(layout::HEADER_BYTES as u64))?;
                    continue;
                }
            };
            if last_offset >= from {
                break;
            }
            start = start.saturating_add(size);
            if start > chunk.len() {
                chunk = self.refetch(&mut position, &mut start, want)?;
            }
        }
        self.collect(chunk, position, start, from, max_bytes, upper, min_one_batch).map(Some)
    }

    /// Whole batches of `chunk` from `start` on, as many as may be given.
    #[expect(clippy::too_many_arguments, reason = "the second half of `read`, split off to fit a screen")]
    fn collect(
        &self,
        mut chunk: Bytes,
        mut position: u64,
        mut start: usize,
        from: Offset,
        max_bytes: usize,
        upper: Offset,
        min_one_batch: bool,
    ) -> Result<ReadResult, ReadError> {
        let mut result = ReadResult::empty(from);
        let mut end = start;
        while let Some(next) = header(&chunk[end..]) {
            let (size, last_offset) = next.map_err(|source| self.corrupt(position + end as u64, source))?;
            let first = end == start;
            let fits = end - start + size <= max_bytes || (first && min_one_batch);
            if last_offset >= upper || !fits {
                break;
            }
            if end + size > chunk.len() {
                // Only the first batch is worth a second read; the size is the file's word, and bounded by it.
                if !first || position + (end + size) as u64 > self.size_bytes {
                    break;
                }
                chunk = self.refetch(&mut position, &mut start, size as u64)?;
                end = start;
            }
            end += size;
            result.next_offset = last_offset + 1;
        }
        result.size_bytes = end - start;
        if end > start {
            result.parts.push(chunk.slice(start..end));
        }
        Ok(result)
    }

    /// Reads on from `position + start`, which becomes the new `position`.
    fn refetch(&self, position: &mut u64, start: &mut usize, bytes: u64) -> Result<Bytes, ReadError> {
        *position += *start as u64;
        *start = 0;
        self.fetch(*position, bytes)
    }

    fn fetch(&self, position: u64, bytes: u64) -> Result<Bytes, ReadError> {
        let left = self.size_bytes.saturating_sub(position);
        if left < layout::HEADER_BYTES as u64 && left > 0 {
            let (needed_bytes, available_bytes) = (layout::HEADER_BYTES, left as usize);
            return Err(
                self.corrupt(position, RecordsError::Torn { position: 0, needed_bytes, available_bytes })
            );
        }
        let mut buffer = Buffer::of(bytes.min(left) as usize);
        self.patience.read_exact_at(&*self.file, buffer.as_mut(), position).doing("reading", &self.path)?;
        Ok(buffer.freeze())
    }

    fn corrupt(&self, position: u64, source: RecordsError) -> ReadError {
        ReadError::Corrupt { path: self.path.clone(), position, source }
    }
}

/// The size and last offset of the batch whose header starts `bytes`; the batch itself may go on behind them.
/// `None`: not even the header is there.
fn header(bytes: &[u8]) -> Option<Result<(usize, Offset), RecordsError>> {
    if bytes.len() < layout::HEADER_BYTES {
        return None;
    }
    let size = match BatchRef::parse(bytes) {
        Ok(batch) => return Some(Ok((batch.size_bytes(), batch.last_offset()))),
        Err(RecordsError::Torn { needed_bytes, .. }) => needed_bytes,
        Err(error) => return Some(Err(error)),
    };
    let base = i64::from_be_bytes(array(bytes, layout::BASE_OFFSET));
    let delta = i32::from_be_bytes(array(bytes, layout::LAST_OFFSET_DELTA));
    Some(Ok((size, base.wrapping_add(i64::from(delta)))))
}

/// The caller's slice is a header long.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}
