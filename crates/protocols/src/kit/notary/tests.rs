//! What a block's proof shows under either rules.

use byzlab_core::{
    Accelerator, Batch, Block, Committee, Digest, Height, Reference, ReplicaId, Scheme, Signer,
    View, block::Head,
};

use super::{
    Rules,
    message::{Finality, audit, head_statement},
};
use crate::{
    kit::{Certificate, Draft, Way},
    minimmit::Spec,
    simplex::Steps,
};

/// Whether the lower of two blocks passes for final when these voted for the upper one.
fn audits<R: Rules>(n: u16, by: &[u16], domain: &str, way: bool) -> bool {
    let signer = |i: u16| Signer::seeded(Scheme::Ed25519, 9, &format!("replica/{i}"));
    let committee = Committee::new("test", (0..n).map(|i| signer(i).public()).collect(), true);
    let below = Head { height: Height(4), digest: Digest([4; 32]) };
    let lower = Draft::on(below, ReplicaId(1), Batch::empty());
    let upper = Draft::on(lower.head(), ReplicaId(2), Batch::empty());
    let statement = head_statement(&committee, domain, View(7), upper.head());
    let votes: Vec<_> = by.iter().map(|&i| (ReplicaId(i), signer(i).sign(&statement.0))).collect();
    let way = if way { Way::through(&[upper]) } else { Way::default() };
    let finality = Finality { view: View(7), way, certificate: Certificate::of(&votes) };
    let block: Block = lower.finish(finality.to_proof());
    let claims = audit::<R>(&block, &committee);
    claims.is_ok_and(|claims| Reference.check(&claims).into_iter().all(|holds| holds))
}

#[test]
fn an_audit_asks_for_the_votes_that_make_final() {
    let simplex = |by: &[u16], domain, way| audits::<Steps>(4, by, domain, way);
    assert!(simplex(&[0, 1, 3], Steps::FINALIZE, true));
    assert!(!simplex(&[0, 1, 3], Steps::FINALIZE, false), "of the block above");
    assert!(!simplex(&[0, 1, 3], Steps::VOTE, true), "a notarization");
    assert!(!simplex(&[0, 1], Steps::FINALIZE, true), "below the quorum");
    let minimmit = |by: &[u16]| audits::<Spec>(6, by, Spec::VOTE, true);
    assert!(minimmit(&[0, 1, 2, 3, 5]));
    assert!(!minimmit(&[0, 1, 2, 3]), "a notarization, but fewer than n − f");
}
