//! Proves claims, each as seldom as possible. What that costs in virtual time is counted elsewhere.
//!
//! A verdict follows from a packet's bytes, its sender and the committee, not from who asks, nor when. So
//! when the first verdict of many is wanted, the signatures on everything that is under way between all
//! replicas are proven in the same call: that is where batches come from that are wide enough for wide
//! hardware, though each simulated replica judges one message at a time.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    sync::Arc,
};

use byzlab_core::{
    Accelerator, Batch, Claim, Committee, Digest, Packet, Scheme, Transaction, Usage,
    crypto::{SimulatedVerifier, sha256_of},
};

use crate::mining::Mint;

/// Bytes of batches whose roots are known.
const ROOTS_BYTES_MAX: usize = 64 << 20;
/// Places for verdicts on real signatures.
const VERDICTS: usize = 1 << 16;
/// The most packets and parcels under way that are looked at ahead of time; the oldest beyond it are
/// proven when they are judged.
const UNDER_WAY_MAX: usize = 1 << 14;
/// From so many claims on, no more are gathered for one call: there must be places for their verdicts.
const CALL_CLAIMS: usize = VERDICTS / 4;

/// Proves claims.
#[derive(Debug)]
pub(crate) struct Prover {
    signatures: Signatures,
    accelerator: Arc<dyn Accelerator>,
    /// What it had done before.
    before: Usage,
    roots: Roots,
    pub(crate) mint: Mint,
}

#[derive(Debug)]
enum Signatures {
    Simulated(SimulatedVerifier),
    Real(Verdicts),
}

/// Verdicts on real signatures, and what there will be verdicts on.
#[derive(Debug)]
struct Verdicts {
    committee: Arc<Committee>,
    /// By a digest of key, signature and statement; a newer one takes a place over.
    known: Vec<Option<(Digest, bool)>>,
    /// What was sent since the last call.
    under_way: VecDeque<UnderWay>,
    calls: u64,
    claims: u64,
}

#[derive(Debug)]
enum UnderWay {
    Packet(Packet),
    Transactions(Rc<[Transaction]>),
}

/// Claims for one call, each once, and their names.
#[derive(Debug, Default)]
struct Call {
    claims: Vec<Claim>,
    names: Vec<Digest>,
    there: BTreeSet<Digest>,
}

impl Prover {
    pub(crate) fn new(
        scheme: Scheme,
        seed: u64,
        accelerator: Arc<dyn Accelerator>,
        committee: &Arc<Committee>,
    ) -> Self {
        let signatures = match scheme {
            Scheme::Simulated => Signatures::Simulated(SimulatedVerifier::new(seed)),
            Scheme::Ed25519 | Scheme::Bls => {
                accelerator.expect_keys(&committee.keys);
                Signatures::Real(Verdicts::new(committee.clone()))
            }
        };
        let before = accelerator.usage();
        let (roots, mint) = Default::default();
        Self { signatures, accelerator, before, roots, mint }
    }
    /// What the accelerator has done since; where several runs share one that [counts for
    /// all](Accelerator::apart), what it did for all of them.
    pub(crate) fn usage(&self) -> Usage {
        self.accelerator.usage().since(self.before)
    }
    pub(crate) fn accelerator(&self) -> &dyn Accelerator {
        &*self.accelerator
    }
    /// What proves claims, for the record.
    pub(crate) fn name(&self) -> String {
        match self.signatures {
            Signatures::Simulated(_) => {
                format!("simulated signatures, {}", self.accelerator.name())
            }
            Signatures::Real(_) => self.accelerator.name(),
        }
    }
    /// Calls for real signatures, and claims in them.
    pub(crate) fn calls(&self) -> (u64, u64) {
        match &self.signatures {
            Signatures::Simulated(_) => (0, 0),
            Signatures::Real(verdicts) => (verdicts.calls, verdicts.claims),
        }
    }
    /// A packet is under way.
    pub(crate) fn sent(&mut self, packet: &Packet) {
        if let Signatures::Real(verdicts) = &mut self.signatures
            && packet.known_verdict().is_none()
        {
            verdicts.expect(|| UnderWay::Packet(packet.clone()));
        }
    }
    /// Transactions are under way from a client.
    pub(crate) fn sent_transactions(&mut self, list: &Rc<[Transaction]>) {
        if let Signatures::Real(verdicts) = &mut self.signatures
            && verdicts.committee.client_signatures
        {
            verdicts.expect(|| UnderWay::Transactions(Rc::clone(list)));
        }
    }
    /// Whether all claims of a packet hold; computed once a packet.
    pub(crate) fn judge(&mut self, packet: &Packet) -> bool {
        packet.verdict(|claims| self.all_hold(claims))
    }
    /// Proves what is not known of many packets' signatures at once, so that judging them one by
    /// one finds all answers.
    pub(crate) fn prepare<'a>(&mut self, packets: impl Iterator<Item = &'a Packet>) {
        let Signatures::Real(verdicts) = &mut self.signatures else { return };
        let unknown = packets.filter(|packet| packet.known_verdict().is_none());
        let claims = unknown.flat_map(|packet| packet.known_claims());
        verdicts.settle(&*self.accelerator, claims);
    }
    /// Whether all of `claims` hold.
    pub(crate) fn all_hold(&mut self, claims: &[Claim]) -> bool {
        if let Signatures::Real(verdicts) = &mut self.signatures {
            verdicts.settle(&*self.accelerator, claims.iter());
        }
        claims.iter().all(|claim| match claim {
            Claim::Signed { .. } | Claim::Aggregate(_) => match (&self.signatures, claim) {
                (Signatures::Simulated(verifier), Claim::Signed { by, statement, signature }) => {
                    verifier.verify(by, statement, signature)
                }
                (Signatures::Simulated(_), _) => false, // tags do not add up
                (Signatures::Real(verdicts), _) => match verdicts.find(claim) {
                    (_, Some(verdict)) => verdict,
                    // Its place was taken by another of these claims.
                    _ => self.accelerator.check(std::slice::from_ref(claim)) == [true],
                },
            },
            Claim::Tossed(_) => self.accelerator.check(std::slice::from_ref(claim)) == [true],
            Claim::Root(batch) => self.roots.holds(batch, &*self.accelerator),
            Claim::Work(seal) => self.mint.holds(seal),
        })
    }
}

