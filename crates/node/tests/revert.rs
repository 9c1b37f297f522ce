//! A protocol that takes back its commits: every host calls that a safety failure, and lives on.

use std::sync::Arc;

use byzlab_core::{
    Batch, BatchLimit, Block, BuildError, Claim, Committee, Effects, Entry, Height, Input, Invalid,
    Message, Proof, Protocol, Reference, ReplicaId, Saved, Seat, Span, Time,
    block::Head,
    host::{Arrivals, Load},
};
use byzlab_node::{ClusterPlan, plan::Durability, run_cluster};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Params {}

/// Nothing to say.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Silence;

impl Message for Silence {
    fn kind(&self) -> &'static str {
        "silence"
    }
    fn claims(&self, _: ReplicaId, _: &Committee) -> Result<Vec<Claim>, Invalid> {
        Ok(Vec::new())
    }
}

/// One replica alone that commits every batch, and at height 5, once, goes back to height 2.
#[derive(Debug)]
struct Fickle {
    me: ReplicaId,
    chain: Vec<Head>,
    content: bool,
}

impl Protocol for Fickle {
    type Message = Silence;
    type Timer = ();
    type Params = Params;

    fn new(seat: Seat, _: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        Ok(Self { me: seat.me, chain: vec![saved.head], content: false })
    }
    fn step(&mut self, _: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Batch(batch) => self.on_batch(batch, out),
            Input::Start => want(out),
            _ => {}
        }
    }
    fn audit(_: &Block, _: &Committee) -> Result<Vec<Claim>, Invalid> {
        Ok(Vec::new())
    }
    fn replies(_: &Committee) -> usize {
        1
    }
}

impl Fickle {
    fn on_batch(&mut self, batch: Batch, out: &mut Effects<Self>) {
        if self.chain.len() == 6 && !self.content {
            self.content = true;
            self.chain.truncate(3);
            out.revert(Height(2));
        } else {
            let head = self.chain.last().expect("there is always a head");
            let height = head.height.next();
            let block = Block::chained(height, head.digest, self.me, batch, Proof::default());
            self.chain.push(block.head());
            out.commit(block);
        }
        want(out);
    }
}

fn want(out: &mut Effects<Fickle>) {
    let patience = Span::ms(20);
    let limit = BatchLimit { transactions: 100, bytes: 1 << 20, patience, empty: false };
    out.want_batch(limit, Vec::new());
}

#[test]
fn commits_taken_back_are_a_violation_and_their_transactions_come_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let entry = Entry::of::<Fickle>("fickle", "changes its mind");
    let mut plan = ClusterPlan::new(entry, 1, dir.path().to_owned(), Arc::new(Reference));
    plan.durability = Durability::Os;
    plan.duration = Span::ms(600);
    plan.drain = Span::seconds(20);
    let arrivals = Arrivals::Open { gap: Span::ms(20), poisson: false };
    plan.clients.load = Load { arrivals, retry: Span::ms(300), ..plan.clients.load };
    let outcome = run_cluster(&plan, &mut |_| ()).expect("it runs");
    let properties: Vec<_> = outcome.violations.iter().map(|v| v.property.as_str()).collect();
    assert_eq!(properties, ["finality"]);
    assert!(outcome.violations[0].what.contains("from height 5 down to 2"));
    assert_eq!(outcome.committed_transactions(), outcome.submitted);
    // The batch that was given up and those of three blocks were committed after all, once each.
    let executed = outcome.figures["transactions_executed"];
    assert_eq!(executed, outcome.submitted as f64);
}
