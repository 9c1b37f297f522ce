//! BLS signatures on BLS12-381, which add up: any number of signatures over one statement is one point.
//!
//! Signatures lie in G1 (48 bytes), keys in G2 (96 bytes), by `blst`; the ciphersuite is
//! `BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_` of draft-irtf-cfrg-bls-signature-05.
//!
//! Who could choose a key freely could choose the difference of two others' and sign for them (a rogue
//! key). So a key comes with a [`Possession`]: a signature over itself that only the holder of its secret
//! can make (§3.3 there), checked once, when [`VoteKeys`] are made. Keys are checked there too for
//! their group, and no two may be equal; signatures are checked for theirs each time. The point at infinity
//! is neither a key nor a signature.

use std::{fmt, sync::Arc};

use ::blst::{BLST_ERROR, blst_scalar, min_sig};
use bytes::Bytes;

use super::{Digest, Possession, Signature, VoteKey, sha256, sha256_of};
use crate::id::ReplicaId;

/// Sets votes apart from all other uses of the same keys (§4.2.3 of the draft).
const DST: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
/// Sets proofs of possession apart from votes.
const DST_POSSESSION: &[u8] = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
/// The bytes of a signature.
pub const SIGNATURE_BYTES: usize = 48;
/// The bits of the weights in a batch: whoever can try 2⁶⁴ batches must not find one that is wrong and
/// passes.
const WEIGHT_BITS: usize = 128;

/// A secret that votes are signed with.
#[derive(Clone)]
pub(super) struct VoteSecret(min_sig::SecretKey);

impl VoteSecret {
    /// The secret that follows from a replica's 32 secret bytes.
    pub(super) fn of(secret: &[u8; 32]) -> Self {
        let material = sha256_of(&[b"byzlab/vote-key/1", secret]);
        Self(min_sig::SecretKey::key_gen(&material.0, &[]).expect("32 bytes suffice"))
    }
    pub(super) fn key(&self) -> VoteKey {
        VoteKey(self.0.sk_to_pk().compress())
    }
    pub(super) fn possession(&self) -> Possession {
        Possession(self.0.sign(&self.key().0, DST_POSSESSION, &[]).compress())
    }
    pub(super) fn sign(&self, bytes: &[u8]) -> Signature {
        Signature::short(self.0.sign(bytes, DST, &[]).compress())
    }
}

/// A committee's keys for votes, each proven to be held. Cheap to clone.
#[derive(Clone)]
pub struct VoteKeys(Arc<Inner>);

struct Inner {
    points: Vec<min_sig::PublicKey>,
    pairs: Vec<(VoteKey, Possession)>,
    digest: Digest,
}

/// A key that cannot be a committee's, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the vote key of replica {replica} {why}")]
pub struct BadVoteKey {
    /// Whose key.
    pub replica: u16,
    /// What is wrong with it.
    pub why: &'static str,
}

impl VoteKeys {
    /// The keys of a committee, in order of replica. Costs a pairing a key.
    ///
    /// # Errors
    /// The first that is no key, is another's, or is not proven to be held.
    pub fn new(pairs: &[(VoteKey, Possession)]) -> Result<Self, BadVoteKey> {
        let mut points = Vec::with_capacity(pairs.len());
        for (at, (key, possession)) in pairs.iter().enumerate() {
            let bad = |why| BadVoteKey { replica: at as u16, why };
            if pairs[..at].iter().any(|(other, _)| other == key) {
                return Err(bad("is another replica's"));
            }
            let point = min_sig::PublicKey::key_validate(&key.0)
                .map_err(|_| bad("is no point of the right group"))?;
            let proof = min_sig::Signature::sig_validate(&possession.0, true)
                .map_err(|_| bad("comes with no proof of possession"))?;
            let held = proof.verify(false, &key.0, DST_POSSESSION, &[], &point, false);
            if held != BLST_ERROR::BLST_SUCCESS {
                return Err(bad("is not proven to be held"));
            }
            points.push(point);
        }
        let keys: Vec<&[u8]> = pairs.iter().map(|(key, _)| &key.0[..]).collect();
        let digest = sha256_of(&keys);
        Ok(Self(Arc::new(Inner { points, pairs: pairs.to_vec(), digest })))
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.0.points.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.points.is_empty()
    }
    /// The keys and their proofs, as they were given.
    pub fn pairs(&self) -> &[(VoteKey, Possession)] {
        &self.0.pairs
    }
    /// Names these keys.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }
    /// The sum of the signers' keys; `None` for a stranger or nobody.
    fn sum(&self, signers: &[ReplicaId]) -> Option<min_sig::PublicKey> {
        let points: Option<Vec<_>> =
            signers.iter().map(|id| self.0.points.get(id.index())).collect();
        let sum = min_sig::AggregatePublicKey::aggregate(&points?, false).ok()?;
        Some(sum.to_public_key())
    }
}

