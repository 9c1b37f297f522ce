//! Commits, missing blocks, state transfer, keeping up.

use std::sync::Arc;

use byzlab_core::{Block, Effects, Note, ReplicaId, Time, block::Head};

use super::{
    HotStuff, Timer,
    message::{Message, Standing},
    rules::{Finality, Qc, Rule},
};
use crate::kit::{Catchup, Gap, Wanted, Way};

impl HotStuff {
    pub(super) fn on_start(&mut self, now: Time, out: &mut Effects<Self>) {
        out.lead(self.pacemaker.rotation().hint());
        self.announce(out);
        if self.came_back {
            out.compact(self.compacted());
            out.broadcast(Message::Status(Box::new(self.standing()), true));
        }
        out.arm(Timer::Status, now + self.setup.idle_gap());
        self.watch(now, out);
        self.lead(now, out);
    }

    /// Says which view it is in, and who leads it.
    pub(super) fn announce(&self, out: &mut Effects<Self>) {
        let (view, leader) = (self.pacemaker.view(), self.pacemaker.leader());
        out.note(Note::Entered { view, leader: Some(leader) });
    }

    /// `qc` commits `head`, and everything below.
    pub(super) fn aim(&mut self, now: Time, head: Head, qc: &Arc<Qc>, out: &mut Effects<Self>) {
        let known = self.goal.as_ref().map_or(self.chain.root().height, |(goal, _)| goal.height);
        if head.height > known {
            self.goal = Some((head, qc.clone()));
            self.commit(now, out);
        }
    }

    /// Algorithm 4, l. 13-15, `onCommit`: commits up to the goal, lowest first, or asks for what is missing.
    pub(super) fn commit(&mut self, now: Time, out: &mut Effects<Self>) {
        let Some((head, qc)) = self.goal.clone() else { return };
        match self.chain.commit(head) {
            Ok(drafts) => {
                self.goal = None;
                for place in 0..drafts.len() {
                    let way = Way::through(&drafts[place + 1..]);
                    let proof = Finality { qc: qc.clone(), way }.to_proof();
                    out.commit(drafts[place].clone().finish(proof));
                }
                self.pacemaker.succeed();
            }
            Err(Gap::Missing(missing)) => self.ask_for(now, missing, out),
            Err(Gap::Fork) => {
                self.goal = None;
                if head.height > self.chain.root().height {
                    out.note(Note::Waits { why: "a certificate contradicts the ledger" });
                }
            }
        }
    }

    /// Asks one who voted for it, or on top of it, for a missing block.
    pub(super) fn ask_for(&mut self, now: Time, missing: Head, out: &mut Effects<Self>) {
        let height = self.chain.root().height;
        let qc = self.goal.as_ref().map_or(&self.high, |(_, qc)| qc);
        let holders = qc.certificate.signers();
        self.fetch.ask(now, missing, height, holders, Timer::Fetch, out);
    }

