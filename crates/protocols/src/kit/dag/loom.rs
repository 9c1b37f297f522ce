//! One replica's DAG and ledger, and what keeps both up with the others'.
//!
//! A vertex that others build on and that is not here is fetched from them. A replica that lost the
//! others' trail says its last vertex again; whoever is further, or late itself, answers with its own last
//! one, and with the last proven cut if the other is far below. From there [`Sync`] brings the ledger up to
//! the cut's head, and the DAG goes on above the cut.

use std::sync::Arc;

use byzlab_core::{
    Batch, Claim, Committee, Effects, Height, Invalid, Note, Protocol, ReplicaId, Saved, Seat,
    Span, Time, Toss,
};
use serde::{Deserialize, Serialize};

use super::{Claimed, Dag, Order, Proven, Round, Vertex, VertexRef, vertex::Draft};
use crate::kit::{Catchup, Sync, sync::ANSWER_BYTES_MAX};

/// The most vertices that one message asks for, or brings.
pub const FETCH_MAX: usize = 256;
/// What a vertex takes in an answer beside its transactions and parents, at most.
const VERTEX_OVERHEAD: usize = 256;
/// What a parent takes in an encoded vertex, at most.
const PARENT_MAX: usize = 10 + 3 + 33;
/// How far below what is decided here a peer must be to be sent the last proven cut.
const BEHIND: u64 = 4;
/// How many rounds after a cut a vertex may still claim it before its author is shown a proof.
const CLAIM_AGE_MAX: u64 = 12;
/// For how many looks the ledger must stand still before blocks are asked for that others say they have.
const STILL_LOOKS: u32 = 4;
/// How many rounds above the last full one a vertex may be whose ancestors are just late.
const OVERTAKEN_MAX: u64 = 3;
/// How many decided blocks may wait for proof before this replica proposes no more transactions.
const UNPROVEN_MAX: usize = 1024;

/// What replicas say to each other to keep up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Upkeep {
    /// Asks for vertices.
    Fetch(Vec<VertexRef>),
    /// The last proven cut, for one who is far below it.
    Cut(Arc<Proven>),
    /// State transfer of ledger blocks.
    Catchup(Catchup),
}

impl Upkeep {
    /// A short name for traces and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fetch(_) => "fetch",
            Self::Cut(_) => "cut",
            Self::Catchup(catchup) => catchup.kind(),
        }
    }
    /// What must hold before `P`, whose vertices are signed in `domain`, may see this.
    ///
    /// # Errors
    /// If it is not well-formed.
    pub fn claims<P: Protocol>(
        &self,
        committee: &Committee,
        domain: &str,
    ) -> Result<Vec<Claim>, Invalid> {
        match self {
            Self::Fetch(names) if names.len() > FETCH_MAX => {
                Err(Invalid("a fetch of more vertices than it may ask for"))
            }
            Self::Fetch(_) => Ok(Vec::new()),
            Self::Cut(proven) => {
                let mut claims = Vec::new();
                proven.claims(committee, domain, &mut claims)?;
                Ok(claims)
            }
            Self::Catchup(catchup) => catchup.claims::<P>(committee),
        }
    }
}

/// How many of `vertices` fit in one answer.
pub fn fitting<'a>(vertices: impl Iterator<Item = &'a Vertex>, extra: usize) -> usize {
    let mut bytes = 0;
    let size = |vertex: &Vertex| {
        vertex.batch.byte_len() + vertex.parents.len() * PARENT_MAX + VERTEX_OVERHEAD + extra
    };
    let fits = vertices.take(FETCH_MAX).take_while(|vertex| {
        bytes += size(vertex);
        bytes <= ANSWER_BYTES_MAX
    });
    fits.count()
}

/// One replica's DAG and ledger.
#[derive(Clone, Debug)]
pub struct Loom {
    /// Who it is.
    pub seat: Seat,
    /// What it knows of the DAG.
    pub dag: Dag,
    /// Its ledger.
    pub order: Order,
    /// Its own last vertex.
    pub last: Option<Arc<Vertex>>,
    /// Its own vertices that are not settled.
    own: Vec<Arc<Vertex>>,
    domain: &'static str,
    sync: Sync,
    /// The highest cut that someone proved and the ledger does not reach.
    target: Option<Arc<Proven>>,
    /// When each peer was helped last.
    helped: Vec<Option<Time>>,
    /// When each peer was sent the last proven cut because it claims one that is old.
    shown: Vec<Option<Time>>,
    patience: Span,
    /// The ledger's height at the last look, and how many looks found it so.
    seen: Height,
    still: u32,
    /// The last proven round to which what was saved is compacted.
    compacted: Round,
}

