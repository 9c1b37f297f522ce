//! What faults do, and that checks see what they should see.

mod common;

use byzlab_core::{Height, ReplicaId, Span, Time};
use byzlab_sim::{Clients, Delay, Fault, Mining, Scenario, Stabilisation};
use common::{
    burst::BURST, miner::MINER, moments, outcome, repeatable, traced, trio::TRIO, violated,
};

const R: [ReplicaId; 4] = [ReplicaId(0), ReplicaId(1), ReplicaId(2), ReplicaId(3)];

fn loaded(seed: u64) -> Scenario {
    let mut scenario = Scenario::new(TRIO, 4, seed);
    scenario.params.insert("transactions".into(), 50.into());
    scenario.clients = Clients::open(2, Span::ms(10), Time::seconds(9));
    scenario
}

#[test]
fn a_good_run_has_no_violations_and_full_books() {
    let outcome = repeatable(&loaded(1));
    assert_eq!(outcome.violations, []);
    assert_eq!(outcome.submitted, outcome.committed_transactions());
    assert!(outcome.submitted > 1500);
    assert_eq!(outcome.figures["ledger_transactions"] as u64, outcome.submitted);
    assert_eq!(outcome.timeline.len(), 10);
    let sampled: u64 = outcome.timeline.iter().map(|sample| sample.committed).sum();
    assert_eq!(sampled, outcome.submitted);
    assert!(outcome.timeline[3].p50.is_some());
    assert_eq!(outcome.producers[&R[0]], outcome.committed_blocks);
    assert_eq!(outcome.notes["proposed"], outcome.committed_blocks);
    let head = outcome.heads[0].expect("it runs");
    assert!(outcome.heads.iter().all(|other| *other == Some(head)));
    // One proposal, and two votes of each replica, to three others.
    let messages = |kind: &str| outcome.traffic[kind].messages;
    let blocks = outcome.committed_blocks;
    assert_eq!(messages("propose"), 3 * blocks);
    assert_eq!((messages("prepare"), messages("commit")), (12 * blocks, 12 * blocks));
    assert_eq!(outcome.accelerator, "simulated signatures, reference");
}

#[test]
fn a_crashed_replica_comes_back_with_its_ledger_and_records() {
    let mut scenario = loaded(1);
    scenario.faults = vec![
        Fault::Crash { replica: R[3], at: Time::seconds(2) },
        // While nothing is under way, so that it has missed whole blocks only.
        Fault::Restart { replica: R[3], at: Time::ms(9500) },
    ];
    let outcome = repeatable(&scenario);
    assert_eq!(outcome.violations, [], "three of four go on");
    let heights = |sample: usize| outcome.timeline[sample].heights[3];
    assert_eq!(heights(4), None, "down");
    let back = heights(9).expect("it is back");
    assert!(back > Height(30) && Some(back) < outcome.timeline[9].heights[0]);
    let marks: Vec<_> = outcome.marks.iter().map(|m| (m.at, m.replica, m.what.as_str())).collect();
    let want = [(Time::seconds(2), Some(R[3]), "crash"), (Time::ms(9500), Some(R[3]), "restart")];
    assert_eq!(marks, want);
}

#[test]
fn a_leader_without_a_quorum_stalls_and_the_violation_says_so() {
    let mut scenario = loaded(1);
    scenario.faults = vec![Fault::Partition {
        groups: vec![vec![R[0], R[1]]],
        during: Time::ZERO..Time::seconds(100),
    }];
    let outcome = repeatable(&scenario);
    assert_eq!(violated(&outcome), ["progress"]);
    let what = &outcome.violations[0].what;
    assert!(what.contains("committed nothing") && what.contains("r0 proposed"), "{what}");
    assert!(outcome.figures["messages_cut_off"] > 0.0);
}

#[test]
fn a_stall_is_a_violation_only_while_nothing_disturbs() {
    let stalls = |faults: Vec<Fault>| {
        let mut scenario = loaded(1);
        scenario.progress_within = Some(Span::seconds(2));
        scenario.faults = faults;
        let outcome = repeatable(&scenario);
        outcome
            .violations
            .iter()
            .map(|violation| (violation.property.clone(), violation.at))
            .collect::<Vec<_>>()
    };
    assert_eq!(stalls(vec![]), []);
    let crash = |id: usize| Fault::Crash { replica: R[id], at: Time::seconds(2) };
    // One crash is within what four replicas stand, but a fixed leader does not come back.
    assert_eq!(stalls(vec![crash(0)]), [("progress".to_owned(), Time::seconds(5))]);
    assert_eq!(stalls(vec![crash(1), crash(2)]), [], "nothing can be asked of two of four");
    let partition =
        Fault::Partition { groups: vec![vec![R[0]]], during: Time::seconds(2)..Time::seconds(9) };
    assert_eq!(stalls(vec![partition]), []);
}

