//! The verifier thread: drains all claims that wait into one batch, and remembers what was proven.
//!
//! While one batch is being proven the next gathers, so batches grow with the load by themselves:
//! the accelerator sees few large calls when it matters, and one small call when nothing else
//! waits. How wide the calls were, and how long jobs waited for their answers, is counted.

use std::{
    borrow::Cow,
    hash::Hasher,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SendError, Sender, channel},
    },
    thread,
    time::Instant,
};

use byzlab_core::{Accelerator, Claim, Committee, Packet, Ticket, Transaction};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::{
    budget::Share,
    counters::{WIDTHS, width_class},
    happening::{Events, Happening, Origin},
};

/// The most claims proven in one call, more or less: a job is never split.
const BATCH_CLAIMS: usize = 16_384;
/// The most proven claims that are remembered, a multiple of [`WAYS`]: 2 MiB of names.
const PROVEN_MAX: usize = 1 << 17;
/// Names that stand side by side in one line of a processor's cache.
const WAYS: usize = 4;

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
    /// Claims in them.
    pub claims: AtomicU64,
    /// Calls by the class of their width.
    pub widths: [AtomicU64; WIDTHS],
    /// Jobs that were judged.
    pub jobs: AtomicU64,
    /// The time from handing them over to their verdicts, all together, in nanoseconds.
    pub waited_ns: AtomicU64,
}

/// Where jobs are handed over.
#[derive(Clone, Debug)]
pub(crate) struct Jobs(Sender<(Instant, Job)>);

impl Jobs {
    /// Hands a job over; an error if the verifier is gone.
    pub fn send(&self, job: Job) -> Result<(), SendError<(Instant, Job)>> {
        self.0.send((Instant::now(), job))
    }
}

/// A verifier's hands: kept by the seat.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub jobs: Jobs,
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
    Ok(Verifier { jobs: Jobs(sender), proofs, thread })
}

/// Claims to be proven in one call.
#[derive(Default)]
struct Batch {
    claims: Vec<Claim>,
    /// The name of each, where it has one.
    names: Vec<Option<u128>>,
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
    /// When it was handed over.
    since: Instant,
    /// One entry a claim: where it stands in the batch, or its verdict if that is known already.
    claims: Vec<Result<usize, bool>>,
}

