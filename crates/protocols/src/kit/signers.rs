//! A set of replicas as bits.

use byzlab_core::ReplicaId;

/// A set of replicas: one bit each, no allocation until the first comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signers(Vec<u64>);

impl Signers {
    /// Puts `id` in; whether it was new. `size` is the committee's: room is made for it once.
    ///
    /// # Panics
    /// If `id` is not below `size`.
    pub fn insert(&mut self, id: ReplicaId, size: usize) -> bool {
        if self.0.is_empty() {
            self.0.resize(size.div_ceil(64), 0);
        }
        let (word, bit) = (&mut self.0[id.index() / 64], 1 << (id.index() % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
    /// Takes `id` out; whether it was in.
    pub fn remove(&mut self, id: ReplicaId) -> bool {
        let was = self.contains(id);
        if was {
            self.0[id.index() / 64] &= !(1 << (id.index() % 64));
        }
        was
    }
    /// Whether `id` is in.
    pub fn contains(&self, id: ReplicaId) -> bool {
        self.0.get(id.index() / 64).is_some_and(|word| word & (1 << (id.index() % 64)) != 0)
    }
    /// How many are in.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_new_once() {
        let mut set = Signers::default();
        assert!(!set.contains(ReplicaId(99)));
        for round in 0..2 {
            for id in [0, 63, 64, 99].map(ReplicaId) {
                assert_eq!(set.insert(id, 100), round == 0);
                assert!(set.contains(id));
            }
        }
        assert_eq!(set.count(), 4);
        assert!(set.remove(ReplicaId(63)) && !set.remove(ReplicaId(63)));
        assert!(!set.contains(ReplicaId(63)) && set.contains(ReplicaId(64)));
    }
}
