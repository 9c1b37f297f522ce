//! Blocks as the ledger keeps them: final, chained by hash, each with the proof that made it final.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    crypto::{Digest, sha256_of},
    id::{Height, ReplicaId},
    transaction::Batch,
};

/// What made a block final, in its protocol's own encoding: a quorum certificate, a sealed header.
///
/// [`Protocol::audit`](crate::Protocol::audit) reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof(#[serde(with = "serde_bytes_bytes")] pub Bytes);

/// A committed block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its place; the first block has height 1.
    pub height: Height,
    /// The digest of the block below, or the chain's id under the first block.
    pub parent: Digest,
    /// Its own digest: [`Block::chained`]'s, or the hash of a proof-of-work header.
    pub digest: Digest,
    /// Who proposed or mined it.
    pub producer: ReplicaId,
    /// Its transactions.
    pub batch: Batch,
    /// What made it final. Two replicas may hold different proofs of one block.
    pub proof: Proof,
}

impl Block {
    /// A block whose digest covers height, parent, producer and batch, but not the proof.
    pub fn chained(
        height: Height,
        parent: Digest,
        producer: ReplicaId,
        batch: Batch,
        proof: Proof,
    ) -> Self {
        let digest = Self::chain_digest(height, parent, producer, batch.root());
        Self { height, parent, digest, producer, batch, proof }
    }
    /// The digest that [`Block::chained`] gives.
    pub fn chain_digest(
        height: Height,
        parent: Digest,
        producer: ReplicaId,
        root: Digest,
    ) -> Digest {
        sha256_of(&[
            b"byzlab/block/1",
            &height.0.to_le_bytes(),
            &parent.0,
            &producer.0.to_le_bytes(),
            &root.0,
        ])
    }
    /// Whether its digest is the one that [`Block::chained`] would give.
    pub fn is_chained(&self) -> bool {
        self.digest
            == Self::chain_digest(self.height, self.parent, self.producer, self.batch.root())
    }
    /// Its height and digest.
    pub fn head(&self) -> Head {
        Head { height: self.height, digest: self.digest }
    }
}

/// The end of a chain of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Head {
    /// The last block's height; genesis when there is none.
    pub height: Height,
    /// The last block's digest; the chain's id when there is none.
    pub digest: Digest,
}

impl Head {
    /// The head of an empty ledger on `chain`.
    pub fn genesis(chain: Digest) -> Self {
        Self { height: Height::GENESIS, digest: chain }
    }
}

mod serde_bytes_bytes {
    use bytes::Bytes;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &Bytes, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(bytes)
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Bytes, D::Error> {
        serde_bytes::deserialize::<Vec<u8>, D>(d).map(Bytes::from)
    }
}
