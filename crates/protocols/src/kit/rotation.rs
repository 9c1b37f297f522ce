//! Who leads which view.

use byzlab_core::{Committee, Digest, ReplicaId, View, crypto::sha256_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who leads which view.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Leaders {
    /// Replica v mod n leads view v.
    #[default]
    RoundRobin,
    /// A replica drawn by a hash of chain and view: the same draw for all, and each as likely.
    Random,
    /// Replica 0 leads every view. For measurements: when it stops, all stops.
    Fixed,
}

/// The leader of each view of one chain.
#[derive(Clone, Debug)]
pub struct Rotation {
    leaders: Leaders,
    chain: Digest,
    size: u64,
}

impl Rotation {
    /// The leaders of `committee`.
    pub fn new(leaders: Leaders, committee: &Committee) -> Self {
        Self { leaders, chain: committee.chain, size: committee.size() as u64 }
    }
    /// Who leads `view`.
    pub fn leader(&self, view: View) -> ReplicaId {
        let turn = match self.leaders {
            Leaders::RoundRobin => view.0 % self.size,
            Leaders::Fixed => 0,
            Leaders::Random => {
                let seed = sha256_of(&[b"byzlab/leader/1", &self.chain.0, &view.0.to_le_bytes()]).0;
                let draw: [u8; 8] = seed[..8].try_into().expect("a digest has 32 bytes");
                // The bias is below n / 2⁶⁴.
                ((u128::from(u64::from_le_bytes(draw)) * u128::from(self.size)) >> 64) as u64
            }
        };
        ReplicaId(turn as u16)
    }
    /// The leader to tell hosts of, so that they route transactions to it: `None`, everyone, where leaders
    /// change faster than a transaction could follow.
    pub fn hint(&self) -> Option<ReplicaId> {
        (self.leaders == Leaders::Fixed).then_some(ReplicaId(0))
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::PublicKey;

    use super::*;

    #[test]
    fn leaders_take_turns_or_are_drawn_alike_by_all() {
        let committee = Committee::new("test", vec![PublicKey::default(); 4], false);
        let leader = |leaders, view| Rotation::new(leaders, &committee).leader(View(view)).0;
        assert_eq!([3, 4, 9].map(|view| leader(Leaders::RoundRobin, view)), [3, 0, 1]);
        assert_eq!([3, 4, 9].map(|view| leader(Leaders::Fixed, view)), [0, 0, 0]);
        let mut counts = [0u32; 4];
        (0..4_000).for_each(|view| counts[usize::from(leader(Leaders::Random, view))] += 1);
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        assert_eq!(Rotation::new(Leaders::Random, &committee).hint(), None);
        assert_eq!(Rotation::new(Leaders::Fixed, &committee).hint(), Some(ReplicaId(0)));
    }
}
