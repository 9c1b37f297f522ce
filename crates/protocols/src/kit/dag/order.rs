//! From decided leaders to ledger blocks, each with its proof.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use byzlab_core::{
    Block, Committee, Digest, Effects, Proof, Protocol, ReplicaId, Saved, Signature, block::Head,
};

use super::{Claimed, Cut, Dag, Proven, Round, Vertex, finality::Finality};

/// How far above the last decided round claims are kept.
const CLAIMS_AHEAD_MAX: u64 = 64;

/// A replica's claims of one cut round, the newest vertex's of each.
#[derive(Clone, Copy, Debug)]
struct Heard {
    in_round: Round,
    cut: Digest,
    core: Digest,
    signature: Signature,
}

/// One replica's ledger, as it follows from decided leaders.
#[derive(Clone, Debug)]
pub struct Order {
    quorum: usize,
    /// The end of the ledger.
    head: Head,
    /// The last decided round, and what the ledger will be then.
    decided: Cut,
    /// Decided blocks that are not proven yet.
    waiting: VecDeque<Block>,
    /// Decided cuts that are not proven yet.
    cuts: BTreeMap<Round, Cut>,
    /// The last proven cut.
    proven: Arc<Proven>,
    claims: BTreeMap<Round, BTreeMap<ReplicaId, Heard>>,
}

impl Order {
    /// Begins where the saved ledger ends: at the last cut that is complete in it, or at the one that was
    /// `saved` beside it, if that is later.
    pub fn new(committee: &Committee, ledger: &Saved<'_>, saved: Option<Arc<Proven>>) -> Self {
        let at = |height| match height {
            byzlab_core::Height::GENESIS => Some(Head::genesis(committee.chain)),
            height if height == ledger.head.height => Some(ledger.head),
            height => ledger.ledger.block(height).map(|block| block.head()),
        };
        let in_ledger = last_cut(ledger).unwrap_or_else(|| Arc::new(Proven::genesis(committee)));
        let stands = |proven: &Arc<Proven>| {
            let head = proven.cut.head;
            head.height <= ledger.head.height && at(head.height) == Some(head)
        };
        let proven = match saved.filter(stands) {
            Some(saved) if saved.cut.round > in_ledger.cut.round => saved,
            _ => in_ledger,
        };
        Self {
            quorum: committee.quorum(),
            head: ledger.head,
            decided: proven.cut.clone(),
            waiting: VecDeque::new(),
            cuts: BTreeMap::new(),
            proven,
            claims: BTreeMap::new(),
        }
    }
    /// The end of the ledger.
    pub fn head(&self) -> Head {
        self.head
    }
    /// Every leader up to this round is decided.
    pub fn decided(&self) -> &Cut {
        &self.decided
    }
    /// The last proven cut.
    pub fn proven(&self) -> &Arc<Proven> {
        &self.proven
    }
    /// How many decided blocks wait for proof.
    pub fn unproven(&self) -> usize {
        self.waiting.len()
    }
    /// The batches of `author` in decided blocks that wait for proof.
    pub fn waiting_of(&self, author: ReplicaId) -> impl Iterator<Item = byzlab_core::Batch> {
        let of = move |block: &&Block| block.producer == author;
        self.waiting.iter().filter(of).map(|block| block.batch.clone())
    }
    /// Whether the ledger ends with the last proven cut.
    pub fn is_complete(&self) -> bool {
        self.head == self.proven.cut.head
    }

