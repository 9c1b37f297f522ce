//! Certificates: signatures of distinct replicas over one statement.
//!
//! Where replicas sign by Ed25519 a certificate holds each signature; where they sign by BLS, one: their
//! sum, and a bit a replica. Which of them, the signatures say; a protocol need not know.

use std::fmt;

use byzlab_core::{Claim, Committee, Invalid, ReplicaId, Signature, Statement, crypto::bls};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess},
    ser::SerializeTuple as _,
};
use serde_bytes::{ByteBuf, Bytes};

/// Signatures of distinct replicas over one statement, in order of signer.
///
/// The statement is not in it: whoever holds the certificate knows what it is about, and so a
/// certificate cannot be read as one about something else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    signers: Vec<ReplicaId>,
    signatures: Signatures,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Signatures {
    /// One a signer, in the same order.
    Apart(Vec<Signature>),
    /// The sum of all.
    Together(Signature),
}

impl Default for Signatures {
    fn default() -> Self {
        Self::Apart(Vec::new())
    }
}

/// The most bytes one signature takes in an encoded certificate: signer, length, signature.
pub const SIGNATURE_BYTES_MAX: usize = 3 + 1 + 64;
/// The most bytes of a set of signers, one bit each.
const SIGNERS_BYTES_MAX: usize = (u16::MAX as usize + 1) / 8;

impl Certificate {
    /// The certificate of `votes`, whatever their order.
    ///
    /// # Panics
    /// If a signer is among them twice.
    pub fn of(votes: &[(ReplicaId, Signature)]) -> Self {
        let mut order: Vec<(ReplicaId, u32)> =
            votes.iter().zip(0..).map(|(&(signer, _), i)| (signer, i)).collect();
        order.sort_unstable();
        assert!(order.windows(2).all(|pair| pair[0].0 < pair[1].0), "one signature a signer");
        let signers = order.iter().map(|&(signer, _)| signer).collect();
        let apart: Vec<_> = order.into_iter().map(|(_, i)| votes[i as usize].1).collect();
        let signatures = match bls::sum(&apart) {
            Some(sum) => Signatures::Together(sum),
            None => Signatures::Apart(apart),
        };
        Self { signers, signatures }
    }
    /// How many signed.
    pub fn len(&self) -> usize {
        self.signers.len()
    }
    /// Whether nobody did.
    pub fn is_empty(&self) -> bool {
        self.signers.is_empty()
    }
    /// Who signed, in order.
    pub fn signers(&self) -> impl ExactSizeIterator<Item = ReplicaId> + '_ {
        self.signers.iter().copied()
    }
    /// Each signer's own signature; `None` if only their sum is there.
    pub fn votes(&self) -> Option<Vec<(ReplicaId, Signature)>> {
        let signers = self.signers();
        match &self.signatures {
            Signatures::Apart(each) => Some(signers.zip(each.iter().copied()).collect()),
            Signatures::Together(sum) if self.len() == 1 => {
                Some(signers.map(|s| (s, *sum)).collect())
            }
            Signatures::Together(_) => None,
        }
    }
    /// Adds the claims that each signer signed `statement`, or the one that all did. Whether they suffice
    /// is for the caller to judge by [`len`](Self::len).
    ///
    /// # Errors
    /// If signers are unknown, repeated or out of order; if it is a sum and the committee's signatures
    /// do not add up.
    pub fn claims(
        &self,
        statement: &Statement,
        committee: &Committee,
        claims: &mut Vec<Claim>,
    ) -> Result<(), Invalid> {
        if !self.signers.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(Invalid("a certificate with signers repeated or out of order"));
        }
        match &self.signatures {
            Signatures::Apart(each) => {
                claims.reserve(each.len());
                for (signer, &signature) in self.signers().zip(each) {
                    let claim = committee.signed(signer, statement, signature);
                    claims.push(claim.ok_or(Invalid("a certificate with an unknown signer"))?);
                }
            }
            Signatures::Together(sum) => {
                claims.push(committee.aggregate(
                    self.signers.as_slice().into(),
                    statement,
                    *sum,
                )?);
            }
        }
        Ok(())
    }
    /// The signers as bits, the lowest first; no zero byte at the end.
    fn bits(&self) -> Vec<u8> {
        let bytes = self.signers.last().map_or(0, |last| last.index() / 8 + 1);
        let mut bits = vec![0; bytes];
        self.signers.iter().for_each(|signer| bits[signer.index() / 8] |= 1 << (signer.0 % 8));
        bits
    }
}

