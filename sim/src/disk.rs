//! A disk in memory that behaves as a real one does when things go wrong: what was not synced may be lost or torn when the power goes,
//! names that were not synced with their directory too; a process that dies leaves what it wrote. It can be full, and it can stop
//! after so many operations, in the middle of a write.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headrace_disk::{Disk, File};
use parking_lot::Mutex;
use rand::Rng as _;
use rand::rngs::StdRng;

/// What a power cut keeps or loses as a whole, in bytes.
const SECTOR_BYTES: usize = 512;

/// One file's bytes, as they are and as they would be after a power cut.
#[derive(Debug, Default)]
struct Content {
    current: Vec<u8>,
    synced: Vec<u8>,
    /// Ranges of `current` that differ from `synced`.
    dirty: Vec<(usize, usize)>,
    locked: bool,
}

type Inode = Arc<Mutex<Content>>;

#[derive(Debug, Clone)]
enum Node {
    Dir,
    File(Inode),
}

/// A change of names that is not yet safe.
#[derive(Debug, Clone)]
enum NameChange {
    Put(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl NameChange {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Put(path, _) | Self::Remove(path) | Self::Rename(_, path) => path.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Put(path, node) => drop(names.insert(path.clone(), node.clone())),
            Self::Remove(path) => names.retain(|name, _| !name.starts_with(path)),
            Self::Rename(from, to) => {
                let moved: Vec<_> = names.keys().filter(|name| name.starts_with(from)).cloned().collect();
                for name in moved {
                    let rest = name.strip_prefix(from).map(Path::to_owned).unwrap_or_default();
                    let target = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    if let Some(node) = names.remove(&name) {
                        names.insert(target, node);
                    }
                }
            }
        }
    }
}

#[derive(Debug)]
struct State {
    names: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    pending: Vec<NameChange>,
    /// Nothing more can be written below this directory.
    full: Option<PathBuf>,
    /// Operations that are still carried out; `None`: all.
    fuse: Option<u64>,
    dead: bool,
    rng: StdRng,
}

impl State {
    fn change(&mut self, change: NameChange) -> io::Result<()> {
        self.spend()?;
        change.apply(&mut self.names);
        self.pending.push(change);
        Ok(())
    }

    fn check(&self) -> io::Result<()> {
        if self.dead { Err(io::Error::other("the machine has stopped")) } else { Ok(()) }
    }

