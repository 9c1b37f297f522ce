//! A cluster as a story, and what a block's proof shows.

#![allow(clippy::unwrap_used)]

use byzlab_core::{
    Accelerator, Batch, Block, Committee, Digest, Entry, Height, Reference, ReplicaId, Scheme,
    Signer, View, block::Head,
};

use super::{
    Message, Streamlet,
    message::{Finality, audit, vote_statement},
};
use crate::kit::{Certificate, Draft, Way};

type Cluster = crate::kit::steps::Steps<Message>;

const ENTRY: Entry = Entry::of::<Streamlet>("streamlet", "");

#[test]
fn the_second_of_three_epochs_is_final() {
    let mut steps = Cluster::new(ENTRY, "delta = \"20ms\"", 4, &[]);
    steps.load = 100;
    let told = steps.run(15).lines().filter(|line| !line.contains("status"));
    let expected = "
        4δ r1 → all: proposal
        4δ r1 → all: vote
        5δ r0 r2 r3 → all: vote
        8δ r2 → all: proposal
        8δ r2 → all: vote
        9δ r0 r1 r3 → all: vote
        12δ r3 → all: proposal
        12δ r3 → all: vote
        13δ r0 r1 r2 → all: vote
        14δ r0 r1 r2 r3: commits";
    let expected: Vec<_> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(steps.ledgers[0].len(), 2, "the third waits for what comes");
    assert!(steps.audited());
}

/// Whether the block of this index, of four adjacent ones, passes for final when the last three were
/// notarized in these epochs by these.
fn audits(which: usize, epochs: [u64; 3], by: &[u16]) -> bool {
    let signer = |i: u16| Signer::seeded(Scheme::Ed25519, 9, &format!("replica/{i}"));
    let committee = Committee::new("test", (0..4).map(|i| signer(i).public()).collect(), true);
    let mut below = Head { height: Height(4), digest: Digest([4; 32]) };
    let drafts: Vec<Draft> = (0..4)
        .map(|i| {
            let draft = Draft::on(below, ReplicaId(i), Batch::empty());
            below = draft.head();
            draft
        })
        .collect();
    let certificates = [0, 1, 2].map(|i| {
        let statement = vote_statement(&committee, View(epochs[i]), drafts[i + 1].head());
        let vote = |&by: &u16| (ReplicaId(by), signer(by).sign(&statement.0));
        Certificate::of(&by.iter().map(vote).collect::<Vec<_>>())
    });
    let finality = Finality {
        epoch: View(epochs[0]),
        first: drafts[1].head(),
        second: Way::through(&drafts[2..3]),
        third: Way::through(&drafts[3..]),
        certificates,
        way: Way::through(drafts.get(which + 1..3).unwrap_or_default()),
    };
    let block: Block = drafts[which].clone().finish(finality.to_proof());
    let claims = audit(&block, &committee);
    claims.is_ok_and(|claims| Reference.check(&claims).into_iter().all(|holds| holds))
}

#[test]
fn an_audit_asks_for_three_adjacent_blocks_in_consecutive_epochs() {
    let all = [0, 1, 3];
    assert!(audits(2, [5, 6, 7], &all), "the second");
    assert!(audits(1, [5, 6, 7], &all) && audits(0, [5, 6, 7], &all), "those below it");
    assert!(!audits(3, [5, 6, 7], &all), "not the third");
    assert!(!audits(2, [4, 6, 7], &all), "with an epoch between");
    assert!(!audits(2, [5, 6, 7], &[0, 1]), "below the quorum");
}
