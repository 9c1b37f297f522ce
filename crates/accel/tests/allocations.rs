//! What a call allocates, once a call like it has been: nothing that grows with it but the list it hands back.
//!
//! Every allocation of this program is counted, those of wgpu among them, which makes a hundred for each batch
//! and two for each further pass. Whose one is cannot be told; whether there are more, or larger ones, for more
//! items can: calls of two widths are compared. The least of several calls counts, as threads that wait for the
//! device may make something meanwhile. What C code allocates, drivers' among it, is not seen.

#![allow(clippy::unwrap_used, unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ops::Range,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use byzlab_accel::{
    Cpu,
    choice::{Device, Routed, Samples, WallClock},
    gpu::{Gpu, Options, testing},
};
use byzlab_core::{
    Accelerator, Batch, Claim, Committee, Costs, Digest, Profile, PublicKey, Puzzle, Scheme, Seal,
    Signature, Signer, Transaction, Work,
};

/// The system's allocator, and how often it was asked for memory, and for how much.
struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn count(bytes: usize) {
    CALLS.fetch_add(1, Relaxed);
    BYTES.fetch_add(bytes as u64, Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came; counting touches two atomic numbers alone.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract, and the place came from the same allocator.
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller keeps the contract, and the place came from the same allocator.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time: all count together.
static TURN: Mutex<()> = Mutex::new(());

/// The widths that are compared: of either, the share that is checked again fills the CPU's lanes.
const NARROW: usize = 1_024;
const WIDE: usize = 4_096;
/// Calls before counting: both slots of a ring have to grow.
const WARM_UP: usize = 2;
/// Calls of which the least counts.
const COUNTED: usize = 3;

/// What one call allocates at least: how often, and how many bytes.
fn least(mut call: impl FnMut()) -> (u64, u64) {
    (0..WARM_UP).for_each(|_| call());
    let counted = (0..COUNTED).map(|_| {
        let before = (CALLS.load(Relaxed), BYTES.load(Relaxed));
        call();
        (CALLS.load(Relaxed) - before.0, BYTES.load(Relaxed) - before.1)
    });
    let all: Vec<_> = counted.collect();
    all.into_iter().min().unwrap()
}

/// How often one kind of work asks for memory at both widths, and for how many bytes beside its result.
struct Kind {
    what: &'static str,
    narrow: (u64, u64),
    wide: (u64, u64),
}

/// Kinds whose sums are the curve library's where there is no AVX-512, and then allocate.
const SUMS: [&str; 4] = ["committee keys", "unknown keys", "both", "rejected"];

fn sums_are_ours() -> bool {
    #[cfg(target_arch = "x86_64")]
    let ours = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma");
    #[cfg(not(target_arch = "x86_64"))]
    let ours = false;
    ours
}

/// What is to be done, made once for all.
struct Load {
    committee: Vec<PublicKey>,
    known: Vec<Claim>,
    unknown: Vec<Claim>,
    both: Vec<Claim>,
    bad: Vec<Claim>,
    batches: [[Claim; 1]; 2],
    clients: Vec<Signer>,
    text: Vec<u8>,
}

static LOAD: LazyLock<Load> = LazyLock::new(|| {
    let mut samples = Samples::new(WIDE);
    let known = samples.signatures(Work::KnownKeys, WIDE, false);
    let unknown = samples.signatures(Work::UnknownKeys, WIDE, false);
    let both = known.iter().zip(&unknown).flat_map(|(a, b)| [a, b]).cloned().collect();
    let (committee, bad, clients) = (samples.committee(), corrupt(&known), samples.clients());
    let batches = [NARROW, WIDE].map(|width| [batch(&clients[0], width)]);
    let text = (0..WIDE + 96).map(|i| (i * 167 + i / 251) as u8).collect();
    Load { committee, known, unknown, both, bad, batches, clients, text }
});

/// Every kind of work, by calls of `accelerator`; what is summed on the curve if `sums`.
fn kinds(accelerator: &dyn Accelerator, sums: bool) -> Vec<Kind> {
    let Load { committee, known, unknown, both, bad, batches, clients, text } = &*LOAD;
    accelerator.expect_keys(committee);
    accelerator.expect_signing();
    let messages: Vec<&[u8]> = (0..WIDE).map(|i| &text[i..i + 96]).collect();
    let items: Vec<(&Signer, &[u8])> =
        clients.iter().cycle().zip(messages.iter().copied()).collect();
    let unsolved = Samples::puzzle();
    let mut kinds = Vec::new();
    let mut kind = |what, each: usize, call: &mut dyn FnMut(usize)| {
        if SUMS.contains(&what) && !sums {
            return;
        }
        let mut of = |width: usize| {
            let (calls, bytes) = least(|| call(width));
            (calls, bytes.saturating_sub((each * width) as u64))
        };
        kinds.push(Kind { what, narrow: of(NARROW), wide: of(WIDE) });
    };
    let holding =
        |claims: &[Claim]| accelerator.check(claims).iter().filter(|holds| **holds).count();
    kind("committee keys", 1, &mut |n| assert_eq!(holding(&known[..n]), n));
    kind("unknown keys", 1, &mut |n| assert_eq!(holding(&unknown[..n]), n));
    kind("both", 1, &mut |n| assert_eq!(holding(&both[..n]), n));
    kind("rejected", 1, &mut |n| assert_eq!(holding(&bad[..n]), 0));
    kind("roots", 0, &mut |n| assert_eq!(holding(&batches[usize::from(n == WIDE)]), 1));
    kind("hashes", size_of::<Digest>(), &mut |n| {
        assert_eq!(accelerator.hash_many(&messages[..n]).len(), n);
    });
    kind("trees", 0, &mut |n| {
        assert_ne!(accelerator.merkle_root(&messages[..n]), Digest::default());
    });
    kind("signing", size_of::<Signature>(), &mut |n| {
        assert_eq!(accelerator.sign_many(&items[..n]).len(), n);
    });
    kind("nonces", 0, &mut |n| assert_eq!(accelerator.search(&unsolved, 0..n as u64), None));
    kinds
}

/// The same signatures, none of which holds.
fn corrupt(claims: &[Claim]) -> Vec<Claim> {
    let bent = |claim: &Claim| {
        let Claim::Signed { by, statement, mut signature } = claim.clone() else { unreachable!() };
        signature.0[1] ^= 1;
        Claim::Signed { by, statement, signature }
    };
    claims.iter().map(bent).collect()
}

/// A batch of so many transactions, as a claim.
fn batch(client: &Signer, count: usize) -> Claim {
    let signer = Signer::seeded(Scheme::Ed25519, 1, "replica/0");
    let committee = Committee::new("allocations", vec![signer.public()], false);
    let payloads = (0..count).map(|i| vec![i as u8; 64]);
    let transactions = Transaction::many_unsigned(&committee, client, 0, payloads);
    Claim::Root(Batch::new(&transactions, &Cpu::new(Some(1))))
}

/// A CPU that is also its own device.
#[derive(Debug)]
struct Both(Cpu);

impl Accelerator for Both {
    fn name(&self) -> String {
        self.0.name()
    }
    fn check(&self, claims: &[Claim]) -> Vec<bool> {
        self.0.check(claims)
    }
    fn hash_many(&self, messages: &[&[u8]]) -> Vec<Digest> {
        self.0.hash_many(messages)
    }
    fn merkle_root(&self, items: &[&[u8]]) -> Digest {
        self.0.merkle_root(items)
    }
    fn search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal> {
        self.0.search(puzzle, nonces)
    }
    fn sign_many(&self, items: &[(&Signer, &[u8])]) -> Vec<Signature> {
        self.0.sign_many(items)
    }
}

impl Device for Both {
    fn fault(&self) -> Option<String> {
        None
    }
}

/// Asserts that no call asks more often than `calls` times, nor for more bytes than its result's and eight.
fn asks_at_most(calls: u64, name: &str, kinds: &[Kind]) {
    for Kind { what, narrow, wide } in kinds {
        for (width, (asked, bytes)) in [(NARROW, narrow), (WIDE, wide)] {
            assert!(*asked <= calls, "{name}, {what}: {asked} allocations for {width} items");
            assert!(
                *bytes <= 8,
                "{name}, {what}: {bytes} bytes beside the result of {width} items"
            );
        }
    }
}

#[test]
fn the_cpu_allocates_what_it_hands_back() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for threads in [1, 2] {
        let name = format!("{threads} threads");
        asks_at_most(1, &name, &kinds(&Cpu::new(Some(threads)), sums_are_ours()));
    }
    asks_at_most(1, "portable", &kinds(&Cpu::portable(1), false));
}

/// Each side that is asked hands a list back, and what is put together of several is one more.
#[test]
fn routing_allocates_no_more_than_verdicts() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (cpu, device) = [Cpu::new(Some(1)), Cpu::new(Some(1))].map(Both).into();
    let mut costs = Costs::default();
    Work::ALL.into_iter().for_each(|work| costs.of_mut(work).item_ps = 1_000);
    let profile = Profile { about: String::new(), cpu: costs, gpu: Some(costs), cores: None };
    let routed =
        Routed::new(Arc::new(cpu), Arc::new(device), &profile, Box::new(WallClock::default()));
    for kind in kinds(&routed, sums_are_ours()) {
        let Kind { what, narrow, wide } = kind;
        let (asked, lists) = match what {
            "both" => (3, 2),
            "roots" => (2, 1),
            _ => (1, 1),
        };
        assert!(narrow.0 <= asked && wide.0 <= asked, "{what}: {narrow:?}, {wide:?}");
        let most = |width: usize| ((lists - 1) * width + 8) as u64;
        assert!(narrow.1 <= most(NARROW) && wide.1 <= most(WIDE), "{what}: {narrow:?}, {wide:?}");
    }
}

/// Two levels more of a tree: what wgpu makes for two passes.
const FOR_PASSES: (u64, u64) = (6, 2_048);

#[test]
fn a_device_allocates_for_a_batch_and_not_for_its_items() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(adapter) = testing::software() else { return };
    let cpu = Arc::new(Cpu::new(Some(1)));
    let gpu = Gpu::on(&adapter, Options::default(), cpu).unwrap();
    for Kind { what, narrow, wide } in kinds(&gpu, sums_are_ours()) {
        let more = (wide.0.saturating_sub(narrow.0), wide.1.saturating_sub(narrow.1));
        let is_like = more.0 <= FOR_PASSES.0 && more.1 <= FOR_PASSES.1;
        assert!(is_like, "{what}: {narrow:?} for {NARROW} items, {wide:?} for {WIDE}");
    }
}
