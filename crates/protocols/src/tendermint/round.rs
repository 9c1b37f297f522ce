//! What a replica knows of one round of the height it decides on.

use std::sync::Arc;

use byzlab_core::Digest;

use super::message::{Phase, Proposal};
use crate::kit::Ballot;

/// The messages of one round, and which of the rules that fire once have.
#[derive(Debug)]
pub(super) struct Round {
    /// The first proposal of its proposer.
    pub proposal: Option<(Digest, Arc<Proposal>)>,
    pub prevotes: Ballot<Option<Digest>>,
    pub precommits: Ballot<Option<Digest>>,
    /// l. 34, l. 36 and l. 47 have fired.
    pub waited_for_prevotes: bool,
    pub saw_polka: bool,
    pub waited_for_precommits: bool,
}

impl Round {
    pub fn new(size: usize) -> Self {
        Self {
            proposal: None,
            prevotes: Ballot::new(size),
            precommits: Ballot::new(size),
            waited_for_prevotes: false,
            saw_polka: false,
            waited_for_precommits: false,
        }
    }
    pub fn votes(&mut self, phase: Phase) -> &mut Ballot<Option<Digest>> {
        match phase {
            Phase::Prevote => &mut self.prevotes,
            Phase::Precommit => &mut self.precommits,
        }
    }
}
