//! Vertices by round and author: those whose ancestors are all here, those that wait, those missing.
//!
//! Bounded under a hostile author: rounds far ahead are refused, so is a second vertex of one author and
//! round (an *equivocation*) unless another vertex builds on it, and there may be at most n of those.
//! Two or more equivocators together can use that limit up with vertices of their own before this replica
//! hears of one that an honest vertex builds on; that vertex then waits until a proven cut settles it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque, btree_map},
    sync::Arc,
};

use byzlab_core::{Committee, Digest, ReplicaId};

use super::{Cut, Round, Vertex, VertexRef};

/// How far above the highest round with a quorum a vertex may be.
pub const ROUNDS_AHEAD_MAX: u64 = 64;

/// What became of a vertex that was put in.
#[derive(Debug)]
pub enum Insert {
    /// It and these, in this order, have all their ancestors here now.
    Accepted(Vec<Arc<Vertex>>),
    /// It waits for ancestors.
    Waits,
    /// It was not put in, and why.
    Refused(&'static str),
    /// As `Refused`: a vertex of this author and round is here, and nothing builds on this other one.
    Equivocation,
}

/// Vertices of one round, all ancestors of each at hand.
#[derive(Clone, Debug, Default)]
struct Row {
    /// The first of each author.
    first: Vec<Option<Arc<Vertex>>>,
    /// How many authors have one.
    authors: usize,
    /// Equivocations that others build on.
    others: Vec<Arc<Vertex>>,
}

/// A vertex that another builds on, and that is not here.
#[derive(Clone, Debug)]
struct Missing {
    /// The author of the first that builds on it, who must have it.
    holder: ReplicaId,
    /// Whether it was missing before: what has just been overtaken on its way need not be asked for.
    lasting: bool,
    /// How often it was asked for.
    asked: u32,
    /// What waits for it.
    children: Vec<VertexRef>,
}

/// The DAG as one replica knows it.
#[derive(Clone, Debug)]
pub struct Dag {
    size: usize,
    quorum: usize,
    depth: u64,
    /// Everything up to here is forgotten.
    floor: Round,
    /// Every leader up to this round is decided.
    decided: Round,
    /// Each author's highest round in the ledger.
    frontier: Vec<Round>,
    /// From `floor` + 1 on.
    rows: VecDeque<Row>,
    /// The highest round with a quorum.
    top: Round,
    /// Accepted vertices that no accepted one builds on.
    tips: BTreeSet<VertexRef>,
    /// Accepted vertices with transactions.
    loaded: BTreeSet<VertexRef>,
    /// Vertices that wait, and for how many ancestors.
    waiting: BTreeMap<VertexRef, (Arc<Vertex>, usize)>,
    missing: BTreeMap<VertexRef, Missing>,
}

impl Dag {
    /// Nothing here yet. Rounds more than `depth` below the last decided one are forgotten.
    pub fn new(committee: &Committee, depth: u64) -> Self {
        Self {
            size: committee.size(),
            quorum: committee.quorum(),
            depth,
            floor: Round(0),
            decided: Round(0),
            frontier: vec![Round(0); committee.size()],
            rows: VecDeque::new(),
            top: Round(0),
            tips: BTreeSet::new(),
            loaded: BTreeSet::new(),
            waiting: BTreeMap::new(),
            missing: BTreeMap::new(),
        }
    }
    /// The highest round in which vertices of a quorum are here.
    pub fn top(&self) -> Round {
        self.top
    }
    /// Whether vertices of a quorum are here in `round`; before the first, always.
    pub fn has_quorum(&self, round: Round) -> bool {
        round == Round(0) || self.row(round).is_some_and(|row| row.authors >= self.quorum)
    }
    /// The highest round of which anything is here or waits.
    pub fn highest(&self) -> Round {
        let waits = self.waiting.last_key_value().map_or(Round(0), |(name, _)| name.round);
        let here = Round(self.floor.0 + self.rows.len() as u64);
        here.max(waits).max(self.top)
    }
    /// Everything up to this round is forgotten.
    pub fn floor(&self) -> Round {
        self.floor
    }
    /// Whether a vertex of this name can never enter the ledger any more, or is in it.
    pub fn is_settled(&self, round: Round, author: ReplicaId) -> bool {
        round <= self.floor || round <= self.frontier[author.index()]
    }
    /// Whether a vertex of this name is settled and nobody needs it any more. The leaders of the last
    /// decided round are in the ledger, but that round may be the last that has a quorum, with them in it.
    pub fn is_spent(&self, round: Round, author: ReplicaId) -> bool {
        self.is_settled(round, author) && round < self.decided.max(self.floor.next())
    }
    fn row(&self, round: Round) -> Option<&Row> {
        let index = round.0.checked_sub(self.floor.0 + 1)?;
        self.rows.get(usize::try_from(index).ok()?)
    }
    /// All vertices of `round`: the first of each author in order, then equivocations.
    pub fn round(&self, round: Round) -> impl Iterator<Item = &Arc<Vertex>> {
        let row = self.row(round).into_iter();
        row.flat_map(|row| row.first.iter().flatten().chain(&row.others))
    }
    /// The vertex of this name.
    pub fn get(&self, name: &VertexRef) -> Option<&Arc<Vertex>> {
        let row = self.row(name.round)?;
        let first = row.first.get(name.author.index())?.as_ref()?;
        if first.digest() == name.digest {
            return Some(first);
        }
        row.others.iter().find(|other| other.name() == *name)
    }
    /// The first vertex of this author and round to come here.
    pub fn first(&self, round: Round, author: ReplicaId) -> Option<&Arc<Vertex>> {
        self.row(round)?.first.get(author.index())?.as_ref()
    }
    /// Whether it is here or waits.
    pub fn knows(&self, name: &VertexRef) -> bool {
        self.get(name).is_some() || self.waiting.contains_key(name)
    }
    /// Whether all that `vertex` builds on is here or spent.
    pub fn has_parents(&self, vertex: &Vertex) -> bool {
        self.lacking(vertex).next().is_none()
    }
    /// What `vertex` builds on that is neither here nor spent.
    pub fn lacking<'a>(&'a self, vertex: &'a Vertex) -> impl Iterator<Item = &'a VertexRef> {
        vertex.parents.iter().filter(|parent| self.lacks(parent))
    }
    fn lacks(&self, name: &VertexRef) -> bool {
        !self.is_spent(name.round, name.author) && self.get(name).is_none()
    }

