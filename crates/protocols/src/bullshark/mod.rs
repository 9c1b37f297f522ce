//! Bullshark and Tusk. Bullshark: Spiegelman, Giridharan, Sonnino, Kokoris-Kogias, *Bullshark: The Partially
//! Synchronous Version*, arXiv 2209.05633 (first in CCS 2022), over the certified DAG of Narwhal: Danezis,
//! Kokoris-Kogias, Sonnino, Spiegelman, *Narwhal and Tusk*, EuroSys 2022, arXiv 2105.11827.
//!
//! Each round is a reliable broadcast of every replica's vertex, three delays and 3n(n − 1) messages: a *header*
//! with a batch and a quorum of the last round's vertices goes to all; who has those *votes* for it, once
//! an author and round; a quorum of votes is its *certificate*, which goes to all and puts it in the DAG.
//! So there are no equivocations in the DAG, and whatever it has can be fetched.
//!
//! Odd rounds have an *anchor*, a vertex of one author in turn. Vertices of the even round after vote for it by
//! building on it. One that f + 1 vote for is committed; before it come the earlier anchors that it leads
//! to, and before each its causal history. See [`kit::dag`](crate::kit::dag) for how that becomes a ledger.
//!
//! **Tusk** (Narwhal and Tusk) is the asynchronous one, over the same DAG: `anchors = "by-coin"`. Nobody is waited
//! for, and who has the anchor of a round nobody knows before a quorum has voted: vertices of the next odd round
//! toss a [coin](byzlab_core::crypto::coin), f + 1 tosses of which draw the anchor two rounds below.
//!
//! *Where to look.* **B** is arXiv 2209.05633, **N** is arXiv 2105.11827, by sections and algorithms; **R** is their
//! authors' implementation, <https://github.com/MystenLabs/narwhal>, by lines: of `consensus/src/bullshark.rs` at
//! commit 3448a1f, `consensus/src/utils.rs` at 7683156, `primary/src/core.rs` at 01fc919, `primary/src/proposer.rs`
//! at 05eecdc; of `consensus/src/tusk.rs` at 061588d by functions.
//!
//! | file | what |
//! |---|---|
//! | `rules` | votes for anchors, and their order |
//! | `coin` | Tusk: who has an anchor |
//! | `narwhal` | headers, votes, certificates |
//! | `rounds` | when a replica makes a header, and of what |
//! | `log`, `message`, `params`, `theory` | saved state; messages; parameters; promises |
//!
//! # Safety
//! Let q = ⌈(n + f + 1)/2⌉, so that two quorums share an honest replica. *No equivocation:* a certificate has a
//! quorum's votes, and an honest replica votes for one header an author and round, saved before its vote leaves.
//! *Order:* an anchor is committed by n − q + 1 votes (f + 1 where n = 3f + 1); each later vertex has a quorum of the
//! voting round among its ancestors, so one of the voters, and leads to the anchor. So every replica orders it before
//! any later anchor that it commits; which anchors come between follows from the later one's history alone.
//!
//! *The ledger's proof.* A header of the voting round that votes for the anchor claims the cut through it, and others
//! claim what their author has decided. Of a quorum of equal claims at least q − f are honest. If one has decided, the
//! cut is final. Else q − f honest headers vote for the anchor; each later certified vertex has a quorum of authors of
//! that round among its ancestors, q + (q − f) > n, so an honest one of these, of whom there is no other header: it
//! leads to the anchor. The headers that make the proof need not be certified.
//!
//! *Tusk* orders its anchors by the same rule, so by the same argument; a header claims what its author has decided
//! and nothing else, for its vote is for nobody in particular. A replica tosses a round's coin when it has a quorum
//! of the votes, and one honest toss is among f + 1: so when anyone knows the anchor, the votes of a quorum stand,
//! and those who may delay messages have chosen without knowing.
//!
//! *Across restarts.* Headers, votes and what they build on are saved before they leave, and certificates before a
//! header builds on them. They stay saved until they are spent at the last proven cut, so whatever a certified vertex
//! builds on and may not be done without is on the disk of its author, even if all replicas are down at some time.
//!
//! # Liveness
//! After the network is timely, replicas wait for the anchor in odd rounds and for votes on it in even ones; timeouts
//! double until they suffice.
//!
//! *Tusk* needs no such time: rounds go on however messages are delayed. Of the 2f + 1 vertices that the first
//! honest replicas to toss have of the voting round, each builds on 2f + 1 of the round before; so f + 1 of these
//! are each built on by f + 1 of those, and the coin draws one of them with a chance of more than a third. Cuts are
//! proven while replicas decide at different times, for all claim the first that they have not seen proven, and the
//! sequence of anchors, and so of cuts, is one. A faulty replica's claim may reach some alone, who prove the cut and
//! go on; they show the proof to whoever goes on claiming it.
//!
//! # Deviations from the papers
//! - Anchors are in odd rounds and votes for them in even ones, for rounds begin with 1; in B (§2.2) and R
//!   (bullshark.rs, l. 52-55) it is the other way round.
//! - Votes are counted as vertices of the voting round come, as in R (bullshark.rs, l. 69-85); B (Algorithm 2) counts
//!   them among the edges of one vertex of the round after. Both give the same order.
//! - In a voting round replicas wait for f + 1 votes or 2f + 1 that are none, as B has it (§2.3). R waits for 2f + 1
//!   or f + 1 (proposer.rs, l. 161-190).
//! - R makes a header when it has enough to say or a delay is over (proposer.rs, l. 223-227); here one is made as soon
//!   as the round before allows, while anything waits, and no sooner than `round_gap` after the last.
//! - What was voted for is saved, so that no restart votes twice; R keeps it in memory (core.rs, l. 265-272).
//! - Batches are in the headers: Narwhal's workers, which spread one replica's batches over machines, are not here.
//! - Quorums are computed for any n, and n − q + 1 votes commit, which is f + 1 where n = 3f + 1.
//! - A certificate travels without its header; who lacks that fetches both.
//! - Headers carry the cut that they claim and the height of the author's ledger; a decided anchor enters the ledger
//!   when its cut is proven (see [`kit::dag`](crate::kit::dag)): at the same moment where all is well.
//! - The anchor's turn goes round; there is no reputation.
//! - Bullshark with a coin for its asynchronous view change is not here; Tusk is. Its coin is tossed in headers, with
//!   keys that a dealer made. A decided anchor enters the ledger when its cut is proven, by the headers after: that
//!   is a delay after its authors' rule in the best case.
//! - Idle replicas do not race, and what is lost is said again, as in [`mysticeti`](crate::mysticeti).
//! - A replica whose header is not certified while others complete the round after it goes on without.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{
    Block, BuildError, Claim, Committee, Digest, Effects, Entry, Input, Invalid, Protocol,
    Recipients, ReplicaId, Saved, Seat, Time,
};

