//! The verifier thread: drains all claims that wait into one batch, and remembers what was proven.
//!
//! While one batch is being proven the next gathers, so batches grow with the load by themselves:
//! the accelerator sees few large calls when it matters, and one small call when nothing else
//! waits.

use std::{
    collections::BTreeSet,
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use byzlab_core::{
    Accelerator, Claim, Committee, Digest, Packet, Ticket, Transaction, crypto::sha256_of,
};

use crate::{
    budget::Share,
    happening::{Events, Happening, Origin},
};

/// The most claims proven in one call, more or less: a job is never split.
const BATCH_CLAIMS: usize = 16_384;
/// Proven claims that are remembered: this many of the newest, and up to as many older ones.
const PROVEN_MAX: usize = 1 << 16;

/// Something to prove. Each holds a share of its sender's budget until it is judged.
#[derive(Debug)]
pub(crate) enum Job {
    /// The [known claims](Packet::known_claims) of a packet.
    Packet { ticket: Ticket, packet: Packet, share: Share },
    /// The signatures of transactions.
    Transactions { origin: Origin, transactions: Vec<Transaction>, share: Share },
}

/// What the verifier has done.
#[derive(Debug, Default)]
pub(crate) struct Proofs {
    /// Signatures proven, those that did not hold included.
    pub signatures: AtomicU64,
    /// Claims that had been proven before.
    pub remembered: AtomicU64,
    /// Calls to the accelerator.
    pub batches: AtomicU64,
}

/// A verifier's hands: kept by the seat.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub jobs: Sender<Job>,
    pub proofs: Arc<Proofs>,
    pub thread: thread::JoinHandle<()>,
}

/// Starts a verifier; it ends when the sender is dropped.
pub(crate) fn start(
    name: String,
    committee: Arc<Committee>,
    accelerator: Arc<dyn Accelerator>,
    events: Events,
) -> std::io::Result<Verifier> {
    let (sender, jobs) = channel();
    let proofs = Arc::<Proofs>::default();
    let proven = Proven::default();
    let worker = Worker { committee, accelerator, events, proofs: proofs.clone(), proven };
    let thread = thread::Builder::new().name(name).spawn(move || worker.run(&jobs))?;
    Ok(Verifier { jobs: sender, proofs, thread })
}

struct Worker {
    committee: Arc<Committee>,
    accelerator: Arc<dyn Accelerator>,
    events: Events,
    proofs: Arc<Proofs>,
    proven: Proven,
}

/// What one job adds to a batch.
struct Part {
    job: Job,
    /// One entry a claim: where it stands in the batch, or its verdict if that is known already.
    claims: Vec<Result<usize, bool>>,
}

impl Worker {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let (mut parts, mut claims) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(job) = next {
                parts.push(self.part(job, &mut claims));
                next = if claims.len() < BATCH_CLAIMS { jobs.try_recv().ok() } else { None };
            }
            let verdicts = self.prove(&claims);
            for part in parts {
                if self.events.send(part.judge(&verdicts)).is_err() {
                    return;
                }
            }
        }
    }
    /// Takes a job's claims into the batch, but for those that were proven before.
    fn part(&mut self, job: Job, batch: &mut Vec<(Claim, Option<Digest>)>) -> Part {
        let mut place = |claim: &Claim| {
            let name = name_of(claim);
            if name.is_some_and(|name| self.proven.contains(&name)) {
                self.proofs.remembered.fetch_add(1, Ordering::Relaxed);
                return Part::KNOWN_GOOD;
            }
            batch.push((claim.clone(), name));
            Ok(batch.len() - 1)
        };
        let claims = match &job {
            Job::Packet { packet, .. } => packet.known_claims().iter().map(place).collect(),
            Job::Transactions { transactions, .. } => transactions
                .iter()
                .map(|transaction| match transaction.claim(&self.committee) {
                    Ok(Some(claim)) => place(&claim),
                    Ok(None) => Part::KNOWN_GOOD,
                    Err(_) => Err(false),
                })
                .collect(),
        };
        Part { job, claims }
    }
    fn prove(&mut self, batch: &[(Claim, Option<Digest>)]) -> Vec<bool> {
        if batch.is_empty() {
            return Vec::new();
        }
        let claims: Vec<_> = batch.iter().map(|(claim, _)| claim.clone()).collect();
        let verdicts = self.accelerator.check(&claims);
        let names = batch.iter().filter_map(|(_, name)| *name);
        self.proofs.signatures.fetch_add(names.count() as u64, Ordering::Relaxed);
        self.proofs.batches.fetch_add(1, Ordering::Relaxed);
        for ((_, name), holds) in batch.iter().zip(&verdicts) {
            if let (Some(name), true) = (name, holds) {
                self.proven.insert(*name);
            }
        }
        verdicts
    }
}

impl Part {
    const KNOWN_GOOD: Result<usize, bool> = Err(true);

    fn judge(self, verdicts: &[bool]) -> Happening {
        let holds = |claim: &Result<usize, bool>| claim.map_or_else(|known| known, |i| verdicts[i]);
        match self.job {
            Job::Packet { ticket, packet: _, share } => {
                drop(share); // the verdict frees the packet
                Happening::Verdict { ticket, holds: self.claims.iter().all(holds) }
            }
            Job::Transactions { origin, mut transactions, share } => {
                let before = transactions.len();
                let mut claims = self.claims.iter();
                transactions.retain(|_| claims.next().is_some_and(holds));
                let refused = (before - transactions.len()) as u64;
                Happening::Proven { origin, transactions, refused, share }
            }
        }
    }
}

/// The name under which a claim is remembered; `None` for those that are as cheap to prove again.
fn name_of(claim: &Claim) -> Option<Digest> {
    match claim {
        Claim::Signed { by, statement, signature } => {
            Some(sha256_of(&[&by.0, &signature.0, statement]))
        }
        Claim::Root(_) | Claim::Work(_) => None,
    }
}

/// Names of proven claims: the newest, and those of the generation before.
#[derive(Default)]
struct Proven {
    young: BTreeSet<Digest>,
    old: BTreeSet<Digest>,
}

impl Proven {
    fn contains(&self, name: &Digest) -> bool {
        self.young.contains(name) || self.old.contains(name)
    }
    fn insert(&mut self, name: Digest) {
        if self.young.len() == PROVEN_MAX {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(name);
    }
}