    pub(super) fn on_fetch_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        self.fetch.on_timer(now, Timer::Fetch, out);
        self.commit(now, out);
        self.lead(now, out);
    }

    pub(super) fn on_wanted(
        &mut self,
        now: Time,
        from: ReplicaId,
        wanted: Wanted,
        out: &mut Effects<Self>,
    ) {
        match wanted {
            Wanted::Ask(head, height) => match Wanted::answer(&self.chain, head, height) {
                Some(answer) => out.send(from, answer.into()),
                // Committed by now, perhaps: then the ledger has it.
                None if self.chain.root().height > height => {
                    out.send(from, Message::Status(Box::new(self.standing()), false));
                }
                None => out.drop(from, "ask-drafts", "that block is not at hand"),
            },
            Wanted::Drafts(drafts) => {
                if !self.fetch.on_drafts(&drafts, Timer::Fetch, out) {
                    return out.drop(from, "drafts", "not what was asked for");
                }
                let needed = self.high.head();
                for draft in drafts {
                    self.chain.insert(draft, needed);
                }
                self.commit(now, out);
                self.lead(now, out);
                self.watch(now, out);
            }
        }
    }

    pub(super) fn on_catchup(
        &mut self,
        now: Time,
        from: ReplicaId,
        catchup: Catchup,
        out: &mut Effects<Self>,
    ) {
        match catchup {
            Catchup::Ask(height) => self.sync.on_ask(from, height, out),
            Catchup::Blocks(blocks) => {
                let head = self.chain.root();
                let blocks = self.sync.on_blocks(from, blocks, head, Timer::Sync, out);
                self.take_over(now, from, blocks, out);
                self.pump(now, out);
            }
        }
    }

    /// Commits audited blocks that extend the head, and takes over the certificates in them.
    fn take_over(
        &mut self,
        now: Time,
        from: ReplicaId,
        blocks: Vec<Block>,
        out: &mut Effects<Self>,
    ) {
        let mut last = None;
        for block in blocks {
            let finality = Finality::of(&block.proof).expect("it was audited");
            if !self.trusts(&finality.qc) {
                let what = "a block that another commit rule made final";
                out.note(Note::Misbehaved { by: from, what });
                break;
            }
            let above = |(goal, _): &(Head, Arc<Qc>)| goal.height > block.height;
            self.goal = self.goal.take().filter(above);
            self.chain.reroot(block.head());
            out.commit(block);
            last = Some(finality.qc);
        }
        let Some(qc) = last else { return };
        match self.setup.rule {
            Rule::Double => self.on_decision(now, &qc, out),
            Rule::ThreeChain | Rule::TwoChain => self.on_qc(now, &qc, out),
        }
        self.pacemaker.succeed();
        self.commit(now, out);
        self.lead(now, out);
        self.watch(now, out);
    }

    pub(super) fn pump(&mut self, now: Time, out: &mut Effects<Self>) {
        self.sync.pump(now, self.chain.root().height, Timer::Sync, out);
    }

    /// Nothing happened for a long while: asks one peer, another each time, whether it missed something.
    pub(super) fn on_status_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        let seen = (self.pacemaker.view(), self.chain.root().height);
        if self.seen == seen {
            let committee = &self.seat.committee;
            let others = 1 + self.asked % (committee.size() as u64 - 1).max(1);
            let peer = committee.at_turn(u64::from(self.seat.me.0) + others);
            self.asked += 1;
            out.send(peer, Message::Status(Box::new(self.standing()), true));
        }
        self.seen = seen;
        out.arm(Timer::Status, now + self.setup.idle_gap());
    }

    pub(super) fn on_status(
        &mut self,
        now: Time,
        from: ReplicaId,
        standing: &Standing,
        asks: bool,
        out: &mut Effects<Self>,
    ) {
        if from == self.seat.me || !self.adopt(now, from, "status", standing, out) {
            return;
        }
        if asks {
            self.answer(now, from, standing, out);
        }
    }

    /// Tells `to`, who stands there, where this replica stands, if that is news; and again what it said to it
    /// in this view, which one that was down has not heard. Now and then at most.
    pub(super) fn answer(
        &mut self,
        now: Time,
        to: ReplicaId,
        theirs: &Standing,
        out: &mut Effects<Self>,
    ) {
        let newest = |standing: &Standing| {
            let timeout = standing.timeout.as_ref().map(|timeout| timeout.view);
            let decision = standing.decision.as_ref().map(|decision| decision.view());
            [Some(standing.high.view()), timeout, decision].into_iter().flatten().max()
        };
        let ours = self.standing();
        let news = ours.height > theirs.height || newest(&ours) > newest(theirs);
        let said = self.said.iter().filter(|(whom, _)| whom.is_none_or(|whom| whom == to));
        let said: Vec<Message> = match self.waits() && !self.pacemaker.gave_up() {
            true => said.map(|(_, message)| message.clone()).collect(),
            false => Vec::new(),
        };
        if !news && said.is_empty() {
            return out.drop(to, "status", "it knows as much");
        }
        let answered = &mut self.answered[to.index()];
        if answered.is_some_and(|at| now < at + self.setup.patience()) {
            return out.drop(to, "status", "answered a moment ago");
        }
        *answered = Some(now);
        if news {
            out.send(to, Message::Status(Box::new(ours), false));
        }
        said.into_iter().for_each(|message| out.send(to, message));
    }
}