use crate::kit::{
    Certificate, Preset, Tally,
    dag::{Cut, Loom, Round, Upkeep, Vertex, VertexRef, finality, pace::Pace},
};

mod coin;
mod log;
pub mod message;
mod narwhal;
mod params;
mod rounds;
pub mod rules;
mod theory;

#[cfg(test)]
mod tests;

pub use message::Message;
pub use params::{Anchoring, Params};

use message::Certified;
use params::Setup;
use rules::Anchors;

/// Bullshark: anchors in turn.
pub const BULLSHARK: Entry = Entry::of::<Bullshark>(
    "bullshark",
    "a certified DAG, Spiegelman et al. 2022, partially synchronous, over Narwhal",
)
.promising(theory::BULLSHARK);

/// Tusk: anchors drawn by a common coin.
pub const TUSK: Entry = Entry::behind(
    "tusk",
    "asynchronous, with a common coin, over Narwhal, Danezis et al. 2022",
    const { &Preset { of: BULLSHARK, params: "anchors = \"by-coin\"" } },
)
.promising(theory::TUSK);

/// What headers are signed as.
pub const DOMAIN: &str = "bullshark/header";

/// Names of Bullshark's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A round's anchor, or votes on it, did not come.
    Leader,
    /// The own last header is so old that the next may be made: after the round's gap, or when idle.
    Pace,
    /// Time to look for what is missing. Always armed.
    Look,
    /// A peer that was asked for blocks of the ledger did not answer.
    Sync,
}

/// One replica of Bullshark.
#[derive(Debug)]
pub struct Bullshark {
    setup: Setup,
    loom: Loom,
    anchors: Anchors,
    pace: Pace,

    /// Headers that are not in the DAG yet, one an author and round; and whether the last look saw them.
    headers: BTreeMap<VertexRef, (Arc<Vertex>, bool)>,
    /// What was voted for, or is certified, above the floor.
    voted: BTreeMap<(Round, ReplicaId), Digest>,
    /// Certificates of vertices in the DAG, and of those whose ancestors it lacks.
    certificates: BTreeMap<VertexRef, Arc<Certificate>>,
    /// Certificates whose headers did not come; and how many looks saw them.
    orphans: BTreeMap<VertexRef, (Arc<Certificate>, u32)>,
    /// Votes for the own last header, until it is certified.
    votes: Option<Tally<Digest>>,
    /// The own last vertex in the DAG.
    own: Option<VertexRef>,
    /// The highest round of a header.
    heard: Round,
    /// At and below this, votes from before a restart may be forgotten.
    bound: Option<Cut>,
    restored: log::Restored,
    came_back: bool,
}