impl Loom {
    /// Begins where the saved ledger, and the cut saved beside it, end. A peer has `patience` to answer.
    pub fn new(
        seat: Seat,
        depth: u64,
        patience: Span,
        domain: &'static str,
        ledger: &Saved<'_>,
        cut: Option<Arc<Proven>>,
    ) -> Self {
        let order = Order::new(&seat.committee, ledger, cut);
        let mut dag = Dag::new(&seat.committee, depth);
        dag.settle(order.decided(), order.proven().cut.round);
        Self {
            dag,
            last: None,
            own: Vec::new(),
            domain,
            sync: Sync::new(&seat, patience),
            target: None,
            helped: vec![None; seat.committee.size()],
            shown: vec![None; seat.committee.size()],
            patience,
            seen: order.head().height,
            still: 0,
            compacted: order.proven().cut.round,
            order,
            seat,
        }
    }
    /// The own last round, 0 for none.
    pub fn last_round(&self) -> Round {
        self.last.as_ref().map_or(Round(0), |last| last.round)
    }
    /// The round to build on: the last that has a quorum; or the one before if the own last vertex is there, so
    /// that no round is passed over for being a little late. None if it was built on.
    pub fn base(&self) -> Option<Round> {
        let (top, last) = (self.dag.top(), self.last_round());
        match last.next() == top && self.dag.has_quorum(last) {
            true => Some(last),
            false => (last <= top).then_some(top),
        }
    }
    /// Whether something waits to be decided, or proven.
    pub fn is_busy(&self) -> bool {
        self.dag.has_load() || self.order.unproven() > 0
    }
    /// Whether so much waits for proof that no more should be proposed.
    pub fn is_clogged(&self) -> bool {
        self.order.unproven() > UNPROVEN_MAX
    }
    /// The own batches that are not in the ledger.
    pub fn branch(&self) -> Vec<Batch> {
        let own = self.own.iter().map(|vertex| vertex.batch.clone());
        let decided = self.order.waiting_of(self.seat.me);
        own.chain(decided).filter(|batch| !batch.is_empty()).collect()
    }
    /// Makes this replica's vertex of `round`, which the caller saves before it sends it.
    ///
    /// # Panics
    /// If it said something in that round, or a later one, before.
    pub fn weave<P: Protocol>(
        &mut self,
        round: Round,
        parents: Vec<VertexRef>,
        claim: Option<Claimed>,
        toss: Option<Box<Toss>>,
        batch: Batch,
        out: &mut Effects<P>,
    ) -> Arc<Vertex> {
        assert!(round > self.last_round(), "one vertex a round");
        let (author, height) = (self.seat.me, self.order.head().height);
        let draft = Draft { round, author, parents, height, claim, toss, batch };
        let vertex = Arc::new(Vertex::sign(draft, &self.seat.committee, self.domain, out));
        self.remember(vertex.clone());
        vertex
    }
    /// Takes note of an own vertex.
    pub fn remember(&mut self, vertex: Arc<Vertex>) {
        self.own.push(vertex.clone());
        if vertex.round > self.last_round() {
            self.last = Some(vertex);
        }
    }
    /// What an own vertex of `round` builds on, the `own` last one first.
    pub fn parents(&self, round: Round, own: Option<VertexRef>) -> Vec<VertexRef> {
        self.dag.parents(round, self.seat.me, own)
    }
    /// Takes in what a vertex says beside its place in the DAG.
    pub fn hear(&mut self, vertex: &Vertex) {
        self.order.hear(vertex);
        self.sync.learn(vertex.author, vertex.height);
    }
    /// The leaders through `round` are decided, and `leaders` of them committed. Gives vertices that
    /// waited for ancestors which are settled now.
    pub fn decide(&mut self, round: Round, leaders: &[Arc<Vertex>]) -> Vec<Arc<Vertex>> {
        self.order.decide(&self.dag, round, leaders);
        self.settle(self.order.proven().cut.round)
    }
    fn settle(&mut self, proven: Round) -> Vec<Arc<Vertex>> {
        let ready = self.dag.settle(self.order.decided(), proven);
        let Self { dag, own, .. } = self;
        own.retain(|vertex| !dag.is_settled(vertex.round, vertex.author));
        ready
    }