    /// The cut through `round` if `leaders` of the rounds up to it are committed, in this order, and no
    /// others; and its blocks.
    pub fn next(&self, dag: &Dag, round: Round, leaders: &[Arc<Vertex>]) -> (Cut, Vec<Block>) {
        let Cut { mut head, mut frontier, .. } = self.decided.clone();
        let mut blocks = Vec::new();
        for leader in leaders {
            for vertex in dag.history(leader, &frontier) {
                let last = &mut frontier[vertex.author.index()];
                *last = (*last).max(vertex.round);
                if vertex.batch.is_empty() {
                    continue;
                }
                let (batch, next) = (vertex.batch.clone(), head.height.next());
                let block =
                    Block::chained(next, head.digest, vertex.author, batch, Proof::default());
                head = block.head();
                blocks.push(block);
            }
        }
        (Cut { round, head, frontier }, blocks)
    }
    /// All leaders through `round` are decided, and `leaders` of them committed.
    ///
    /// # Panics
    /// If the round was decided before.
    pub fn decide(&mut self, dag: &Dag, round: Round, leaders: &[Arc<Vertex>]) {
        assert!(round > self.decided.round, "rounds are decided once, in order");
        let (cut, blocks) = self.next(dag, round, leaders);
        // After a restart amid a cut the ledger has some of them already.
        self.waiting.extend(blocks.into_iter().filter(|block| block.height > self.head.height));
        self.cuts.insert(round, cut.clone());
        self.decided = cut;
    }
    /// A decided cut that a vertex may claim: the last.
    pub fn claim(&self) -> Option<Claimed> {
        (self.decided.round > Round(0)).then(|| self.decided.claimed())
    }
    /// The first decided cut that is not proven here; the last decided one if all are. For protocols that decide
    /// at different times in different places: when all claim the first, none waits for ever.
    pub fn first_claim(&self) -> Option<Claimed> {
        self.cuts.values().next().map(Cut::claimed).or_else(|| self.claim())
    }
    /// Takes in what a vertex claims.
    pub fn hear(&mut self, vertex: &Vertex) {
        let Some(claim) = vertex.claim else { return };
        let window = self.proven.cut.round.0..=self.decided.round.0 + CLAIMS_AHEAD_MAX;
        if claim.round == self.proven.cut.round || !window.contains(&claim.round.0) {
            return;
        }
        let heard = Heard {
            in_round: vertex.round,
            cut: claim.cut,
            core: vertex.core(),
            signature: vertex.signature,
        };
        let of_round = self.claims.entry(claim.round).or_default();
        let known = of_round.entry(vertex.author).or_insert(heard);
        if known.in_round < heard.in_round {
            *known = heard;
        }
    }
    /// Commits whatever is decided and proven now; whether a cut was proven.
    pub fn commit<P: Protocol>(&mut self, out: &mut Effects<P>) -> bool {
        let proven = self.cuts.values().rev().find_map(|cut| self.prove(cut));
        let Some(proven) = proven else { return false };
        self.pass_through(Arc::new(proven), out);
        true
    }
    /// Commits what a peer proves, if it is decided here; whether it is. Not everyone hears every claim, so who
    /// went on from a cut may be the only one that can prove it.
    pub fn learn<P: Protocol>(&mut self, proven: &Arc<Proven>, out: &mut Effects<P>) -> bool {
        let is_decided = self.cuts.get(&proven.cut.round) == Some(&proven.cut);
        if is_decided {
            self.pass_through(proven.clone(), out);
        }
        is_decided
    }
    /// Commits the blocks that wait, as far as a decided cut.
    fn pass_through<P: Protocol>(&mut self, proven: Arc<Proven>, out: &mut Effects<P>) {
        let count = self.waiting.partition_point(|b| b.height <= proven.cut.head.height);
        let mut blocks: Vec<_> = self.waiting.drain(..count).collect();
        let links: Vec<_> =
            blocks.iter().map(|block| (block.producer, block.batch.root())).collect();
        for (at, block) in blocks.iter_mut().enumerate() {
            let finality = Finality { proven: proven.clone(), links: links[at + 1..].to_vec() };
            block.proof = finality.to_proof();
        }
        for block in blocks {
            self.head = block.head();
            out.commit(block);
        }
        self.pass(proven);
    }
    fn prove(&self, cut: &Cut) -> Option<Proven> {
        let heard = self.claims.get(&cut.round)?;
        if heard.len() < self.quorum {
            return None;
        }
        let claimed = cut.claimed();
        let equal = heard.iter().filter(|(_, heard)| heard.cut == claimed.cut);
        let by = equal.map(|(&signer, heard)| (signer, heard.core, heard.signature));
        let by: Vec<_> = by.take(self.quorum).collect();
        (by.len() == self.quorum).then(|| Proven { cut: cut.clone(), by })
    }
    fn pass(&mut self, proven: Arc<Proven>) {
        self.cuts = self.cuts.split_off(&proven.cut.round.next());
        self.claims = self.claims.split_off(&proven.cut.round.next());
        self.proven = proven;
    }
    /// Commits a block that came from a peer: audited, and next. Gives its cut if it completes it.
    pub fn take_over<P: Protocol>(
        &mut self,
        block: Block,
        out: &mut Effects<P>,
    ) -> Option<Arc<Proven>> {
        self.head = block.head();
        while self.waiting.front().is_some_and(|first| first.height <= self.head.height) {
            self.waiting.pop_front();
        }
        let finality = Finality::of(&block.proof).ok();
        out.commit(block);
        finality.filter(Finality::completes).map(|finality| finality.proven)
    }
    /// Goes on from a proven cut, if the ledger ends with it and it is further than what is decided here;
    /// whether it is. If it is further than what is proven here alone, it is proven now.
    pub fn adopt(&mut self, proven: &Arc<Proven>) -> bool {
        let further = proven.cut.round > self.decided.round && proven.cut.head == self.head;
        if further {
            self.decided = proven.cut.clone();
            self.waiting.clear();
            self.pass(proven.clone());
        } else if proven.cut.head == self.head && proven.cut.round > self.proven.cut.round {
            self.pass(proven.clone());
        }
        further
    }
}

/// The last cut that is complete in a ledger.
fn last_cut(saved: &Saved<'_>) -> Option<Arc<Proven>> {
    let heights = (1..=saved.head.height.0).rev().map(byzlab_core::Height);
    let blocks = heights.map_while(|height| saved.ledger.block(height));
    let finality = blocks.map_while(|block| Finality::of(&block.proof).ok());
    finality.filter(Finality::completes).map(|finality| finality.proven).next()
}