impl Worker {
    fn run(mut self, jobs: &Receiver<(Instant, Job)>) {
        let mut batch = Batch::default(); // keeps its allocations
        while let Ok(first) = jobs.recv() {
            let mut parts = Vec::new();
            let mut next = Some(first);
            while let Some((since, job)) = next {
                parts.push(self.part(since, job, &mut batch));
                next = if batch.claims.len() < BATCH_CLAIMS { jobs.try_recv().ok() } else { None };
            }
            let verdicts = self.prove(&batch);
            batch.claims.clear();
            batch.names.clear();
            self.count_waiting(&parts);
            for part in parts {
                if self.events.send(part.judge(&verdicts)).is_err() {
                    return;
                }
            }
        }
    }
    /// Takes a job's claims into the batch, but for those that were proven before.
    fn part(&self, since: Instant, job: Job, batch: &mut Batch) -> Part {
        let mut remembered = 0;
        let mut place = |claim: Cow<Claim>| {
            let name = self.proven.name_of(&claim);
            if name.is_some_and(|name| self.proven.contains(name)) {
                remembered += 1;
                return Part::KNOWN_GOOD;
            }
            batch.claims.push(claim.into_owned());
            batch.names.push(name);
            Ok(batch.claims.len() - 1)
        };
        let claims = match &job {
            Job::Packet { packet, .. } => {
                packet.known_claims().iter().map(|claim| place(Cow::Borrowed(claim))).collect()
            }
            Job::Transactions { transactions, .. } => transactions
                .iter()
                .map(|transaction| match transaction.claim(&self.committee) {
                    Ok(Some(claim)) => place(Cow::Owned(claim)),
                    Ok(None) => Part::KNOWN_GOOD,
                    Err(_) => Err(false),
                })
                .collect(),
        };
        self.proofs.remembered.fetch_add(remembered, Ordering::Relaxed);
        Part { job, since, claims }
    }
    fn count_waiting(&self, parts: &[Part]) {
        let now = Instant::now();
        let waited: u128 = parts.iter().map(|part| (now - part.since).as_nanos()).sum();
        self.proofs.jobs.fetch_add(parts.len() as u64, Ordering::Relaxed);
        self.proofs.waited_ns.fetch_add(waited as u64, Ordering::Relaxed);
    }
    fn prove(&mut self, batch: &Batch) -> Vec<bool> {
        if batch.claims.is_empty() {
            return Vec::new();
        }
        let verdicts = self.accelerator.check(&batch.claims);
        let signatures = batch.names.iter().flatten().count() as u64;
        self.proofs.signatures.fetch_add(signatures, Ordering::Relaxed);
        self.proofs.batches.fetch_add(1, Ordering::Relaxed);
        self.proofs.claims.fetch_add(batch.claims.len() as u64, Ordering::Relaxed);
        self.proofs.widths[width_class(batch.claims.len())].fetch_add(1, Ordering::Relaxed);
        for (&name, &holds) in batch.names.iter().zip(&verdicts) {
            if let (Some(name), true) = (name, holds) {
                self.proven.insert(name);
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

/// Names of the newest proven claims.
///
/// A name is SipHash-1-3 of 128 bits over the whole claim, under a key drawn at random for this
/// verifier and never told. Whoever wants a false claim taken for a proven one must hit the name of
/// one that is remembered: not knowing the key, and seeing no name, he does so with a chance of
/// 2⁻¹¹¹ a try, and every miss is proven and found false. A digest that anyone can compute would have
/// to withstand searches for collisions, and so costs more.
///
/// It is laid out as processors' caches are: a name has one set where it may stand, which is one
/// line of memory, and there the oldest of [`WAYS`] names makes room for the newest. So a few names
/// are forgotten early: of those with 16,384 newer ones, two in a thousand. Their claims are proven
/// again, which costs time and changes no verdict.
struct Proven {
    /// Under the key, and before the first byte.
    hasher: SipHasher13,
    sets: Vec<Set>,
}

/// Names, the newest first; zero where there is none yet.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Set([u128; WAYS]);

impl Default for Proven {
    fn default() -> Self {
        let sets = vec![Set::default(); PROVEN_MAX / WAYS];
        let mut key = [0; 16];
        getrandom::fill(&mut key).expect("the system gives random bytes");
        Self { hasher: SipHasher13::new_with_key(&key), sets }
    }
}

impl Proven {
    /// The name under which a claim is remembered; `None` for those that are as cheap to prove
    /// again.
    fn name_of(&self, claim: &Claim) -> Option<u128> {
        let mut hasher = self.hasher;
        match claim {
            // Key and signature are of fixed length: no two claims are the same bytes.
            Claim::Signed { by, statement, signature } => {
                let parts = [&by.0[..], &signature.0, statement];
                parts.into_iter().for_each(|part| hasher.write(part));
            }
            // Of 32 bytes, and so too short for the first kind.
            Claim::Aggregate(aggregate) => hasher.write(&aggregate.digest().0),
            Claim::Tossed(tossed) => hasher.write(&tossed.digest().0),
            Claim::Root(_) | Claim::Work(_) => return None,
        }
        Some(hasher.finish128().as_u128())
    }
    fn place_of(&self, name: u128) -> usize {
        name as usize % self.sets.len()
    }
    fn contains(&self, name: u128) -> bool {
        self.sets[self.place_of(name)].0.contains(&name)
    }
    fn insert(&mut self, name: u128) {
        let place = self.place_of(name);
        let Set(names) = &mut self.sets[place];
        if !names.contains(&name) {
            names.rotate_right(1);
            names[0] = name;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use byzlab_core::{PublicKey, Signature};

    use super::*;

    fn claim(by: u8, statement: &'static [u8], signature: u8) -> Claim {
        let statement = Bytes::from_static(statement);
        Claim::Signed { by: PublicKey([by; 32]), statement, signature: Signature([signature; 64]) }
    }

    #[test]
    fn a_name_is_of_the_whole_claim_and_of_this_verifier() {
        let (here, there) = (Proven::default(), Proven::default());
        let name = here.name_of(&claim(1, b"pay", 2));
        assert!(name.is_some() && name == here.name_of(&claim(1, b"pay", 2)));
        for other in [claim(3, b"pay", 2), claim(1, b"pays", 2), claim(1, b"pay", 3)] {
            assert_ne!(here.name_of(&other), name);
        }
        assert_ne!(there.name_of(&claim(1, b"pay", 2)), name);
    }

    #[test]
    fn the_newest_names_are_kept_and_no_more_than_the_bound() {
        let mut proven = Proven::default();
        let sets = proven.sets.len() as u128;
        let names: Vec<u128> = (0..=WAYS as u128).map(|i| 7 + i * sets).collect(); // one set for all
        names.iter().for_each(|&name| proven.insert(name));
        proven.insert(names[1]); // known already: it takes nobody's place
        assert!(!proven.contains(names[0]));
        assert!(names[1..].iter().all(|&name| proven.contains(name)));
        assert_eq!(proven.sets.len() * WAYS, PROVEN_MAX);
        assert_eq!(size_of::<Set>(), 64);
    }
}