    /// Puts in a well-formed vertex of this committee.
    pub fn insert(&mut self, vertex: Arc<Vertex>) -> Insert {
        let name = vertex.name();
        if let Some(why) = self.refuses(&name) {
            return why;
        }
        let lacks: Vec<_> = self.lacking(&vertex).copied().collect();
        if lacks.is_empty() {
            return Insert::Accepted(self.accept(vec![vertex]));
        }
        for parent in &lacks {
            let missing = self.missing.entry(*parent).or_insert_with(|| Missing {
                holder: name.author,
                lasting: false,
                asked: 0,
                children: Vec::new(),
            });
            missing.children.push(name);
        }
        let count = lacks.len();
        self.waiting.insert(name, (vertex, count));
        Insert::Waits
    }
    fn refuses(&self, name: &VertexRef) -> Option<Insert> {
        if self.is_spent(name.round, name.author) {
            return Some(Insert::Refused("settled"));
        }
        if name.round.0 > self.top.max(self.decided).0 + ROUNDS_AHEAD_MAX {
            return Some(Insert::Refused("too far ahead"));
        }
        if self.knows(name) {
            return Some(Insert::Refused("known"));
        }
        let others = self.forms(name.round, name.author);
        if others > 0 && !self.missing.contains_key(name) {
            return Some(Insert::Equivocation);
        }
        (others >= self.size).then_some(Insert::Refused("one equivocation too many"))
    }
    /// How many vertices of this author and round are here or wait.
    fn forms(&self, round: Round, author: ReplicaId) -> usize {
        let name = |byte| VertexRef { round, author, digest: Digest([byte; 32]) };
        let waiting = self.waiting.range(name(0)..=name(0xff)).count();
        let here = |row: &Row| {
            let first = usize::from(matches!(row.first.get(author.index()), Some(Some(_))));
            first + row.others.iter().filter(|other| other.author == author).count()
        };
        waiting + self.row(round).map_or(0, here)
    }
    /// Takes in vertices whose parents are here, and all that waited for them alone.
    fn accept(&mut self, mut ready: Vec<Arc<Vertex>>) -> Vec<Arc<Vertex>> {
        let mut at = 0;
        while let Some(vertex) = ready.get(at).cloned() {
            at += 1;
            let name = vertex.name();
            self.put(vertex);
            if let Some(missing) = self.missing.remove(&name) {
                ready.extend(self.found(&missing.children));
            }
        }
        ready
    }
    /// One ancestor of each of `children` is missing no more; gives those that lack no other.
    fn found(&mut self, children: &[VertexRef]) -> Vec<Arc<Vertex>> {
        let mut ready = Vec::new();
        for child in children {
            let btree_map::Entry::Occupied(mut entry) = self.waiting.entry(*child) else {
                continue;
            };
            entry.get_mut().1 -= 1;
            if entry.get().1 == 0 {
                ready.push(entry.remove().0);
            }
        }
        ready
    }
    fn put(&mut self, vertex: Arc<Vertex>) {
        let (round, author) = (vertex.round, vertex.author);
        let index = (round.0 - self.floor.0 - 1) as usize;
        if index >= self.rows.len() {
            self.rows.resize_with(index + 1, Row::default);
        }
        for parent in &vertex.parents {
            self.tips.remove(parent);
        }
        if !self.is_settled(round, author) {
            self.tips.insert(vertex.name());
            if !vertex.batch.is_empty() {
                self.loaded.insert(vertex.name());
            }
        }
        let row = &mut self.rows[index];
        row.first.resize(self.size, None);
        match &mut row.first[author.index()] {
            empty @ None => {
                *empty = Some(vertex);
                row.authors += 1;
            }
            Some(_) => row.others.push(vertex),
        }
        if row.authors >= self.quorum {
            self.top = self.top.max(round);
        }
    }
    /// All is decided up to `cut`, and cuts up to the round `proven` are proven: forgets what is too old
    /// below both, and gives what waited for spent ancestors alone.
    ///
    /// Others may still ask for what is not too old for them. Whoever forgot it can prove to them that it is.
    pub fn settle(&mut self, cut: &Cut, proven: Round) -> Vec<Arc<Vertex>> {
        self.decided = cut.round;
        for (known, new) in self.frontier.iter_mut().zip(&cut.frontier) {
            *known = (*known).max(*new);
        }
        let floor = cut.round.min(proven).back(self.depth).max(self.floor);
        while self.floor < floor {
            self.floor = self.floor.next();
            self.rows.pop_front();
        }
        let spent = |dag: &Self, name: &VertexRef| dag.is_spent(name.round, name.author);
        let past: Vec<_> = self.waiting.keys().filter(|&n| spent(self, n)).copied().collect();
        for name in past {
            self.waiting.remove(&name);
        }
        let Self { floor, frontier, tips, loaded, .. } = self;
        let lives = |n: &VertexRef| n.round > *floor && n.round > frontier[n.author.index()];
        tips.retain(lives);
        loaded.retain(lives);
        let given_up: Vec<_> = self.missing.keys().filter(|&n| spent(self, n)).copied().collect();
        let mut ready = Vec::new();
        for name in given_up {
            let missing = self.missing.remove(&name).expect("just listed");
            ready.extend(self.found(&missing.children));
        }
        let Self { missing, waiting, .. } = self;
        missing.retain(|_, missing| missing.children.iter().any(|c| waiting.contains_key(c)));
        self.accept(ready)
    }

