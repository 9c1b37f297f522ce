//! Certificates: signatures of distinct replicas over one statement.

use byzlab_core::{Claim, Committee, Invalid, ReplicaId, Signature, Statement};
use serde::{Deserialize, Serialize};

/// Signatures of distinct replicas over one statement, in order of signer.
///
/// The statement is not in it: whoever holds the certificate knows what it is about, and so a
/// certificate cannot be read as one about something else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate(Vec<(ReplicaId, Signature)>);

/// The most bytes one signature takes in an encoded certificate: signer, length, signature.
pub const SIGNATURE_BYTES_MAX: usize = 3 + 1 + 64;

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
        Self(order.into_iter().map(|(_, i)| votes[i as usize]).collect())
    }
    /// How many signed.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether nobody did.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Who signed, in order.
    pub fn signers(&self) -> impl ExactSizeIterator<Item = ReplicaId> + '_ {
        self.0.iter().map(|&(signer, _)| signer)
    }
    /// Each signer's own signature, if it holds them apart.
    pub fn votes(&self) -> Option<Vec<(ReplicaId, Signature)>> {
        Some(self.0.clone())
    }
    /// Adds the claims that each signer signed `statement`. Whether they suffice is for the caller to
    /// judge by [`len`](Self::len).
    ///
    /// # Errors
    /// If signers are unknown, repeated or out of order.
    pub fn claims(
        &self,
        statement: &Statement,
        committee: &Committee,
        claims: &mut Vec<Claim>,
    ) -> Result<(), Invalid> {
        if !self.0.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Err(Invalid("a certificate with signers repeated or out of order"));
        }
        claims.reserve(self.0.len());
        for &(signer, signature) in &self.0 {
            let claim = committee.signed(signer, statement, signature);
            claims.push(claim.ok_or(Invalid("a certificate with an unknown signer"))?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::{Accelerator, PublicKey, Reference, Scheme, Signer};

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
            let votes = ids.iter().map(|&i| (ReplicaId(i), Signature::default())).collect();
            Certificate(votes).claims(&statement, &committee, &mut Vec::new()).is_err()
        };
        assert!(!bad(&[0, 1, 3]));
        assert!(bad(&[0, 0, 1]) && bad(&[1, 0]) && bad(&[0, 4]));
    }
}
