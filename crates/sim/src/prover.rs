//! Proves claims, each as seldom as possible. What that costs in virtual time is counted elsewhere.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use byzlab_core::{
    Accelerator, Batch, Claim, Digest, Packet, Scheme,
    crypto::{SimulatedVerifier, sha256_of},
};

use crate::mining::Mint;

/// Bytes of batches whose roots are known.
const ROOTS_BYTES_MAX: usize = 64 << 20;
/// Places for verdicts on Ed25519 signatures.
const VERDICTS: usize = 1 << 16;

/// Proves claims.
#[derive(Debug)]
pub(crate) struct Prover {
    signatures: Signatures,
    accelerator: Arc<dyn Accelerator>,
    roots: Roots,
    pub(crate) mint: Mint,
}

#[derive(Debug)]
enum Signatures {
    Simulated(SimulatedVerifier),
    /// Verdicts known, by a digest of key, signature and statement; a newer one takes a place over.
    Ed25519(Vec<Option<(Digest, bool)>>),
}

impl Prover {
    pub(crate) fn new(scheme: Scheme, seed: u64, accelerator: Arc<dyn Accelerator>) -> Self {
        let signatures = match scheme {
            Scheme::Simulated => Signatures::Simulated(SimulatedVerifier::new(seed)),
            Scheme::Ed25519 => Signatures::Ed25519(vec![None; VERDICTS]),
        };
        Self { signatures, accelerator, roots: Roots::default(), mint: Mint::default() }
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
            Signatures::Ed25519(_) => self.accelerator.name(),
        }
    }
    /// Whether all claims of a packet hold; computed once a packet.
    pub(crate) fn judge(&mut self, packet: &Packet) -> bool {
        packet.verdict(|claims| self.all_hold(claims))
    }
    /// Proves what is not known of many packets' signatures at once, so that judging them one by
    /// one finds all answers.
    pub(crate) fn prepare<'a>(&mut self, packets: impl Iterator<Item = &'a Packet>) {
        let Signatures::Ed25519(verdicts) = &mut self.signatures else { return };
        let unknown = packets.filter(|packet| packet.known_verdict().is_none());
        let claims = unknown.flat_map(|packet| packet.known_claims());
        settle(&*self.accelerator, verdicts, claims);
    }
    /// Whether all of `claims` hold.
    pub(crate) fn all_hold(&mut self, claims: &[Claim]) -> bool {
        if let Signatures::Ed25519(verdicts) = &mut self.signatures {
            settle(&*self.accelerator, verdicts, claims.iter());
        }
        claims.iter().all(|claim| match claim {
            Claim::Signed { by, statement, signature } => match &self.signatures {
                Signatures::Simulated(verifier) => verifier.verify(by, statement, signature),
                Signatures::Ed25519(verdicts) => match find(verdicts, claim) {
                    (_, _, Some(verdict)) => verdict,
                    // Its place was taken by another of these claims.
                    _ => self.accelerator.check(std::slice::from_ref(claim)) == [true],
                },
            },
            Claim::Root(batch) => self.roots.holds(batch, &*self.accelerator),
            Claim::Work(seal) => self.mint.holds(seal),
        })
    }
}

/// A claim's name, its place, and the verdict on it, if that is known.
fn find(verdicts: &[Option<(Digest, bool)>], claim: &Claim) -> (Digest, usize, Option<bool>) {
    let Claim::Signed { by, statement, signature } = claim else {
        unreachable!("only verdicts on signatures are kept here");
    };
    let name = sha256_of(&[&by.0, &signature.0, statement]);
    let place = usize::from(u16::from_le_bytes([name.0[0], name.0[1]])) % VERDICTS;
    let known = verdicts[place].filter(|(other, _)| *other == name);
    (name, place, known.map(|(_, verdict)| verdict))
}

fn settle<'a>(
    accelerator: &dyn Accelerator,
    verdicts: &mut [Option<(Digest, bool)>],
    claims: impl Iterator<Item = &'a Claim>,
) {
    let (mut places, mut unknown) = (Vec::new(), Vec::new());
    for claim in claims.filter(|claim| matches!(claim, Claim::Signed { .. })) {
        if let (name, place, None) = find(verdicts, claim) {
            places.push((name, place));
            unknown.push(claim.clone());
        }
    }
    if unknown.is_empty() {
        return;
    }
    for ((name, place), verdict) in places.into_iter().zip(accelerator.check(&unknown)) {
        verdicts[place] = Some((name, verdict));
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
        let holds = batch.computed_root(accelerator) == batch.root();
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
