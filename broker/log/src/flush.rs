//! Making appended records safe from a power cut. A flush is begun under the partition's lock, run without it
//! (that is the fsync, which takes milliseconds), and finished under it again; whatever was appended before it
//! began is covered, so one flush serves everyone who waits.

use std::{io, path::Path, sync::Arc};

use headrace_records::Offset;

use crate::{
    checkpoint,
    disk::{Disk, File},
    error::{DiskError, Doing, LogError},
    log::Log,
};

/// The part of a flush that waits for the disk.
#[derive(Debug)]
pub struct FlushJob {
    disk: Arc<dyn Disk>,
    dir: Arc<Path>,
    files: Vec<Arc<dyn File>>,
    sync_dir: bool,
    /// The directory's own name has to be synced too.
    sync_parent: bool,
    up_to: Offset,
    /// Segments with lower base offsets are wholly covered.
    active_base: Offset,
    truncations: u64,
}

impl FlushJob {
    /// The offset that will be safe.
    pub fn up_to_offset(&self) -> Offset {
        self.up_to
    }

    pub fn run(&self) -> io::Result<()> {
        for file in &self.files {
            file.sync_data()?;
        }
        if self.sync_dir {
            self.disk.sync_dir(&self.dir)?;
        }
        match self.dir.parent() {
            Some(parent) if self.sync_parent => self.disk.sync_dir(parent),
            _ => Ok(()),
        }
    }
}

impl Log {
    /// Whether `flush.messages` or `flush.ms` ask for a flush, or a full segment waits for one.
    pub fn needs_flush(&self, now_ms: i64) -> bool {
        if self.failed.is_some() || self.flushed >= self.log_end {
            return false;
        }
        let sealed = &self.segments[..self.segments.len() - 1];
        self.unflushed_records >= self.config.flush_messages
            || now_ms.saturating_sub(self.last_flush_ms) >= self.config.flush_ms
            || sealed.iter().any(|segment| segment.dirty)
    }

    /// What has to be synced now; `None` if nothing.
    pub fn begin_flush(&mut self) -> Result<Option<FlushJob>, LogError> {
        if let Some(reason) = &self.failed {
            return Err(LogError::Offline(reason.clone()));
        }
        self.write_epochs()?;
        let active_base = self.active().base_offset;
        let mut files = Vec::new();
        for segment in self.segments.iter().filter(|segment| segment.dirty) {
            files.extend(segment.files_to_sync(&*self.disk, segment.base_offset < active_base)?);
        }
        if files.is_empty() && !self.dir_dirty {
            self.flushed = self.log_end;
            return Ok(None);
        }
        if self.unsynced_name && self.topic_id.is_some() {
            let path = checkpoint::partition_metadata(&self.dir);
            files.push(self.disk.open(&path).doing("opening", path)?);
        }
        Ok(Some(FlushJob {
            disk: self.disk.clone(),
            dir: self.dir.clone(),
            files,
            sync_dir: self.dir_dirty || self.unsynced_name,
            sync_parent: self.unsynced_name,
            up_to: self.log_end,
            active_base,
            truncations: self.truncations,
        }))
    }

    /// Takes note of how a flush went. After a failed fsync the kernel may have dropped the data, so the log
    /// refuses writes until a start has read back what is there.
    pub fn finish_flush(
        &mut self,
        job: &FlushJob,
        result: io::Result<()>,
        now_ms: i64,
    ) -> Result<(), LogError> {
        if job.dir != self.dir {
            // It was begun before the log moved to another directory, where all that it covered is safe.
            return Ok(());
        }
        if let Err(error) = result {
            let error = DiskError::new("syncing", &*self.dir, error);
            self.failed = Some(error.to_string());
            return Err(error.into());
        }
        self.last_flush_ms = now_ms;
        self.unsynced_name &= !job.sync_parent;
        if self.truncations != job.truncations {
            // Offsets below `up_to` may be of other records by now: the next flush covers them.
            return Ok(());
        }
        self.flushed = self.flushed.max(job.up_to);
        self.unflushed_records = self.log_end - self.flushed;
        if self.log_end == job.up_to {
            self.segments.iter_mut().for_each(|segment| segment.dirty = false);
            self.dir_dirty &= !job.sync_dir;
        } else {
            let covered = self.segments.iter_mut().filter(|segment| segment.base_offset < job.active_base);
            covered.for_each(|segment| segment.dirty = false);
        }
        Ok(())
    }

    /// All three steps in one.
    pub fn flush(&mut self, now_ms: i64) -> Result<(), LogError> {
        match self.begin_flush()? {
            None => Ok(()),
            Some(job) => {
                let result = job.run();
                self.finish_flush(&job, result, now_ms)
            }
        }
    }
}