impl Protocol for Bullshark {
    type Message = Message;
    type Timer = Timer;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let setup = Setup::new(&params)?;
        let restored = log::Restored::read(saved.records)?;
        let (me, committee) = (seat.me, seat.committee.clone());
        let patience = setup.rhythm.look_gap();
        let mut loom = Loom::new(seat, setup.depth, patience, DOMAIN, &saved, restored.cut.clone());
        for own in restored.headers.iter().filter(|header| header.author == me) {
            loom.remember(own.clone());
        }
        Ok(Self {
            anchors: Anchors::new(&committee, setup.anchoring, loom.order.decided().round),
            pace: Pace::new(setup.rhythm, Time::ZERO),
            setup,
            loom,
            headers: BTreeMap::new(),
            voted: BTreeMap::new(),
            certificates: BTreeMap::new(),
            orphans: BTreeMap::new(),
            votes: None,
            own: None,
            heard: Round(0),
            bound: restored.cut.as_ref().map(|proven| proven.cut.clone()),
            came_back: !saved.records.is_empty(),
            restored,
        })
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, out),
            Input::Message { from, message } => self.on_message(now, from, message, out),
            Input::Timer(Timer::Leader) => self.on_leader_timer(now, out),
            Input::Timer(Timer::Pace) => self.advance(now, out),
            Input::Timer(Timer::Look) => self.on_look_timer(now, out),
            Input::Timer(Timer::Sync) => self.loom.on_sync_timer(now, Timer::Sync, out),
            Input::Waiting(waiting) => self.on_waiting(now, waiting, out),
            Input::Batch(batch) => self.on_batch(now, batch, out),
            Input::Blocks { tag, blocks } => self.loom.on_read(tag, blocks, out),
            Input::Sealed(_) => unreachable!("no puzzle was handed out"),
        }
    }

    fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        finality::audit(block, committee, DOMAIN)
    }

    fn tosses(params: &Params) -> bool {
        params.anchors == Anchoring::ByCoin
    }

    fn recipients() -> Recipients {
        Recipients::InTurn
    }
}

impl Bullshark {
    fn on_start(&mut self, now: Time, out: &mut Effects<Self>) {
        out.lead(None); // Everyone proposes.
        out.arm(Timer::Look, now + self.setup.rhythm.look_gap());
        self.pace.spoke(now);
        if self.came_back {
            self.resume(out);
        }
        self.go_on(now, Vec::new(), out);
    }

    /// Takes up where the log ends, and says again what it said last.
    fn resume(&mut self, out: &mut Effects<Self>) {
        let restored = std::mem::take(&mut self.restored);
        for header in restored.headers {
            let name = header.name();
            self.loom.hear(&header);
            self.anchors.hear(&header);
            self.voted.insert((name.round, name.author), name.digest);
            self.headers.insert(name, (header, false));
        }
        for (name, certificate) in restored.certificates {
            if let Some((header, _)) = self.headers.get(&name).cloned() {
                let accepted = self.certify(Certified { header, certificate });
                self.accept(accepted, false, out);
            }
        }
        if let Some(last) = self.loom.last.clone().filter(|last| self.own != Some(last.name())) {
            self.count_votes_for(&last);
        }
        // Half of an entry that was cut off at the log's end must not stand before others.
        let (proven, kept) = self.loom.kept();
        out.compact(self.compacted(proven, &kept));
        self.repeat(out);
    }

    fn on_message(
        &mut self,
        now: Time,
        from: ReplicaId,
        message: Message,
        out: &mut Effects<Self>,
    ) {
        match message {
            // N, §3.1: a block; R, core.rs, l. 181-304, `process_header`.
            Message::Header(header) => self.on_header(now, from, header, out),
            // N, §3.1: a signature on it; R, core.rs, l. 308-345, `process_vote`.
            Message::Vote(header, signature) => self.on_vote(from, header, signature, out),
            // N, §3.1: its certificate of availability; R, core.rs, l. 349, `process_certificate`.
            Message::Certificate(header, certificate) => {
                self.on_certificate(now, from, header, certificate, out);
            }
            // N, §4.1: what is missing is pulled from who signed for it.
            Message::Fetched(vertices) => self.on_fetched(now, from, vertices, out),
            Message::Upkeep(Upkeep::Fetch(names)) => self.on_fetch(from, &names, out),
            Message::Upkeep(Upkeep::Cut(proven)) => {
                let ready = self.loom.on_cut(now, from, proven, Timer::Sync, out);
                self.go_on(now, ready, out);
            }
            Message::Upkeep(Upkeep::Catchup(catchup)) => {
                let ready = self.loom.on_catchup(now, from, catchup, Timer::Sync, out);
                self.go_on(now, ready, out);
            }
        }
    }

