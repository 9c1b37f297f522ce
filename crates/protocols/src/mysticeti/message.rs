//! What replicas say to each other, and what must hold for it to be heard.

use std::sync::Arc;

use byzlab_core::{Claim, Committee, Invalid, ReplicaId};
use serde::{Deserialize, Serialize};

use super::{DOMAIN, Mysticeti};
use crate::kit::{
    Catchup,
    dag::{Upkeep, Vertex, loom::FETCH_MAX},
};

/// What Mysticeti's replicas say to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// The sender's block in a round.
    Block(Arc<Vertex>),
    /// Blocks that were asked for.
    Fetched(Vec<Arc<Vertex>>),
    /// Keeping up.
    Upkeep(Upkeep),
}

impl From<Upkeep> for Message {
    fn from(upkeep: Upkeep) -> Self {
        Self::Upkeep(upkeep)
    }
}

impl From<Catchup> for Message {
    fn from(catchup: Catchup) -> Self {
        Self::Upkeep(Upkeep::Catchup(catchup))
    }
}

impl byzlab_core::Message for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Block(_) => "block",
            Self::Fetched(_) => "fetched",
            Self::Upkeep(upkeep) => upkeep.kind(),
        }
    }

    fn claims(&self, from: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let mut claims = Vec::new();
        match self {
            Self::Block(block) if block.author != from => {
                return Err(Invalid("a block in another's name"));
            }
            Self::Block(block) => block.claims(committee, DOMAIN, &mut claims)?,
            Self::Fetched(blocks) if blocks.len() > FETCH_MAX => {
                return Err(Invalid("more blocks than an answer may have"));
            }
            Self::Fetched(blocks) => {
                for block in blocks {
                    block.claims(committee, DOMAIN, &mut claims)?;
                }
            }
            Self::Upkeep(upkeep) => return upkeep.claims::<Mysticeti>(committee, DOMAIN),
        }
        Ok(claims)
    }
}