    /// What a vertex of `author` in `round` builds on: its `own` last one, the first of each author in
    /// the round before, and older ones that nothing builds on yet, at most n of these.
    pub fn parents(
        &self,
        round: Round,
        author: ReplicaId,
        own: Option<VertexRef>,
    ) -> Vec<VertexRef> {
        let before = round.back(1);
        let row = self.row(before).into_iter();
        let mut others: BTreeMap<(Round, ReplicaId), VertexRef> = row
            .flat_map(|row| row.first.iter().flatten())
            .filter(|vertex| vertex.author != author)
            .map(|vertex| ((before, vertex.author), vertex.name()))
            .collect();
        let older = self.tips.iter().filter(|t| t.round < before && t.author != author);
        for tip in older.take(self.size) {
            others.entry((tip.round, tip.author)).or_insert(*tip);
        }
        own.into_iter().chain(others.into_values()).collect()
    }
    /// The causal history of `leader` that is not in the ledger at `frontier`, itself included, without
    /// what is more than the depth below it; by round, author and digest.
    pub fn history(&self, leader: &Arc<Vertex>, frontier: &[Round]) -> Vec<Arc<Vertex>> {
        let low = leader.round.back(self.depth);
        let wanted =
            |name: &VertexRef| name.round > low && name.round > frontier[name.author.index()];
        let mut open = BTreeMap::new();
        if wanted(&leader.name()) {
            open.insert(leader.name(), leader.clone());
        }
        let mut history = Vec::new();
        // From the highest round down: whatever leads to a vertex was there before it.
        while let Some((_, vertex)) = open.pop_last() {
            for parent in vertex.parents.iter().filter(|parent| wanted(parent)) {
                if let btree_map::Entry::Vacant(vacant) = open.entry(*parent) {
                    // It is here: ancestors are, or they are settled. (With more than f faulty replicas
                    // cuts may contradict each other, and then something may be lost.)
                    self.get(parent).map(|parent| vacant.insert(parent.clone()));
                }
            }
            history.push(vertex);
        }
        history.reverse();
        history
    }
    /// Whether `to` is `from` or an ancestor of it.
    pub fn reaches(&self, from: &VertexRef, to: &VertexRef) -> bool {
        let mut open = BTreeSet::from([*from]);
        while let Some(name) = open.pop_last() {
            if name == *to {
                return true;
            }
            if name < *to {
                return false;
            }
            let parents = self.get(&name).into_iter().flat_map(|vertex| &vertex.parents);
            open.extend(parents.filter(|parent| parent.round >= to.round));
        }
        false
    }
    /// All vertices here that are not spent for one who goes on from `cut`, in order of round. Its leaders are
    /// among them: what comes next builds on them, and if nobody had them, nobody could take it in.
    pub fn unspent<'a>(&'a self, cut: &'a Cut) -> impl Iterator<Item = &'a Arc<Vertex>> {
        let rows = self.rows.iter();
        let all = rows.flat_map(|row| row.first.iter().flatten().chain(&row.others));
        all.filter(|v| v.round >= cut.round || v.round > cut.frontier[v.author.index()])
    }
    /// Whether an accepted vertex with transactions is not settled.
    pub fn has_load(&self) -> bool {
        !self.loaded.is_empty()
    }
    /// What is missing since the last call at least, or (`fresh`) what was never asked for, at most
    /// `most`: each with one who should have it, at first who built on it, then others in turn.
    pub fn wanted(&mut self, fresh: bool, most: usize) -> Vec<(ReplicaId, VertexRef)> {
        let Self { missing, waiting, size, .. } = self;
        let ask = |(name, missing): (&VertexRef, &mut Missing)| {
            let due = if fresh { missing.asked == 0 } else { missing.lasting };
            missing.lasting |= !fresh;
            if !due || waiting.contains_key(name) {
                return None;
            }
            let turn = (missing.holder.index() + missing.asked as usize) % *size;
            missing.asked = missing.asked.saturating_add(1);
            Some((ReplicaId(turn as u16), *name))
        };
        missing.iter_mut().filter_map(ask).take(most).collect()
    }
}