#[test]
fn silent_replicas_say_nothing_and_count_as_faulty() {
    let mut scenario = loaded(1);
    let silent = |id: usize| Fault::Silent { replica: R[id], during: Time::ZERO..Time::seconds(5) };
    scenario.faults = vec![silent(3)];
    let one = repeatable(&scenario);
    assert_eq!(one.violations, []);
    assert!(one.traffic["prepare"].messages < 12 * one.committed_blocks);
    scenario.faults.push(silent(2));
    let two = repeatable(&scenario);
    assert!(two.timeline[4].heights.iter().all(|height| *height == Some(Height(0))));
}

/// Twins of a leader are an equivocating leader: a right quorum keeps agreement, a smaller one does
/// not.
#[test]
fn twins_equivocate() {
    let run = |seed, quorum: i64| {
        let mut scenario = loaded(seed);
        scenario.params.insert("quorum".into(), quorum.into());
        scenario.stop.after = Span::seconds(2);
        scenario.faults = vec![Fault::Twins { replica: R[0], reshuffle: None }];
        outcome(&scenario)
    };
    let broken = |quorum| {
        (0..20).filter(|&seed| violated(&run(seed, quorum)).contains(&"agreement")).count()
    };
    assert_eq!(broken(3), 0);
    assert!(broken(2) > 10, "{}", broken(2));
}

/// f replicas in two worlds are a quorum in one of them at most; f + 1 are in both, and no quorum is
/// right.
#[test]
fn one_more_than_f_in_two_worlds_break_agreement() {
    let run = |colluding: &[ReplicaId]| {
        let mut scenario = loaded(1);
        scenario.stop.after = Span::seconds(2);
        let (replicas, apart) = (colluding.to_vec(), vec![R[3]]);
        scenario.faults = vec![Fault::SplitBrain { replicas, apart }];
        repeatable(&scenario)
    };
    assert!(!violated(&run(&R[..1])).contains(&"agreement"));
    let broken = run(&R[..2]);
    assert!(violated(&broken).contains(&"agreement"));
    assert_eq!(broken.marks.iter().filter(|mark| mark.what == "in two worlds").count(), 2);
    let refused = |faults: Vec<Fault>| {
        let scenario = Scenario { faults, ..loaded(1) };
        byzlab_sim::run(&scenario, &mut |_| ()).expect_err("it contradicts itself").to_string()
    };
    let both =
        |replicas: &[ReplicaId]| Fault::SplitBrain { replicas: replicas.into(), apart: vec![R[1]] };
    assert!(refused(vec![both(&R[..2])]).contains("in both worlds"));
    let twins = Fault::Twins { replica: R[2], reshuffle: None };
    assert!(refused(vec![both(&R[..1]), twins]).contains("all twins there are"));
}

#[test]
fn a_slow_replica_is_slow_both_ways() {
    let mut scenario = Scenario::new(BURST, 3, 1);
    scenario.params.insert("messages".into(), 1.into());
    scenario.params.insert("bytes".into(), 10.into());
    scenario.params.insert("all".into(), true.into());
    scenario.params.insert("everyone".into(), true.into());
    let during = Time::ZERO..Time::seconds(1);
    scenario.faults = vec![Fault::Slow { replica: R[1], during, factor: 5 }];
    let (_, trace) = traced(&scenario, 1000);
    assert_eq!(moments(&trace, 1, "packet"), [50_000_000; 2]);
    assert_eq!(moments(&trace, 2, "packet"), [10_000_000, 50_000_000]);
    scenario.network.bandwidth.up = Some(80_000);
    let (_, trace) = traced(&scenario, 1000);
    let [of_one, of_the_slow] = moments(&trace, 2, "packet")[..] else { panic!("two packets") };
    assert!(of_one > 11_000_000, "packets leave in turn");
    assert_eq!(of_the_slow, 5 * of_one, "its own link is slow, too");
}

#[test]
fn commits_taken_back_are_seen() {
    let mut scenario = loaded(1);
    scenario.params.insert("revert".into(), 3.into());
    scenario.stop.after = Span::seconds(2);
    assert!(violated(&outcome(&scenario)).contains(&"finality"));
}

