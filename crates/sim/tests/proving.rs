//! How claims are proven: many replicas' in one call, whoever computes; and what that is charged.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use byzlab_core::{
    Accelerator, Claim, Cost, Costs, Digest, Profile, Puzzle, Reference, Scheme, Seal, Span, Task,
    Time, Usage, outcome::Outcome, usage::Done,
};
use byzlab_sim::{Clients, CpuModel, Delay, Scenario};
use common::{outcome, repeatable, trio::TRIO};

/// The reference, how wide each call to it was, and whether it says that it was wrong.
#[derive(Debug, Default)]
struct Counting(Mutex<Vec<usize>>, bool);

impl Accelerator for Counting {
    fn name(&self) -> String {
        "counting".into()
    }
    fn check(&self, claims: &[Claim]) -> Vec<bool> {
        self.0.lock().unwrap().push(claims.len());
        Reference.check(claims)
    }
    fn hash_many(&self, messages: &[&[u8]]) -> Vec<Digest> {
        Reference.hash_many(messages)
    }
    fn merkle_root(&self, items: &[&[u8]]) -> Digest {
        Reference.merkle_root(items)
    }
    fn search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal> {
        Reference.search(puzzle, nonces)
    }
    /// A GPU's, of which it is known before the run that it was wrong once, and in the run twice more.
    fn usage(&self) -> Usage {
        let calls = self.0.lock().unwrap().len() as u64;
        let mut usage = Usage { has_gpu: true, rechecked: calls, ..Usage::default() };
        usage.mismatches = 1 + if self.1 { calls.min(2) } else { 0 };
        *usage.gpu.of_mut(Task::Signatures) = Done { calls, items: calls };
        usage
    }
}

/// Seven replicas whose votes all fall on the same moments.
fn votes(scheme: Scheme) -> Scenario {
    let mut scenario = Scenario::new(TRIO, 7, 1);
    scenario.params.insert("transactions".into(), 20.into());
    scenario.params.insert("patience".into(), "20ms".into());
    scenario.params.insert("signed".into(), true.into());
    scenario.network.delay = Delay::Constant(Span::ms(10));
    scenario.client_signatures = true;
    scenario.scheme = scheme;
    scenario.clients = Clients::open(3, Span::ms(20), Time::seconds(1));
    scenario.stop.after = Span::ms(1500);
    scenario
}

#[test]
fn what_many_replicas_wait_for_at_a_moment_is_one_call() {
    let counting = Arc::new(Counting::default());
    let mut scenario = votes(Scheme::Ed25519);
    scenario.accelerator = counting.clone();
    let seen = outcome(&scenario);
    let calls = counting.0.lock().unwrap().clone();
    let claims: usize = calls.iter().sum();
    assert!(calls.iter().any(|&width| width >= 7), "{calls:?}");
    assert!(claims >= 2 * calls.len(), "{claims} claims in {} calls", calls.len());
    assert_eq!(seen.figures["check_calls"], calls.len() as f64);
    assert_eq!(seen.figures["check_claims"], claims as f64);
    // What is proven ahead of time is what would have been proven: little is for nothing.
    let simulated = outcome(&votes(Scheme::Simulated));
    assert_eq!(seen.timeline, simulated.timeline);
    assert!(claims as u64 <= seen.signatures_checked, "each is proven once, and charged to all");
}

/// Answers stay the CPU's where a GPU was wrong; the run is none to be relied on all the same.
#[test]
fn a_wrong_answer_of_the_gpu_is_a_violation() {
    for lies in [false, true] {
        let mut scenario = votes(Scheme::Ed25519);
        scenario.accelerator = Arc::new(Counting(Mutex::default(), lies));
        let seen = outcome(&scenario);
        let properties: Vec<&str> = seen.violations.iter().map(|v| &*v.property).collect();
        assert_eq!(properties, if lies { vec!["accelerator"] } else { vec![] });
        assert_eq!(seen.figures["gpu_mismatches"], if lies { 2.0 } else { 0.0 });
        assert_eq!(seen.figures["gpu_share_of_signatures"], 1.0);
    }
}

fn costs(item_us: u64, start_us: u64) -> Costs {
    let cost = |item: Span| Cost {
        start_ns: Span::us(start_us).0,
        byte_ps: 0,
        floor_ns: 0,
        item_ps: item.0 * 1000,
    };
    let signature = cost(Span::us(item_us));
    let hash = cost(Span::ns(100));
    Costs {
        known_keys: signature,
        unknown_keys: signature,
        hashes: hash,
        merkle: hash,
        nonces: hash,
        signing: hash,
    }
}

fn charged(gpu: Option<Costs>, gap: Span) -> Outcome {
    let mut scenario = votes(Scheme::Simulated);
    scenario.cpu = CpuModel::server();
    scenario.clients = Clients::open(3, gap, Time::seconds(1));
    let profile =
        Profile { about: "a made-up machine".into(), cpu: costs(100, 0), gpu, cores: None };
    scenario.proving = Some(Arc::new(profile));
    let outcome = repeatable(&scenario);
    assert_eq!(outcome.violations, []);
    outcome
}

/// One line is the difference between a cluster with GPUs and one without.
#[test]
fn a_profile_is_charged_by_the_call() {
    let gap = Span::us(500); // 6,000 transactions a second: 0.6 s of each CPU, votes and blocks beside
    let (with, without) = (charged(Some(costs(1, 200)), gap), charged(None, gap));
    let on_gpu = |seen: &Outcome| seen.figures.get("proving_signatures_on_gpu").copied();
    assert!(on_gpu(&with) > Some(1000.0));
    assert_eq!(on_gpu(&without), Some(0.0), "a machine that is charged is told of");
    let p50 = |seen: &Outcome| seen.latency.quantile(0.5).unwrap();
    assert!(p50(&with) < p50(&without), "{} and {}", p50(&with), p50(&without));
    let width = |seen: &Outcome| seen.figures["proving_signatures"] / seen.figures["proving_calls"];
    assert!(width(&without) > 2.0, "calls gather while the CPU is busy: {}", width(&without));
    assert!(with.accelerator.contains("charged as a made-up machine"), "{}", with.accelerator);
}

/// Where no more than one waits, a GPU that loses at one item changes nothing at all.
#[test]
fn a_gpu_that_never_pays_changes_nothing() {
    let gap = Span::ms(20);
    let (with, without) = (charged(Some(costs(100, 5_000_000)), gap), charged(None, gap));
    assert_eq!(with.trace_digest, without.trace_digest);
    assert_eq!(with.figures["proving_signatures_on_gpu"], 0.0);
}
