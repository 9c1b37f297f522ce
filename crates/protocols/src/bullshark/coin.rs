//! Tusk's anchors: drawn by a common coin that is tossed when the votes for them are cast.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{Coin, Committee, ReplicaId, Toss};

use super::rules::tosses_in;
use crate::kit::dag::{Round, Vertex, vertex::coin_of};

/// How many rounds below those that toss its coin an anchor is.
const BELOW: u64 = 2;

/// Tosses, and the anchors that they drew.
#[derive(Clone, Debug)]
pub struct Draws {
    coin: Coin,
    committee: Arc<Committee>,
    /// By the anchor's round, one a replica, until they suffice.
    tosses: BTreeMap<Round, Vec<(ReplicaId, Toss)>>,
    drawn: BTreeMap<Round, ReplicaId>,
}

impl Draws {
    /// Nothing drawn yet; `None` in a committee without a coin.
    pub fn new(committee: &Arc<Committee>) -> Option<Self> {
        let (tosses, drawn) = Default::default();
        Some(Self { coin: committee.coin.clone()?, committee: committee.clone(), tosses, drawn })
    }
    /// Whose vertex is the anchor of `round`, once that is drawn (R, tusk.rs, `leader`, which takes turns in place of
    /// the coin).
    pub fn leader(&self, round: Round) -> Option<ReplicaId> {
        self.drawn.get(&round).copied()
    }
    /// Takes in a vertex's toss, which has been proven. Gives the round whose anchor it draws: with f + 1 tosses
    /// of the coin, an honest replica had a quorum's votes by then.
    pub fn hear(&mut self, vertex: &Vertex) -> Option<Round> {
        let toss = vertex.toss.as_ref().filter(|_| tosses_in(vertex.round))?;
        let anchor = vertex.round.back(BELOW);
        if self.drawn.contains_key(&anchor) {
            return None;
        }
        let tosses = self.tosses.entry(anchor).or_default();
        if tosses.iter().any(|(by, _)| *by == vertex.author) {
            return None;
        }
        tosses.push((vertex.author, **toss));
        if tosses.len() < self.coin.threshold() {
            return None;
        }
        let tosses = self.tosses.remove(&anchor)?;
        let value = self.coin.value(&coin_of(&self.committee, vertex.round), &tosses)?;
        let mut low = [0; 8];
        low.copy_from_slice(&value.0[..8]);
        self.drawn.insert(anchor, self.committee.at_turn(u64::from_le_bytes(low)));
        Some(anchor)
    }
    /// Anchors up to `round` matter no more.
    pub fn pass(&mut self, round: Round) {
        self.tosses = self.tosses.split_off(&round.next());
        self.drawn = self.drawn.split_off(&round.next());
    }
}