    /// Takes in vertices, orders and commits what can be, votes for headers that build on them, and makes
    /// the next header if it is time.
    fn go_on(&mut self, now: Time, accepted: Vec<Arc<Vertex>>, out: &mut Effects<Self>) {
        self.accept(accepted, true, out);
        self.vote_for_waiting(out);
        self.advance(now, out);
    }

    /// Counts vertices all of whose ancestors are here, and orders what follows.
    fn accept(&mut self, mut accepted: Vec<Arc<Vertex>>, save: bool, out: &mut Effects<Self>) {
        let mut at = 0;
        while let Some(vertex) = accepted.get(at).cloned() {
            at += 1;
            self.enter(&vertex, save, out);
            self.anchors.pass(self.loom.order.decided().round);
            self.anchors.count(&vertex);
            accepted.extend(self.order(vertex.round.back(1)));
        }
        self.anchors.pass(self.loom.order.decided().round);
        self.forget();
        if self.loom.order.commit(out)
            && let Some((proven, kept)) = self.loom.compact(log::COMPACT_ROUNDS)
        {
            out.compact(self.compacted(proven, &kept));
        }
    }

    /// Orders the anchor of a round, if it is committed, and before it those that it leads to. Gives vertices that
    /// waited for ancestors which are settled now.
    fn order(&mut self, round: Round) -> Vec<Arc<Vertex>> {
        let committed = self.anchors.committed(round);
        let anchor = committed.and_then(|name| self.loom.dag.get(&name));
        let chain = anchor.and_then(|anchor| self.anchors.chain(&self.loom.dag, anchor));
        let Some(chain) = chain else { return Vec::new() };
        self.pace.committed();
        // R, bullshark.rs, l. 87-95: the committed anchor, before it those that it leads to, and the history of each.
        match self.anchors.are_drawn() {
            // Others may commit them one by one, and claim the cuts between.
            true => chain
                .chunks(1)
                .flat_map(|anchor| self.loom.decide(anchor[0].round, anchor))
                .collect(),
            false => self.loom.decide(round, &chain),
        }
    }

    /// Takes in the toss of a header, and orders the anchor that it draws if the votes for it were here before.
    fn hear_toss(&mut self, header: &Vertex, out: &mut Effects<Self>) {
        if let Some(anchor) = self.anchors.hear(header) {
            let accepted = self.order(anchor);
            self.accept(accepted, true, out);
        }
    }

    /// A vertex is in the DAG: saves what of it is not saved.
    fn enter(&mut self, vertex: &Arc<Vertex>, save: bool, out: &mut Effects<Self>) {
        let name = vertex.name();
        self.headers.remove(&name);
        self.orphans.remove(&name);
        let known = self.voted.insert((name.round, name.author), name.digest);
        if save && known != Some(name.digest) {
            log::header(vertex).for_each(|record| out.save(record));
        }
        if let Some(certificate) = self.certificates.get(&name).filter(|_| save) {
            out.save(log::certificate(name, certificate.clone()));
        }
        if name.author == self.loom.seat.me && self.own < Some(name) {
            self.own = Some(name);
            if self.loom.last_round() == name.round {
                self.votes = None;
            }
        }
    }

    /// Lets go of what is spent.
    fn forget(&mut self) {
        let dag = &self.loom.dag;
        let lives = |name: &VertexRef| !dag.is_spent(name.round, name.author);
        self.headers.retain(|name, _| lives(name));
        self.orphans.retain(|name, _| lives(name));
        let floor = dag.floor();
        while self.voted.first_key_value().is_some_and(|((round, _), _)| *round <= floor) {
            self.voted.pop_first();
        }
        while self.certificates.first_key_value().is_some_and(|(name, _)| name.round <= floor) {
            self.certificates.pop_first();
        }
    }

    /// The records of all that must stay saved.
    fn compacted(
        &self,
        proven: Arc<crate::kit::dag::Proven>,
        kept: &[Arc<Vertex>],
    ) -> Vec<byzlab_core::Record> {
        let voted =
            |name: &VertexRef| self.voted.get(&(name.round, name.author)) == Some(&name.digest);
        let waiting = self.headers.iter().filter(|(name, _)| voted(name));
        let mut headers: BTreeMap<_, _> = kept.iter().map(|of| (of.name(), of)).collect();
        headers.extend(waiting.map(|(name, (header, _))| (*name, header)));
        // One that waits for ancestors has its certificate, too, and may have been built on before a restart.
        let certificate = |name| self.certificates.get(&name);
        log::compacted(proven, headers.into_iter().map(|(name, of)| (of, certificate(name))))
    }
}