/// Where the verdict on a claim of this name is kept.
fn place_of(name: &Digest) -> usize {
    usize::from(u16::from_le_bytes([name.0[0], name.0[1]])) % VERDICTS
}

impl Verdicts {
    fn new(committee: Arc<Committee>) -> Self {
        let known = vec![None; VERDICTS];
        Self { committee, known, under_way: VecDeque::new(), calls: 0, claims: 0 }
    }
    fn expect(&mut self, what: impl FnOnce() -> UnderWay) {
        if self.under_way.len() == UNDER_WAY_MAX {
            self.under_way.pop_front(); // the oldest is the likeliest to have been judged
        }
        self.under_way.push_back(what());
    }
    /// A claim's name, and the verdict on it if that is known.
    fn find(&self, claim: &Claim) -> (Digest, Option<bool>) {
        let name = match claim {
            Claim::Signed { by, statement, signature } => {
                sha256_of(&[&by.0, &signature.0, statement])
            }
            Claim::Aggregate(aggregate) => aggregate.digest(),
            _ => unreachable!("only verdicts on signatures are kept here"),
        };
        let known = self.known[place_of(&name)].filter(|(other, _)| *other == name);
        (name, known.map(|(_, verdict)| verdict))
    }
    /// Sees to it that the verdicts on `claims` are known. If one is not, what is under way is proven in
    /// the same call.
    fn settle<'a>(
        &mut self,
        accelerator: &dyn Accelerator,
        claims: impl Iterator<Item = &'a Claim>,
    ) {
        let mut call = Call::default();
        claims.for_each(|claim| self.gather(&mut call, claim));
        if call.claims.is_empty() {
            return;
        }
        while call.claims.len() < CALL_CLAIMS
            && let Some(next) = self.under_way.pop_front()
        {
            match next {
                UnderWay::Packet(packet) if packet.known_verdict().is_some() => {}
                UnderWay::Packet(packet) => {
                    let claims = packet.foresee(&self.committee);
                    claims.iter().for_each(|claim| self.gather(&mut call, claim));
                }
                UnderWay::Transactions(list) => {
                    let claims =
                        list.iter().filter_map(|t| t.claim(&self.committee).ok().flatten());
                    claims.for_each(|claim| self.gather(&mut call, &claim));
                }
            }
        }
        self.calls += 1;
        self.claims += call.claims.len() as u64;
        for (name, verdict) in call.names.into_iter().zip(accelerator.check(&call.claims)) {
            self.known[place_of(&name)] = Some((name, verdict));
        }
    }
    /// Takes a signature into a call if nothing is known of it.
    fn gather(&self, call: &mut Call, claim: &Claim) {
        if !matches!(claim, Claim::Signed { .. } | Claim::Aggregate(_)) {
            return;
        }
        if let (name, None) = self.find(claim)
            && call.there.insert(name)
        {
            call.claims.push(claim.clone());
            call.names.push(name);
        }
    }
}

/// Batches whose stated roots are right. The same batch comes round in many packets; comparing its
/// bytes is ten times cheaper than hashing them.
#[derive(Debug, Default)]
struct Roots {
    known: BTreeMap<Digest, Batch>,
    order: VecDeque<Digest>,
    bytes: usize,
}

impl Roots {
    fn holds(&mut self, batch: &Batch, accelerator: &dyn Accelerator) -> bool {
        if self.known.get(&batch.root()) == Some(batch) {
            return true;
        }
        let holds = batch.root_holds(accelerator);
        if holds {
            self.bytes += batch.byte_len();
            self.order.push_back(batch.root());
            self.known.insert(batch.root(), batch.clone());
        }
        while self.bytes > ROOTS_BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= self.known.remove(&oldest).map_or(0, |gone| gone.byte_len());
        }
        holds
    }
}
