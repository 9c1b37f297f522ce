//! What programs say to each other, as it travels, and what proves a block final.

use byzlab_core::{
    Batch, Block, BuildError, Claim, Committee, Invalid, Message, Proof, ReplicaId, Signature,
    codec,
};
use byzlab_protocols::kit::Certificate;
use serde::{Deserialize, Serialize};

use super::frame::{BlockSeen, SignedSeen};

/// What a message may be called: traffic is counted by these names.
pub const KINDS: [&str; 24] = [
    "message",
    "propose",
    "vote",
    "pre-prepare",
    "prepare",
    "pre-vote",
    "pre-commit",
    "commit",
    "decide",
    "final",
    "certificate",
    "timeout",
    "view-change",
    "new-view",
    "header",
    "block",
    "request",
    "response",
    "ack",
    "echo",
    "ready",
    "append",
    "heartbeat",
    "checkpoint",
];
/// The most statements in one message or proof.
pub const SIGNED_MAX: usize = 256;
/// The most batches, and the most blocks, in one message.
pub const ATTACHED_MAX: usize = 64;
/// The longest name of a domain, in bytes.
pub const DOMAIN_MAX: usize = 32;
/// The longest signed body, in bytes.
pub const BODY_MAX: usize = 4096;

/// A message of a program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Said {
    /// An index into [`KINDS`].
    pub(super) kind: u8,
    /// JSON.
    pub(super) body: String,
    pub(super) signed: Vec<Signed>,
    pub(super) batches: Vec<Batch>,
    pub(super) blocks: Vec<Block>,
}

/// A statement, and who signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signed {
    pub(super) domain: String,
    pub(super) body: String,
    pub(super) certificate: Certificate,
}

impl Message for Said {
    fn kind(&self) -> &'static str {
        KINDS.get(usize::from(self.kind)).copied().unwrap_or("?")
    }
    fn claims(&self, _: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        if usize::from(self.kind) >= KINDS.len() {
            return Err(Invalid("a kind that there is not"));
        }
        if self.batches.len() > ATTACHED_MAX || self.blocks.len() > ATTACHED_MAX {
            return Err(Invalid("more batches or blocks than a message may carry"));
        }
        if serde_json::from_str::<serde::de::IgnoredAny>(&self.body).is_err() {
            return Err(Invalid("a body that is no JSON"));
        }
        let mut claims = Vec::new();
        claim_all(&self.signed, committee, &mut claims)?;
        self.batches.iter().try_for_each(|batch| batch.claims(committee, &mut claims))?;
        for block in &self.blocks {
            claim_all(&evidence(block)?, committee, &mut claims)?;
            block.batch.claims(committee, &mut claims)?;
        }
        Ok(claims)
    }
}

/// The claims that each statement was signed by whom it says.
pub(super) fn claim_all(
    signed: &[Signed],
    committee: &Committee,
    claims: &mut Vec<Claim>,
) -> Result<(), Invalid> {
    if signed.len() > SIGNED_MAX {
        return Err(Invalid("more statements than there may be"));
    }
    for Signed { domain, body, certificate } in signed {
        if !is_domain(domain) || body.len() > BODY_MAX || certificate.is_empty() {
            return Err(Invalid("a statement in no domain, too long, or signed by nobody"));
        }
        let statement = committee.statement(&full(domain), body.as_str());
        certificate.claims(&statement, committee, claims)?;
    }
    Ok(())
}

/// A domain as statements have it: no program's signature means anything to a protocol built in.
pub(super) fn full(domain: &str) -> String {
    format!("process/{domain}")
}

pub(super) fn is_domain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '/';
    (1..=DOMAIN_MAX).contains(&name.len()) && name.chars().all(plain)
}

/// What the proof of a block holds.
pub(super) fn evidence(block: &Block) -> Result<Vec<Signed>, Invalid> {
    if !block.is_chained() {
        return Err(Invalid("the digest is not the block's"));
    }
    codec::decode(&block.proof.0).map_err(|_| Invalid("the proof is no list of statements"))
}

pub(super) fn proof(signed: &Vec<Signed>) -> Proof {
    Proof(codec::encode(signed))
}

impl Signed {
    /// As a program sees it.
    pub(super) fn seen(&self) -> SignedSeen {
        SignedSeen {
            domain: self.domain.clone(),
            body: self.body.clone(),
            signers: self.certificate.signers().collect(),
            certificate: hex::encode(codec::encode(&self.certificate)),
        }
    }
}

/// A block as a program sees it.
pub(super) fn seen(block: &Block) -> BlockSeen {
    let signed = evidence(block).unwrap_or_default();
    BlockSeen::of(block, signed.iter().map(Signed::seen).collect())
}

/// One certificate of several over one statement, written as a program was given them.
pub(super) fn join(parts: &[String]) -> Result<Certificate, BuildError> {
    let mut votes: Vec<(ReplicaId, Signature)> = Vec::new();
    for part in parts {
        let bytes = hex::decode(part).map_err(|_| BuildError("no certificate: no hex".into()))?;
        let part: Certificate = codec::decode(&bytes)
            .map_err(|_| BuildError("no certificate that a message brought".into()))?;
        if parts.len() == 1 {
            return Ok(part);
        }
        let single = part.votes();
        let single = single.ok_or_else(|| BuildError("certificates are joined of votes".into()))?;
        votes.extend(single);
    }
    let mut signers: Vec<_> = votes.iter().map(|(signer, _)| *signer).collect();
    signers.sort_unstable();
    match signers.windows(2).all(|pair| pair[0] < pair[1]) {
        true => Ok(Certificate::of(&votes)),
        false => Err(BuildError("a certificate with one signer twice".into())),
    }
}
