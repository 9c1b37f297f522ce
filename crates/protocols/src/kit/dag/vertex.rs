//! Vertices: what a replica says in a round.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use byzlab_core::{
    Batch, BuildError, Claim, Committee, Digest, Effects, Height, Invalid, Protocol, Record,
    ReplicaId, Signature, Statement, Toss, codec, crypto::sha256_of,
};
use serde::{Deserialize, Serialize};

use super::Claimed;

/// A round of the DAG. The first vertices have round 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Round(pub u64);

impl Round {
    /// The round after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
    /// The round `by` below this one; 0, before all rounds, at the least.
    pub const fn back(self, by: u64) -> Self {
        Self(self.0.saturating_sub(by))
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a vertex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VertexRef {
    /// In which round.
    pub round: Round,
    /// By whom.
    pub author: ReplicaId,
    /// The vertex's digest.
    pub digest: Digest,
}

/// A replica's word in a round: a batch, and what it builds on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vertex {
    /// In which round.
    pub round: Round,
    /// By whom.
    pub author: ReplicaId,
    /// What it builds on: the author's own last vertex if there is one, then others' in order, at most
    /// one a round and author, and a quorum of authors in the round before.
    pub parents: Vec<VertexRef>,
    /// How high the author's ledger was.
    pub height: Height,
    /// The cut that it claims, if any.
    pub claim: Option<Claimed>,
    /// The author's toss of the common coin [called](coin_of) after the round, if it makes one in it.
    pub toss: Option<Box<Toss>>,
    /// The author's transactions.
    pub batch: Batch,
    /// The author's, over the vertex's digest.
    pub signature: Signature,
    #[serde(skip)]
    digests: OnceLock<Digests>,
    #[serde(skip)]
    record: OnceLock<Bytes>,
}

#[derive(Clone, Copy, Debug)]
struct Digests {
    core: Digest,
    whole: Digest,
}

/// A vertex without signature.
#[derive(Clone, Debug)]
pub struct Draft {
    /// See [`Vertex::round`].
    pub round: Round,
    /// See [`Vertex::author`].
    pub author: ReplicaId,
    /// See [`Vertex::parents`].
    pub parents: Vec<VertexRef>,
    /// See [`Vertex::height`].
    pub height: Height,
    /// See [`Vertex::claim`].
    pub claim: Option<Claimed>,
    /// See [`Vertex::toss`].
    pub toss: Option<Box<Toss>>,
    /// See [`Vertex::batch`].
    pub batch: Batch,
}

/// A vertex as it is saved, without its transactions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stored<'a> {
    round: Round,
    author: ReplicaId,
    parents: Cow<'a, [VertexRef]>,
    height: Height,
    claim: Option<Claimed>,
    toss: Option<Box<Toss>>,
    root: Digest,
    signature: Signature,
    transactions: bool,
}

/// What the common coin is called that vertices of `round` toss.
pub fn coin_of(committee: &Committee, round: Round) -> Statement {
    committee.statement("dag/coin", &round)
}

/// The digest of a vertex from that of all but its claim: so that the claim alone can be shown.
pub fn digest_with(core: Digest, claim: Option<Claimed>) -> Digest {
    let claim = claim.map_or([0; 40], |claim| {
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(&claim.round.0.to_le_bytes());
        bytes[8..].copy_from_slice(&claim.cut.0);
        bytes
    });
    sha256_of(&[b"byzlab/dag/vertex/1", &core.0, &claim])
}