/// Commits without depth and with delays fork at once, and the checks see it.
#[test]
fn careless_mining_breaks_agreement() {
    let mut scenario = Scenario::new(MINER, 5, 1);
    scenario.params.insert("zeros".into(), 20.into());
    scenario.mining = Mining { hash_power: vec![1 << 18] };
    scenario.network.delay = Delay::Constant(Span::ms(100));
    scenario.stop.after = Span::seconds(100);
    assert_eq!(violated(&repeatable(&scenario)), ["agreement"]);
}

/// A nonce that was not mined is refused before the protocol sees it, and in the miner's own
/// ledger.
#[test]
fn work_that_was_not_done_does_not_hold() {
    let mut scenario = Scenario::new(MINER, 2, 1);
    scenario.params.insert("zeros".into(), 20.into());
    scenario.params.insert("cheat".into(), true.into());
    scenario.mining = Mining { hash_power: vec![1 << 20, 0] };
    let outcome = repeatable(&scenario);
    assert!(violated(&outcome).contains(&"validity"));
    assert_eq!(outcome.heads[1].unwrap().height, Height(0));
    assert!(outcome.notes["dropped: found: a claim does not hold"] > 0);
}

/// Before stabilisation messages take up to the bound longer, and clients' do not; after it none does.
#[test]
fn the_network_stabilises() {
    let mut scenario = Scenario::new(BURST, 2, 1);
    scenario.params.insert("messages".into(), 1000.into());
    scenario.params.insert("bytes".into(), 10.into());
    let delay = Span::ms(100);
    scenario.network.stabilises = Some(Stabilisation { at: Time::ms(1), delay });
    let late = moments(&traced(&scenario, 2000).1, 1, "packet");
    assert!(late.iter().all(|at| (10_000_000..=110_000_000).contains(at)));
    let mean = late.iter().sum::<u64>() / 1000;
    assert!(mean.abs_diff(60_000_000) < 3_000_000, "{mean}");
    scenario.network.stabilises = Some(Stabilisation { at: Time::ZERO, delay });
    assert_eq!(moments(&traced(&scenario, 2000).1, 1, "packet"), [10_000_000; 1000]);
}

#[test]
fn progress_is_told_at_each_sample() {
    let mut told = Vec::new();
    byzlab_sim::run(&loaded(1), &mut |progress| told.push(progress)).unwrap();
    let moments: Vec<Time> = told.iter().map(|progress| progress.now).collect();
    assert_eq!(moments, (1..=10).map(Time::seconds).collect::<Vec<_>>());
    assert!(told.windows(2).all(|two| two[0].blocks <= two[1].blocks));
    assert!(told[9].transactions > 1500 && told[9].end == Time::seconds(10));
}

#[test]
fn lost_messages_are_about_as_many_as_asked_for() {
    let mut scenario = Scenario::new(BURST, 4, 1);
    scenario.params.insert("messages".into(), 20_000.into());
    scenario.params.insert("bytes".into(), 10.into());
    scenario.network.loss_ppm = 50_000;
    let outcome = repeatable(&scenario);
    let lost = outcome.figures["messages_lost"];
    assert!((lost - 1000.0).abs() < 100.0, "{lost}");
    assert_eq!(outcome.figures["messages_delivered"], 20_000.0 - lost);
}

#[test]
fn scenarios_that_contradict_themselves_are_refused() {
    let refused = |change: &dyn Fn(&mut Scenario)| {
        let mut scenario = loaded(1);
        change(&mut scenario);
        byzlab_sim::run(&scenario, &mut |_| ()).expect_err("it is unsound").0
    };
    assert!(refused(&|s| s.size = 0).contains("1 to 65535"));
    assert!(refused(&|s| s.sample = Span::ZERO).contains("samples"));
    let stranger = Fault::Crash { replica: ReplicaId(4), at: Time::ZERO };
    assert!(refused(&|s| s.faults.push(stranger.clone())).contains("r4"));
    assert!(refused(&|s| s.network.bandwidth.up = Some(0)).contains("bandwidth"));
    let backwards = Delay::Range { low: Span::ms(2), high: Span::ms(1) };
    assert!(refused(&|s| s.network.delay = backwards.clone()).contains("delays"));
    assert!(
        refused(&|s| {
            s.params.insert("x".into(), 1.into());
        })
        .contains("unknown field")
    );
}