    /// Looks after the ledger now and then: asks for blocks that others have, if nothing else brought any
    /// for some looks.
    pub fn look<P: Protocol>(&mut self, now: Time, timer: P::Timer, out: &mut Effects<P>)
    where
        P::Message: From<Catchup>,
    {
        let head = self.order.head().height;
        self.still = if head == self.seen { self.still + 1 } else { 0 };
        self.seen = head;
        if self.still >= STILL_LOOKS {
            self.still = 0;
            self.pump(now, timer, out);
        }
    }
    fn pump<P: Protocol>(&mut self, now: Time, timer: P::Timer, out: &mut Effects<P>)
    where
        P::Message: From<Catchup>,
    {
        self.sync.pump(now, self.order.head().height, timer, out);
    }
    /// A peer that was asked for blocks did not answer.
    pub fn on_sync_timer<P: Protocol>(&mut self, now: Time, timer: P::Timer, out: &mut Effects<P>)
    where
        P::Message: From<Catchup>,
    {
        self.sync.on_timer();
        self.pump(now, timer, out);
    }
    /// The own ledger was read for a peer.
    pub fn on_read<P: Protocol>(
        &mut self,
        tag: u64,
        blocks: Vec<byzlab_core::Block>,
        out: &mut Effects<P>,
    ) where
        P::Message: From<Catchup>,
    {
        self.sync.on_read(tag, blocks, out);
    }
    /// Asks for missing vertices; see [`Dag::wanted`].
    pub fn fetch<P: Protocol>(&mut self, fresh: bool, out: &mut Effects<P>)
    where
        P::Message: From<Upkeep>,
    {
        let wanted = self.dag.wanted(fresh, FETCH_MAX);
        self.ask(wanted, out);
    }
    /// Asks these peers for these vertices.
    pub fn ask<P: Protocol>(&self, mut wanted: Vec<(ReplicaId, VertexRef)>, out: &mut Effects<P>)
    where
        P::Message: From<Upkeep>,
    {
        let me = self.seat.me;
        for (peer, _) in wanted.iter_mut().filter(|(peer, _)| *peer == me) {
            *peer = self.seat.committee.at_turn(u64::from(me.0) + 1);
        }
        wanted.sort();
        wanted.dedup();
        wanted.truncate(FETCH_MAX);
        for asked in wanted.chunk_by(|a, b| a.0 == b.0) {
            let names = asked.iter().map(|&(_, name)| name).collect();
            out.send(asked[0].0, Upkeep::Fetch(names).into());
        }
    }
    /// A vertex came before its ancestors: asks for them at once if it is so far ahead that they cannot be
    /// on their way.
    pub fn fetch_overtaken<P: Protocol>(&mut self, round: Round, out: &mut Effects<P>)
    where
        P::Message: From<Upkeep>,
    {
        if round.0 > self.dag.top().0 + OVERTAKEN_MAX {
            self.fetch(true, out);
        }
    }
    /// Which of the vertices that a peer asks for are here, as many as an answer may hold. If one is not
    /// because this replica needs it no more, the peer gets the proof that it may do without, too: it may
    /// be that nobody has it and everybody else built on it.
    pub fn fetched<P: Protocol>(
        &self,
        from: ReplicaId,
        names: &[VertexRef],
        extra: usize,
        out: &mut Effects<P>,
    ) -> Vec<Arc<Vertex>>
    where
        P::Message: From<Upkeep>,
    {
        let members = names.iter().filter(|name| self.seat.committee.contains(name.author));
        let gone = |name: &VertexRef| {
            self.dag.is_spent(name.round, name.author) && self.dag.get(name).is_none()
        };
        if members.into_iter().any(gone) {
            out.send(from, Upkeep::Cut(self.order.proven().clone()).into());
        }
        let mut here: Vec<_> = names.iter().filter_map(|name| self.dag.get(name)).collect();
        here.truncate(fitting(here.iter().map(|vertex| &***vertex), extra));
        if here.is_empty() {
            out.drop(from, "fetch", "none of those vertices is here");
        }
        here.into_iter().cloned().collect()
    }
    /// Whether a peer that repeats its vertex of `round` is to be helped now; sends it the last proven
    /// cut if it is far below. The caller sends its own last word.
    ///
    /// A peer that is level with this replica gets help when this one's round is late, too. Else what came
    /// twice is the answer to a repetition, and an answer to that would be answered, and so on for ever.
    pub fn helps<P: Protocol>(
        &mut self,
        now: Time,
        peer: ReplicaId,
        round: Round,
        late: bool,
        out: &mut Effects<P>,
    ) -> bool
    where
        P::Message: From<Upkeep>,
    {
        let is_level = round.0.abs_diff(self.last_round().0) <= 1;
        if is_level && !late {
            return false;
        }
        let helped = &mut self.helped[peer.index()];
        if peer == self.seat.me || helped.is_some_and(|at| now < at + self.patience) {
            return false;
        }
        *helped = Some(now);
        let proven = self.order.proven();
        if round.0.saturating_add(BEHIND) < proven.cut.round.0 {
            out.send(peer, Upkeep::Cut(proven.clone()).into());
        }
        true
    }
    /// Shows the last proven cut, if it is not before the one that `vertex` claims and should not claim any
    /// more: claims are heard selectively, where their author sends them to some alone, or crashes meanwhile.
    pub fn show<P: Protocol>(&mut self, now: Time, vertex: &Vertex, out: &mut Effects<P>)
    where
        P::Message: From<Upkeep>,
    {
        let (proven, Some(claim)) = (self.order.proven(), vertex.claim) else { return };
        let is_old = claim.round.0.saturating_add(CLAIM_AGE_MAX) < vertex.round.0;
        let shown = &mut self.shown[vertex.author.index()];
        let waits = shown.is_some_and(|at| now < at + self.patience);
        if is_old && claim.round <= proven.cut.round && vertex.author != self.seat.me && !waits {
            *shown = Some(now);
            out.send(vertex.author, Upkeep::Cut(proven.clone()).into());
        }
    }
    /// Someone proves a cut: goes there if it is further than this replica is. Gives vertices that waited
    /// for ancestors which are settled now.
    pub fn on_cut<P: Protocol>(
        &mut self,
        now: Time,
        from: ReplicaId,
        proven: Arc<Proven>,
        timer: P::Timer,
        out: &mut Effects<P>,
    ) -> Vec<Arc<Vertex>>
    where
        P::Message: From<Catchup>,
    {
        if proven.cut.round <= self.order.decided().round {
            if !self.order.learn(&proven, out) {
                out.drop(from, "cut", "not above what is decided here, or proven already");
            }
            // But what is too old below it is so for good, whether it is proven here or not.
            return self.settle(proven.cut.round);
        }
        self.sync.learn(from, proven.cut.head.height);
        let further = |target: &Arc<Proven>| target.cut.round >= proven.cut.round;
        if !self.target.as_ref().is_some_and(further) {
            self.target = Some(proven);
        }
        let ready = self.reach_target();
        self.pump(now, timer, out);
        ready
    }
    /// Blocks asked for, or the asking for some.
    pub fn on_catchup<P: Protocol>(
        &mut self,
        now: Time,
        from: ReplicaId,
        catchup: Catchup,
        timer: P::Timer,
        out: &mut Effects<P>,
    ) -> Vec<Arc<Vertex>>
    where
        P::Message: From<Catchup>,
    {
        let blocks = match catchup {
            Catchup::Ask(height) => {
                self.sync.on_ask(from, height, out);
                return Vec::new();
            }
            Catchup::Blocks(blocks) => blocks,
        };
        let mut ready = Vec::new();
        for block in self.sync.on_blocks(from, blocks, self.order.head(), timer, out) {
            if let Some(proven) = self.order.take_over(block, out)
                && self.order.adopt(&proven)
            {
                ready.extend(self.settle(proven.cut.round));
            }
        }
        ready.extend(self.reach_target());
        self.pump(now, timer, out);
        ready
    }
    fn reach_target(&mut self) -> Vec<Arc<Vertex>> {
        let Some(target) = self.target.take() else { return Vec::new() };
        if self.order.adopt(&target) {
            return self.settle(target.cut.round);
        }
        let still = target.cut.round > self.order.decided().round;
        self.target = still.then_some(target);
        Vec::new()
    }
    /// What must stay saved, if it is time to say it anew: the last proven cut, and the vertices that are
    /// not [spent](Dag::is_spent) there, in order of round, with this replica's last one.
    pub fn compact(&mut self, every: u64) -> Option<(Arc<Proven>, Vec<Arc<Vertex>>)> {
        let proven = self.order.proven();
        let due = proven.cut.round.0 >= self.compacted.0 + every && self.order.is_complete();
        due.then(|| {
            let (proven, kept) = self.kept();
            self.compacted = proven.cut.round;
            (proven, kept)
        })
    }
    /// As [`compact`](Self::compact), whether it is time or not.
    pub fn kept(&self) -> (Arc<Proven>, Vec<Arc<Vertex>>) {
        let proven = self.order.proven().clone();
        let mut kept: Vec<_> = self.dag.unspent(&proven.cut).cloned().collect();
        let kept_last =
            |last: &&Arc<Vertex>| kept.iter().all(|vertex| vertex.name() != last.name());
        if let Some(last) = self.last.as_ref().filter(kept_last).cloned() {
            kept.insert(0, last);
        }
        (proven, kept)
    }
    /// Notes why nothing is done.
    pub fn waits<P: Protocol>(why: &'static str, out: &mut Effects<P>) {
        out.note(Note::Waits { why });
    }
}