    /// Counts an operation that changes something.
    fn spend(&mut self) -> io::Result<()> {
        self.check()?;
        match &mut self.fuse {
            Some(0) => {
                self.dead = true;
                self.check()
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn file(&self, path: &Path) -> io::Result<Inode> {
        match self.names.get(path) {
            Some(Node::File(inode)) => Ok(Arc::clone(inode)),
            Some(Node::Dir) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }
}

/// One machine's disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    path: PathBuf,
    inode: Inode,
    is_lock: bool,
}

impl SimDisk {
    pub(crate) fn new(rng: StdRng) -> Self {
        let names = BTreeMap::from([(PathBuf::from("/"), Node::Dir)]);
        let state = State {
            durable: names.clone(),
            names,
            pending: Vec::new(),
            full: None,
            fuse: None,
            dead: false,
            rng,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The disk stops after so many more changes, in the middle of the next.
    pub(crate) fn light_fuse(&self, operations: u64) {
        self.0.lock().fuse = Some(operations);
    }

    /// Whether a power cut would take something that was written below this directory.
    pub(crate) fn is_unsynced(&self, below: &Path) -> bool {
        let state = self.0.lock();
        let is_dirty = |node: &Node| matches!(node, Node::File(inode) if !inode.lock().dirty.is_empty());
        state.names.iter().any(|(path, node)| path.starts_with(below) && is_dirty(node))
    }

    pub(crate) fn put_out_fuse(&self) {
        self.0.lock().fuse = None;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.0.lock().dead
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.lock().full.is_some()
    }

    pub(crate) fn set_full(&self, below: Option<&Path>) {
        self.0.lock().full = below.map(Path::to_owned);
    }

    /// The process is gone: what it wrote stays, its locks do not.
    pub(crate) fn process_died(&self) {
        let mut state = self.0.lock();
        (state.fuse, state.dead) = (None, false);
        for node in state.names.values() {
            if let Node::File(inode) = node {
                inode.lock().locked = false;
            }
        }
    }

    /// The power went: of what was not synced below this directory, any part may be lost.
    pub(crate) fn power_cut(&self, below: &Path) {
        let mut state = self.0.lock();
        let state = &mut *state;
        // Names: of each directory's changes the first ones survive.
        let mut kept: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for change in &state.pending {
            if let Some(dir) = change.dir() {
                *kept.entry(dir.to_owned()).or_default() += 1;
            }
        }
        for (dir, count) in &mut kept {
            if dir.starts_with(below) {
                *count = state.rng.random_range(0..=*count);
            }
        }
        for change in std::mem::take(&mut state.pending) {
            let left = change.dir().and_then(|dir| kept.get_mut(dir));
            if let Some(left) = left.filter(|left| **left > 0) {
                *left -= 1;
                change.apply(&mut state.durable);
            }
        }
        // What lies in a directory that is gone is gone with it.
        let dirs: BTreeSet<PathBuf> = state
            .durable
            .iter()
            .filter(|(_, node)| matches!(node, Node::Dir))
            .map(|(path, _)| path.clone())
            .collect();
        state.durable.retain(|path, _| path.ancestors().skip(1).all(|dir| dirs.contains(dir)));
        state.names = state.durable.clone();
        for (path, node) in &state.names {
            if let Node::File(inode) = node
                && path.starts_with(below)
            {
                inode.lock().lose_unsynced(&mut state.rng);
            }
        }
    }

    /// Everything below this directory is gone, as with a new disk in the old one's place.
    pub(crate) fn wipe(&self, below: &Path) {
        let mut state = self.0.lock();
        state.pending.retain(|change| change.dir().is_none_or(|dir| !dir.starts_with(below)));
        state.names.retain(|name, _| !name.starts_with(below) || name == below);
        state.durable.retain(|name, _| !name.starts_with(below) || name == below);
    }

    /// Flips a bit of an index, of a snapshot, or of the newest segment of a log below this directory. False if there is none.
    pub(crate) fn rot(&self, below: &Path) -> bool {
        let mut state = self.0.lock();
        let state = &mut *state;
        let is_newest = |path: &Path| {
            let later = state.names.range(path.to_owned()..).skip(1);
            !later.take_while(|(other, _)| other.parent() == path.parent()).any(|(other, _)| is_log(other))
        };
        let may_rot = |path: &Path| match path.extension().and_then(|extension| extension.to_str()) {
            Some("index" | "timeindex" | "snapshot") => true,
            Some("log") => is_newest(path),
            _ => false,
        };
        let inodes: Vec<Inode> = state
            .names
            .iter()
            .filter(|(path, _)| path.starts_with(below) && may_rot(path))
            .filter_map(|(_, node)| match node {
                Node::File(inode) if !inode.lock().current.is_empty() => Some(Arc::clone(inode)),
                _ => None,
            })
            .collect();
        if inodes.is_empty() {
            return false;
        }
        let mut content = inodes[state.rng.random_range(0..inodes.len())].lock();
        let at = state.rng.random_range(0..content.current.len());
        let bit = 1 << state.rng.random_range(0..8);
        content.current[at] ^= bit;
        if let Some(byte) = content.synced.get_mut(at) {
            *byte ^= bit;
        }
        true
    }

    fn handle(&self, path: &Path, inode: Inode, is_lock: bool) -> Arc<dyn File> {
        Arc::new(SimFile { disk: self.clone(), path: path.to_owned(), inode, is_lock })
    }
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

impl Content {
    fn write(&mut self, bytes: &[u8], position: usize) {
        let end = position + bytes.len();
        if self.current.len() < end {
            let from = self.current.len();
            self.current.resize(end, 0);
            self.dirty.push((from, end));
        }
        self.current[position..end].copy_from_slice(bytes);
        self.dirty.push((position, end));
    }

    fn sync(&mut self) {
        self.synced.resize(self.current.len(), 0);
        for (from, to) in std::mem::take(&mut self.dirty) {
            let to = to.min(self.current.len());
            if from < to {
                self.synced[from..to].copy_from_slice(&self.current[from..to]);
            }
        }
    }

    fn lose_unsynced(&mut self, rng: &mut StdRng) {
        if self.dirty.is_empty() && self.current.len() == self.synced.len() {
            return;
        }
        let (shorter, longer) = {
            let (a, b) = (self.current.len(), self.synced.len());
            (a.min(b), a.max(b))
        };
        let length =
            if rng.random_bool(0.5) { self.current.len() } else { rng.random_range(shorter..=longer) };
        let mut after = self.synced.clone();
        after.resize(length, 0);
        let all_or_nothing = rng.random_bool(0.5).then(|| rng.random_bool(0.5));
        for (from, to) in std::mem::take(&mut self.dirty) {
            let mut at = from;
            while at < to {
                let end = to.min((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(length).min(self.current.len());
                if at >= end {
                    break;
                }
                if all_or_nothing.unwrap_or_else(|| rng.random_bool(0.5)) {
                    after[at..end].copy_from_slice(&self.current[at..end]);
                }
                at = end;
            }
        }
        self.synced = after.clone();
        self.current = after;
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if self.is_lock {
            self.inode.lock().locked = false;
        }
    }
}

impl File for SimFile {
    fn read_at(&self, out: &mut [u8], position: u64) -> io::Result<usize> {
        self.disk.0.lock().check()?;
        let content = self.inode.lock();
        let from = (position as usize).min(content.current.len());
        let count = out.len().min(content.current.len() - from);
        out[..count].copy_from_slice(&content.current[from..from + count]);
        Ok(count)
    }

    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let mut state = self.disk.0.lock();
        let position = position as usize;
        if state.full.as_ref().is_some_and(|below| self.path.starts_with(below)) {
            // What there is can be written over, but nothing can be added.
            let room = self.inode.lock().current.len().saturating_sub(position).min(bytes.len());
            self.inode.lock().write(&bytes[..room], position);
            return if room < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) };
        }
        if let Err(error) = state.spend() {
            if state.fuse == Some(0) {
                state.fuse = Some(1);
                let torn = state.rng.random_range(0..=bytes.len());
                self.inode.lock().write(&bytes[..torn], position);
            }
            return Err(error);
        }
        self.inode.lock().write(&bytes, position);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.0.lock().check()?;
        Ok(self.inode.lock().current.len() as u64)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.0.lock().spend()?;
        let mut content = self.inode.lock();
        let (from, to) = (content.current.len(), length as usize);
        content.current.resize(to, 0);
        content.dirty.push((from.min(to), from.max(to)));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.0.lock().spend()?;
        self.inode.lock().sync();
        Ok(())
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let state = self.0.lock();
        state.check()?;
        Ok(self.handle(path, state.file(path)?, false))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.0.lock();
        state.check()?;
        let inode = match state.file(path) {
            Ok(inode) => inode,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if !matches!(path.parent().and_then(|dir| state.names.get(dir)), Some(Node::Dir)) {
                    return Err(ErrorKind::NotFound.into());
                }
                if state.full.as_ref().is_some_and(|below| path.starts_with(below)) {
                    return Err(ErrorKind::StorageFull.into());
                }
                let inode = Inode::default();
                state.change(NameChange::Put(path.to_owned(), Node::File(Arc::clone(&inode))))?;
                inode
            }
            Err(error) => return Err(error),
        };
        Ok(self.handle(path, inode, false))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.0.lock();
        state.check()?;
        if !state.names.contains_key(dir) {
            return Err(ErrorKind::NotFound.into());
        }
        let inside = state.names.keys().filter(|name| name.parent() == Some(dir));
        Ok(inside.filter_map(|name| Some(name.file_name()?.to_str()?.to_owned())).collect())
    }

    fn is_dir(&self, path: &Path) -> bool {
        matches!(self.0.lock().names.get(path), Some(Node::Dir))
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.lock().names.contains_key(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        let mut missing: Vec<PathBuf> =
            path.ancestors().take_while(|dir| !state.names.contains_key(*dir)).map(Path::to_owned).collect();
        missing.reverse();
        for dir in missing {
            state.change(NameChange::Put(dir, Node::Dir))?;
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        if !state.names.contains_key(from) {
            return Err(ErrorKind::NotFound.into());
        }
        state.change(NameChange::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.file(path)?;
        state.change(NameChange::Remove(path.to_owned()))
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        if !state.names.contains_key(path) {
            return Err(ErrorKind::NotFound.into());
        }
        state.change(NameChange::Remove(path.to_owned()))
    }

    fn lock(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = self.create(path)?;
        drop(file);
        let inode = self.0.lock().file(path)?;
        if std::mem::replace(&mut inode.lock().locked, true) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(self.handle(path, inode, true))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.spend()?;
        let state = &mut *state;
        let (safe, rest) = std::mem::take(&mut state.pending).into_iter().partition(|c| c.dir() == Some(dir));
        state.pending = rest;
        for change in safe {
            NameChange::apply(&change, &mut state.durable);
        }
        Ok(())
    }
}
