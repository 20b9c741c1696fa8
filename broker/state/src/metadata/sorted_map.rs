//! A sorted map whose copies share what they have in common.
//!
//! Two levels: a vector of chunks, each a small sorted vector behind an `Arc`. A clone copies one pointer; a change
//! copies one chunk and the vector of chunk pointers, and within one batch of changes each of them only once. That is
//! enough for the sizes here (tens of thousands of topics) and has none of a tree's rebalancing.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A chunk is split in two when it would grow beyond this many entries.
const CHUNK_ENTRIES_MAX: usize = 64;

type Chunk<K, V> = Arc<Vec<(K, V)>>;

pub(super) struct SortedMap<K, V> {
    /// None is empty, keys ascend within and across chunks.
    chunks: Arc<Vec<Chunk<K, V>>>,
    len: usize,
}

impl<K, V> Clone for SortedMap<K, V> {
    fn clone(&self) -> Self {
        Self { chunks: Arc::clone(&self.chunks), len: self.len }
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self { chunks: Arc::default(), len: 0 }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for SortedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K, V> SortedMap<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().map(|(key, value)| (key, value)))
    }

    /// Whether both are the very same copy, so that nothing can differ.
    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunks, &other.chunks)
    }
}

impl<K: Ord + Clone, V: Clone> SortedMap<K, V> {
    /// The chunk that has the key, or where it belongs.
    fn chunk_of<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        // The first chunk that begins behind the key, less one.
        self.chunks
            .partition_point(|chunk| chunk.first().is_some_and(|(first, _)| first.borrow() <= key))
            .saturating_sub(1)
    }

    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        let at = chunk.binary_search_by(|(probe, _)| probe.borrow().cmp(key)).ok()?;
        chunk.get(at).map(|(_, value)| value)
    }

    /// The entries from `key` on.
    pub(super) fn iter_from<Q: Ord + ?Sized>(&self, key: &Q) -> impl Iterator<Item = (&K, &V)>
    where
        K: Borrow<Q>,
    {
        let first = self.chunk_of(key);
        let skip = self
            .chunks
            .get(first)
            .map_or(0, |chunk| chunk.partition_point(|(probe, _)| probe.borrow() < key));
        self.chunks
            .iter()
            .skip(first)
            .flat_map(|chunk| chunk.iter().map(|(key, value)| (key, value)))
            .skip(skip)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        let index = self.chunk_of(&key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(chunk) = chunks.get_mut(index) else {
            chunks.push(Arc::new(vec![(key, value)]));
            self.len += 1;
            return;
        };
        let chunk = Arc::make_mut(chunk);
        match chunk.binary_search_by(|(probe, _)| probe.cmp(&key)) {
            Ok(at) => chunk[at].1 = value,
            Err(at) => {
                chunk.insert(at, (key, value));
                self.len += 1;
                if chunk.len() > CHUNK_ENTRIES_MAX {
                    let upper = chunk.split_off(CHUNK_ENTRIES_MAX / 2);
                    chunks.insert(index + 1, Arc::new(upper));
                }
            }
        }
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let index = self.chunk_of(key);
        let at = self.chunks.get(index)?.binary_search_by(|(probe, _)| probe.borrow().cmp(key)).ok()?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let chunk = Arc::make_mut(&mut chunks[index]);
        let (_, value) = chunk.remove(at);
        if chunk.is_empty() {
            chunks.remove(index);
        }
        self.len -= 1;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A fixed pseudo-random sequence (xorshift): same run every time.
    fn numbers() -> impl Iterator<Item = u32> {
        let mut x = 2_463_534_242_u32;
        std::iter::repeat_with(move || {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            x
        })
    }

    #[test]
    fn behaves_as_a_btreemap_and_old_copies_do_not_change() {
        let (mut map, mut model) = (SortedMap::default(), BTreeMap::new());
        let mut copies = Vec::new();
        for (step, n) in numbers().take(6000).enumerate() {
            let key = n % 700;
            if n % 3 == 0 {
                assert_eq!(map.remove(&key), model.remove(&key));
            } else {
                map.insert(key, step);
                model.insert(key, step);
            }
            assert_eq!(map.len(), model.len());
            if step % 500 == 0 {
                copies.push((map.clone(), model.clone()));
            }
        }
        copies.push((map, model));
        for (map, model) in copies {
            assert!(map.iter().eq(model.iter()));
            for key in 0..701 {
                assert_eq!(map.get(&key), model.get(&key));
                assert!(map.iter_from(&key).eq(model.range(key..)));
            }
        }
    }
}