impl Vertex {
    /// Signs a draft in `domain`, like `"mysticeti/block"`.
    pub fn sign<P: Protocol>(
        draft: Draft,
        committee: &Committee,
        domain: &str,
        out: &mut Effects<P>,
    ) -> Self {
        let Draft { round, author, parents, height, claim, toss, batch } = draft;
        let mut vertex = Self {
            round,
            author,
            parents,
            height,
            claim,
            toss,
            batch,
            signature: Signature::default(),
            digests: OnceLock::new(),
            record: OnceLock::new(),
        };
        vertex.signature = out.sign(&committee.statement(domain, &vertex.digest()));
        vertex
    }
    fn digests(&self) -> Digests {
        *self.digests.get_or_init(|| {
            let root = self.batch.root();
            let body = (self.round, self.author, &self.parents, self.height, &self.toss, root);
            let core = sha256_of(&[b"byzlab/dag/core/1", &codec::encode(&body)]);
            Digests { core, whole: digest_with(core, self.claim) }
        })
    }
    /// What names it: a hash of everything but the signature.
    pub fn digest(&self) -> Digest {
        self.digests().whole
    }
    /// A hash of everything but claim and signature; see [`digest_with`].
    pub fn core(&self) -> Digest {
        self.digests().core
    }
    /// Its name.
    pub fn name(&self) -> VertexRef {
        VertexRef { round: self.round, author: self.author, digest: self.digest() }
    }
    /// The parent of this round and author, if there is one.
    pub fn parent(&self, round: Round, author: ReplicaId) -> Option<&VertexRef> {
        let is_it = |parent: &&VertexRef| (parent.round, parent.author) == (round, author);
        if let Some(own) = self.parents.first().filter(is_it) {
            return Some(own);
        }
        let others = self.parents.get(1..)?;
        let at = others.partition_point(|parent| (parent.round, parent.author) < (round, author));
        others.get(at).filter(is_it)
    }
    /// Its parents in `round`.
    pub fn parents_in(&self, round: Round) -> impl Iterator<Item = &VertexRef> {
        self.parents.iter().filter(move |parent| parent.round == round)
    }
    /// Adds what must hold for it: its batch's claims, its toss, and the author's signature in `domain`.
    ///
    /// # Errors
    /// If it is not well-formed, see [`Vertex::parents`]; or tosses a coin where there is none.
    pub fn claims(
        &self,
        committee: &Committee,
        domain: &str,
        claims: &mut Vec<Claim>,
    ) -> Result<(), Invalid> {
        self.well_formed(committee)?;
        let statement = committee.statement(domain, &self.digest());
        let signed = committee.signed(self.author, &statement, self.signature);
        claims.push(signed.ok_or(Invalid("a vertex by nobody in the committee"))?);
        if let Some(toss) = &self.toss {
            claims.push(committee.tossed(self.author, &coin_of(committee, self.round), **toss)?);
        }
        self.batch.claims(committee, claims)
    }
    fn well_formed(&self, committee: &Committee) -> Result<(), Invalid> {
        let Self { round, author, parents, .. } = self;
        if *round <= Round(1) {
            return match (*round, &parents[..]) {
                (Round(1), []) => Ok(()),
                _ => Err(Invalid("the first round is 1, and builds on nothing")),
            };
        }
        if parents.len() > 1 + 2 * committee.size() {
            return Err(Invalid("a vertex with more parents than it may have"));
        }
        let own = parents.first().is_some_and(|parent| parent.author == *author);
        let others = &parents[usize::from(own)..];
        let place = |parent: &VertexRef| (parent.round, parent.author);
        let in_order = others.windows(2).all(|pair| place(&pair[0]) < place(&pair[1]));
        let possible = |parent: &VertexRef| {
            Round(0) < parent.round && parent.round < *round && committee.contains(parent.author)
        };
        if !in_order || others.iter().any(|parent| parent.author == *author) {
            return Err(Invalid("a vertex with parents repeated or out of order"));
        }
        if !parents.iter().all(possible) {
            return Err(Invalid("a vertex with an impossible parent"));
        }
        if self.parents_in(round.back(1)).count() < committee.quorum() {
            return Err(Invalid("a vertex without a quorum in the round before"));
        }
        Ok(())
    }
    /// What is saved of it: `record` makes a record of the vertex, once; its transactions, if there are
    /// any, follow in a record of their own, raw, so that they are shared with the batch.
    pub fn records(&self, record: impl FnOnce(Stored<'_>) -> Record) -> [Option<Record>; 2] {
        let transactions = !self.batch.is_empty();
        let first = self.record.get_or_init(|| {
            let stored = Stored {
                round: self.round,
                author: self.author,
                parents: Cow::Borrowed(&self.parents),
                height: self.height,
                claim: self.claim,
                toss: self.toss.clone(),
                root: self.batch.root(),
                signature: self.signature,
                transactions,
            };
            record(stored).0
        });
        [Some(Record(first.clone())), transactions.then(|| Record(self.batch.bytes().clone()))]
    }
}

impl Stored<'static> {
    /// The vertex, with its transactions from the next of `records`; `None` where the log ends between
    /// the two, so that nothing that hangs on it has left.
    ///
    /// # Errors
    /// If the transactions cannot be read.
    pub fn vertex<'r>(
        self,
        records: &mut impl Iterator<Item = &'r Record>,
    ) -> Result<Option<Arc<Vertex>>, BuildError> {
        let batch = match (self.transactions, self.transactions.then(|| records.next()).flatten()) {
            (false, _) => Batch::empty(),
            (true, None) => return Ok(None),
            (true, Some(record)) => Batch::parse(self.root, record.0.clone())
                .map_err(|e| BuildError(format!("a saved batch cannot be read: {e}")))?,
        };
        let Self { round, author, parents, height, claim, toss, signature, .. } = self;
        Ok(Some(Arc::new(Vertex {
            round,
            author,
            parents: parents.into_owned(),
            height,
            claim,
            toss,
            batch,
            signature,
            digests: OnceLock::new(),
            record: OnceLock::new(),
        })))
    }
}
