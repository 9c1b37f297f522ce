//! A cluster as a story, and what little a block's proof shows.

#![allow(clippy::unwrap_used)]

use byzlab_core::{
    Batch, Block, Committee, Digest, Entry, Height, Proof, PublicKey, ReplicaId, View,
};

use super::{Message, Raft, message};

type Cluster = crate::kit::steps::Steps<Message>;

const ENTRY: Entry = Entry::of::<Raft>("raft", "");
const PARAMS: &str = "in_flight = 1\nelection_timeout = \"100ms\"\nheartbeat = \"50ms\"";

#[test]
fn a_majority_of_answers_commits_and_the_next_call_tells() {
    let mut steps = Cluster::new(ENTRY, PARAMS, 3, &[]);
    steps.load = 100;
    let told = steps.run(60).to_owned();
    let kind = |line: &str| line.rsplit(' ').next().unwrap_or_default().to_owned();
    let kinds: Vec<String> =
        told.lines().filter(|line| !line.contains("heartbeat")).map(kind).collect();
    let elected = kinds.iter().position(|kind| kind == "append").unwrap();
    // A candidate asks, is elected, and appends an empty entry of its term; the answers commit it, and
    // the next entry tells the others so.
    assert_eq!(kinds[..elected], ["request-vote", "vote"], "\n{told}");
    let expected = ["append", "appended", "append", "commits", "appended", "commits"];
    assert_eq!(kinds[elected..elected + 6], expected, "\n{told}");
    assert!(steps.audited());
    assert!(steps.ledgers.iter().all(|ledger| ledger.len() > 2), "\n{told}");
}

#[test]
fn an_audit_sees_the_block_and_not_the_majority() {
    let committee = Committee::new("test", vec![PublicKey::default(); 3], false);
    let (parent, producer) = (Digest([1; 32]), ReplicaId(2));
    let block = |proof| Block::chained(Height(3), parent, producer, Batch::empty(), proof);
    let good = block(message::proof(View(4)));
    assert!(message::audit(&good, &committee).is_ok());
    assert!(message::audit(&block(Proof::default()), &committee).is_err(), "no term");
    assert!(message::audit(&Block { height: Height(4), ..good.clone() }, &committee).is_err());
    assert!(message::audit(&Block { producer: ReplicaId(3), ..good }, &committee).is_err());
}