impl PartialEq for VoteKeys {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}
impl Eq for VoteKeys {}

impl fmt::Debug for VoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VoteKeys({} of {:?})", self.len(), self.digest())
    }
}

/// That all of `signers` signed `statement`, with `signature` as the sum of their signatures.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// The committee's keys.
    pub keys: VoteKeys,
    /// Who signed, each once.
    pub signers: Arc<[ReplicaId]>,
    /// The exact signed bytes.
    pub statement: Bytes,
    /// The sum of their signatures.
    pub signature: Signature,
}

impl Aggregate {
    /// Whether it holds, by one pairing equation of its own.
    pub fn holds(&self) -> bool {
        self.points().is_some_and(|(key, signature)| {
            let verdict =
                signature.fast_aggregate_verify_pre_aggregated(false, &self.statement, DST, &key);
            verdict == BLST_ERROR::BLST_SUCCESS
        })
    }
    /// Names the whole claim.
    pub fn digest(&self) -> Digest {
        let signers: Vec<u8> = self.signers.iter().flat_map(|id| id.0.to_le_bytes()).collect();
        let count = (self.signers.len() as u64).to_le_bytes();
        let keys = self.keys.digest();
        let parts: [&[u8]; 6] =
            [b"byzlab/aggregate/1", &keys.0, &count, &signers, &self.signature.0, &self.statement];
        sha256_of(&parts)
    }
    /// The sum of keys, and the signature as a point of its group, not infinity.
    fn points(&self) -> Option<(min_sig::PublicKey, min_sig::Signature)> {
        let bytes = self.signature.as_short()?;
        let signature = min_sig::Signature::sig_validate(bytes, true).ok()?;
        Some((self.keys.sum(&self.signers)?, signature))
    }
}

/// One verdict each, in order: many in one equation, weighted so that wrong ones cannot make up for each
/// other. If it fails, each is looked at alone.
pub fn check(claims: &[&Aggregate]) -> Vec<bool> {
    if claims.len() < 2 {
        return claims.iter().map(|claim| claim.holds()).collect();
    }
    let points: Vec<_> = claims.iter().map(|claim| claim.points()).collect();
    let sound: Vec<usize> = (0..claims.len()).filter(|&at| points[at].is_some()).collect();
    let mut verdicts = vec![false; claims.len()];
    let parts: Vec<_> = sound
        .iter()
        .filter_map(|&at| points[at].as_ref().map(|(key, signature)| (at, key, signature)))
        .collect();
    let names: Vec<Digest> = sound.iter().map(|&at| claims[at].digest()).collect();
    let names: Vec<&[u8]> = names.iter().map(|name| &name.0[..]).collect();
    let seed = sha256_of(&names);
    let weight = |index: u64| {
        let mut weight = blst_scalar { b: [0; 32] };
        let drawn = sha256(&[&seed.0[..], &index.to_le_bytes()].concat());
        weight.b[..WEIGHT_BITS / 8].copy_from_slice(&drawn.0[..WEIGHT_BITS / 8]);
        weight.b[0] |= 1; // never zero
        weight
    };
    let statements: Vec<&[u8]> = parts.iter().map(|&(at, ..)| &claims[at].statement[..]).collect();
    let keys: Vec<_> = parts.iter().map(|&(_, key, _)| key).collect();
    let signatures: Vec<_> = parts.iter().map(|&(.., signature)| signature).collect();
    let weights: Vec<_> = (0..parts.len() as u64).map(weight).collect();
    let all = min_sig::Signature::verify_multiple_aggregate_signatures(
        &statements,
        DST,
        &keys,
        false,
        &signatures,
        false,
        &weights,
        WEIGHT_BITS,
    ) == BLST_ERROR::BLST_SUCCESS;
    sound.into_iter().for_each(|at| verdicts[at] = all || claims[at].holds());
    verdicts
}

/// The sum of signatures over one statement; `None` if one of them is no BLS signature, or there are
/// none. They need not be proven: a sum with a wrong one in it does not hold.
pub fn sum(signatures: &[Signature]) -> Option<Signature> {
    let points: Option<Vec<_>> = signatures
        .iter()
        .map(|signature| min_sig::Signature::uncompress(signature.as_short()?).ok())
        .collect();
    let points = points?;
    let sum =
        min_sig::AggregateSignature::aggregate(&points.iter().collect::<Vec<_>>(), false).ok()?;
    Some(Signature::short(sum.to_signature().compress()))
}
