//! Batches and blocks that programs name by their digests, as long as there is room.

use std::collections::{BTreeMap, VecDeque};

use byzlab_core::{Digest, ReplicaId};

/// The most things kept of one sender.
pub const THINGS_MAX: usize = 512;
/// The most bytes kept of one sender.
pub const BYTES_MAX: usize = 64 << 20;

/// Things by digest. Each sender has room of its own, so that nobody can crowd out others' things;
/// the oldest go first.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    things: BTreeMap<Digest, (T, usize)>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, Default)]
struct Row {
    order: VecDeque<(Digest, usize)>,
    bytes: usize,
}

impl<T: Clone> Shelf<T> {
    pub(super) fn new(senders: usize) -> Self {
        Self { things: BTreeMap::new(), rows: vec![Row::default(); senders] }
    }
    /// Keeps a thing of so many bytes that `from` sent.
    pub(super) fn put(&mut self, from: ReplicaId, name: Digest, thing: T, bytes: usize) {
        let row = &mut self.rows[from.index()];
        if row.order.iter().any(|&(known, _)| known == name) {
            return;
        }
        row.order.push_back((name, bytes));
        row.bytes += bytes;
        self.things.entry(name).or_insert((thing, 0)).1 += 1;
        while row.order.len() > THINGS_MAX || (row.bytes > BYTES_MAX && row.order.len() > 1) {
            let Some((oldest, bytes)) = row.order.pop_front() else { break };
            row.bytes -= bytes;
            if let Some((_, holders)) = self.things.get_mut(&oldest) {
                *holders -= 1;
                if *holders == 0 {
                    self.things.remove(&oldest);
                }
            }
        }
    }
    pub(super) fn get(&self, name: &Digest) -> Option<T> {
        self.things.get(name).map(|(thing, _)| thing.clone())
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::crypto::sha256;

    use super::*;

    #[test]
    fn nobody_crowds_out_what_another_sent() {
        let mut shelf = Shelf::new(2);
        let name = |i: usize| sha256(&i.to_le_bytes());
        for sender in [0, 1] {
            shelf.put(ReplicaId(sender), name(0), 0, 1);
        }
        for i in 1..=2 * THINGS_MAX {
            shelf.put(ReplicaId(1), name(i), i, 1);
        }
        assert_eq!(shelf.get(&name(0)), Some(0), "the other one's");
        assert_eq!(shelf.get(&name(1)), None);
        assert_eq!(shelf.get(&name(2 * THINGS_MAX)), Some(2 * THINGS_MAX));
        assert_eq!(shelf.things.len(), THINGS_MAX + 1);
        shelf.put(ReplicaId(1), name(9_999), 7, BYTES_MAX + 1);
        assert_eq!(shelf.things.len(), 2, "one thing may be as large as it likes");
    }
}
