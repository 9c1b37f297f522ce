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
fn a_crash_is_followed_by_elections_until_one_succeeds() {
    let mut steps = Cluster::new(ENTRY, PARAMS, 3, &[]);
    steps.load = 100;
    steps.run(20);
    let leader = steps.messages.iter().find_map(|(_, from, message)| match message {
        Message::Append(_) => Some(*from),
        _ => None,
    });
    steps.crash(leader.unwrap().0);
    steps.run(45);
    // §5.2: in term 2 both ask at once, and each has voted for itself; their next timeouts differ.
    let expected = "
        12δ r0 asks for term 1, its log ends at 0 of term 0
        13δ r1 votes in term 1: true
        13δ r2 votes in term 1: true
        14δ r0 leads term 1, appends 1 of term 1
        38δ r1 asks for term 2, its log ends at 3 of term 1
        38δ r2 asks for term 2, its log ends at 3 of term 1
        39δ r2 votes in term 2: false
        39δ r1 votes in term 2: false
        56δ r2 asks for term 3, its log ends at 3 of term 1
        57δ r1 votes in term 3: true
        58δ r2 leads term 3, appends 4 of term 3";
    let expected: Vec<_> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(elections(&steps.messages), expected);
    // §5.4.2: what is left of term 1 is committed with the first entry of term 3, after its answers.
    let commits = |line: &&str| line.ends_with("commits");
    let first = steps.transcript.lines().skip_while(|line| !line.starts_with("58δ")).find(commits);
    assert_eq!(first, Some("60δ r2: commits"));
    assert!(steps.audited());
}

/// What was said of elections: who asks for which term, with a log that ends where; who votes; and the first
/// entry of each term.
fn elections(messages: &[(u64, ReplicaId, Message)]) -> Vec<String> {
    let (mut told, mut led) = (Vec::new(), View(0));
    for (step, from, message) in messages {
        let line = match message {
            Message::RequestVote(term, end) => {
                let (last, of) = (end.height, end.term);
                format!("asks for term {term}, its log ends at {last} of term {of}")
            }
            Message::Vote(term, granted) => format!("votes in term {term}: {granted}"),
            Message::Append(append) if append.term > led && !append.entries.is_empty() => {
                led = append.term;
                let first = &append.entries[0];
                let (at, of) = (first.draft.height, first.term);
                format!("leads term {led}, appends {at} of term {of}")
            }
            _ => continue,
        };
        told.push(format!("{step}δ {from} {line}"));
    }
    told.dedup(); // a request goes to each of the others
    told
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