/// Signers and signatures, in pairs. If there are none: the signers as bits, and then, if there are some,
/// the sum of their signatures.
impl Serialize for Certificate {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let pairs: Vec<(ReplicaId, Signature)> = match &self.signatures {
            Signatures::Apart(each) => self.signers().zip(each.iter().copied()).collect(),
            Signatures::Together(_) => Vec::new(),
        };
        let mut parts = s.serialize_tuple(3)?;
        parts.serialize_element(&pairs)?;
        if pairs.is_empty() {
            parts.serialize_element(Bytes::new(&self.bits()))?;
        }
        if let Signatures::Together(sum) = &self.signatures {
            parts.serialize_element(sum)?;
        }
        parts.end()
    }
}

impl<'de> Deserialize<'de> for Certificate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_tuple(3, Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Certificate;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a certificate")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Certificate, A::Error> {
        let missing =
            |at: usize| <A::Error as de::Error>::invalid_length(at, &"more of a certificate");
        let pairs: Vec<(ReplicaId, Signature)> = parts.next_element()?.ok_or_else(|| missing(0))?;
        if !pairs.is_empty() {
            let (signers, each) = pairs.into_iter().unzip();
            return Ok(Certificate { signers, signatures: Signatures::Apart(each) });
        }
        let bits: ByteBuf = parts.next_element()?.ok_or_else(|| missing(1))?;
        if bits.is_empty() {
            return Ok(Certificate::default());
        }
        if bits.len() > SIGNERS_BYTES_MAX || bits.last() == Some(&0) {
            return Err(de::Error::custom("signers beyond all, or zeros behind them"));
        }
        let is_in = |id: &u16| bits[usize::from(id / 8)] & (1 << (id % 8)) != 0;
        let end = (8 * bits.len()) as u32;
        let signers = (0..end).map(|id| id as u16).filter(is_in).map(ReplicaId).collect();
        let sum = parts.next_element()?.ok_or_else(|| missing(2))?;
        Ok(Certificate { signers, signatures: Signatures::Together(sum) })
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::{Accelerator, PublicKey, Reference, Scheme, Signer, VoteKeys, codec};

    use super::*;

    #[test]
    fn claims_hold_for_the_statement_and_no_other() {
        let signers: Vec<_> =
            (0..4).map(|i| Signer::seeded(Scheme::Ed25519, 1, &format!("replica/{i}"))).collect();
        let keys: Vec<PublicKey> = signers.iter().map(Signer::public).collect();
        let committee = Committee::new("test", keys, false);
        let [said, other] = [7u64, 8].map(|x| committee.statement("kit/test", &x));
        let votes: Vec<_> =
            [3, 0, 2].map(|i| (ReplicaId(i), signers[usize::from(i)].sign(&said.0))).into();
        let certificate = Certificate::of(&votes);
        assert_eq!(certificate.signers().map(|r| r.0).collect::<Vec<_>>(), [0, 2, 3]);

        let mut claims = Vec::new();
        certificate.claims(&said, &committee, &mut claims).expect("well-formed");
        certificate.claims(&other, &committee, &mut claims).expect("well-formed");
        let verdicts = Reference.check(&claims);
        assert_eq!(verdicts, [true, true, true, false, false, false]);
    }

    #[test]
    fn repeated_and_unknown_signers_are_refused() {
        let committee = Committee::new("test", vec![PublicKey::default(); 4], false);
        let statement = committee.statement("kit/test", &0u8);
        let bad = |ids: &[u16]| {
            let signers: Vec<_> = ids.iter().map(|&i| ReplicaId(i)).collect();
            let signatures = Signatures::Apart(vec![Signature::default(); ids.len()]);
            let certificate = Certificate { signers, signatures };
            certificate.claims(&statement, &committee, &mut Vec::new()).is_err()
        };
        assert!(!bad(&[0, 1, 3]));
        assert!(bad(&[0, 0, 1]) && bad(&[1, 0]) && bad(&[0, 4]));
    }

    fn voters() -> (Vec<Signer>, Committee) {
        let signers: Vec<_> =
            (0..10).map(|i| Signer::seeded(Scheme::Bls, 1, &format!("replica/{i}"))).collect();
        let pairs: Vec<_> = signers.iter().filter_map(Signer::vote_key).collect();
        let keys: Vec<PublicKey> = signers.iter().map(Signer::public).collect();
        let votes = VoteKeys::new(&pairs).expect("keys of their own");
        (signers, Committee::new("test", keys, false).voting_with(votes))
    }

    fn certificate(signers: &[Signer], ids: &[u16], said: &Statement) -> Certificate {
        let vote = |&i: &u16| (ReplicaId(i), signers[usize::from(i)].sign(&said.0));
        Certificate::of(&ids.iter().map(vote).collect::<Vec<_>>())
    }

    fn verdicts(certificate: &Certificate, said: &Statement, committee: &Committee) -> Vec<bool> {
        let mut claims = Vec::new();
        certificate.claims(said, committee, &mut claims).expect("well-formed");
        Reference.check(&claims)
    }

    #[test]
    fn signatures_that_add_up_are_one_claim_of_fixed_size() {
        let (signers, committee) = voters();
        let [said, other] = [7u64, 8].map(|x| committee.statement("kit/test", &x));
        let all: Vec<u16> = (0..10).rev().collect();
        for ids in [&[9, 0, 4][..], &[3], &all] {
            let certificate = certificate(&signers, ids, &said);
            assert_eq!(verdicts(&certificate, &said, &committee), [true]);
            assert_eq!(verdicts(&certificate, &other, &committee), [false]);
            let bytes = codec::encode(&certificate);
            assert!(bytes.len() <= 1 + 1 + 2 + 1 + 48, "{} bytes", bytes.len());
            assert_eq!(codec::decode::<Certificate>(&bytes), Ok(certificate));
        }
        // Another set of signers is another claim.
        let mut more = certificate(&signers, &[0, 4], &said);
        more.signers.push(ReplicaId(9));
        assert_eq!(verdicts(&more, &said, &committee), [false]);
        assert_eq!(codec::encode(&Certificate::default())[..], [0, 0]);
        assert_eq!(codec::decode::<Certificate>(&[0, 0]), Ok(Certificate::default()));
    }

    #[test]
    fn sums_of_strangers_and_in_other_committees_are_refused() {
        let (signers, committee) = voters();
        let said = committee.statement("kit/test", &7u8);
        let good = certificate(&signers, &[1, 2, 9], &said);
        let small = Committee::new("small", vec![PublicKey::default(); 4], false);
        assert!(good.claims(&said, &small, &mut Vec::new()).is_err(), "no sums there");
        let mut stranger = good.clone();
        stranger.signers.push(ReplicaId(10));
        assert!(stranger.claims(&said, &committee, &mut Vec::new()).is_err());
        // The same bits with a zero byte behind them are not the canonical encoding.
        let mut bytes = codec::encode(&good).to_vec();
        assert_eq!(bytes[..4], [0, 2, 0b110, 0b10]);
        bytes[1] = 3;
        bytes.insert(4, 0);
        assert!(codec::decode::<Certificate>(&bytes).is_err());
        let mut nobody = codec::encode(&good).to_vec();
        nobody[2..4].fill(0);
        assert!(codec::decode::<Certificate>(&nobody).is_err());
    }
}
