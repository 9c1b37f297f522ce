//! PBFT under crashes, silence, partitions and loss: it stays safe, and goes on.

#![allow(clippy::unwrap_used)]

use std::ops::Range;

use byzlab_core::{ReplicaId, Span, Time, outcome::Outcome, random::Stream};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, Delay, Fault, Scenario, run};

/// Small intervals, so that checkpoints and state transfer happen in short runs.
const PARAMS: &str =
    "checkpoint_interval = 8\nwatermark_window = 24\nin_flight = 4\nview_timeout = \"400ms\"";

fn scenario(size: u16, seed: u64) -> Scenario {
    let mut scenario = Scenario::new(builtin().find("pbft").unwrap(), size, seed);
    scenario.params = toml::from_str(PARAMS).unwrap();
    scenario.network.delay = Delay::Range { low: Span::ms(5), high: Span::ms(25) };
    scenario.clients = Clients::open(2, Span::ms(20), Time::seconds(8));
    scenario.clients.load.retry = Span::ms(700);
    scenario.stop.after = Span::seconds(16);
    scenario
}

fn simulate(scenario: &Scenario) -> Outcome {
    run(scenario, &mut |_| {}).unwrap()
}

fn down(replica: u16, during: Range<Time>) -> [Fault; 2] {
    let replica = ReplicaId(replica);
    [Fault::Crash { replica, at: during.start }, Fault::Restart { replica, at: during.end }]
}

/// All ledgers are equal, and every transaction was confirmed.
fn assert_healed(outcome: &Outcome, what: &str) {
    assert_eq!(outcome.violations, [], "{what}");
    let heads: Vec<_> =
        outcome.heads.iter().map(|head| head.map(|h| (h.height.0, h.digest))).collect();
    assert!(heads.iter().all(|head| *head == heads[0]), "{what}: {heads:?} {:?}", outcome.notes);
    assert_eq!(outcome.committed_transactions(), outcome.submitted, "{what}: {:?}", outcome.notes);
}

fn noted(outcome: &Outcome, what: &str) -> u64 {
    outcome.notes.iter().filter(|(note, _)| note.contains(what)).map(|(_, count)| count).sum()
}

#[test]
fn a_crashed_primary_is_replaced_and_catches_up() {
    for seed in 0..20 {
        let mut scenario = scenario(4, seed);
        scenario.faults = down(0, Time::ms(1_000 + 37 * seed)..Time::ms(5_000)).into();
        let outcome = simulate(&scenario);
        assert_healed(&outcome, &format!("seed {seed}"));
        assert!((3..=8).contains(&outcome.view_changes), "{}", outcome.view_changes);
        assert!(noted(&outcome, "catching up") > 0, "{:?}", outcome.notes);
    }
}

#[test]
fn a_crashed_backup_catches_up_over_stable_checkpoints() {
    for seed in 0..20 {
        let mut scenario = scenario(4, seed);
        scenario.faults = down(2, Time::ms(1_000 + 37 * seed)..Time::ms(6_000)).into();
        let outcome = simulate(&scenario);
        assert_healed(&outcome, &format!("seed {seed}"));
        assert_eq!(outcome.view_changes, 0);
        assert!(outcome.committed_blocks > 100);
    }
}

#[test]
fn f_silent_primaries_in_a_row_are_passed_over() {
    for (size, silent) in [(4, 1), (7, 2), (10, 3)] {
        let mut scenario = scenario(size, 3);
        let during = Time::ms(500)..Time::NEVER;
        let silence = |i| Fault::Silent { replica: ReplicaId(i), during: during.clone() };
        scenario.faults = (0..silent).map(silence).collect();
        let outcome = simulate(&scenario);
        assert_eq!(outcome.violations, [], "n = {size}");
        assert_eq!(outcome.committed_transactions(), outcome.submitted, "n = {size}");
        assert!(outcome.view_changes >= u64::from(silent) * u64::from(size - silent));
    }
}

#[test]
fn everything_crashes_at_once_and_goes_on() {
    for seed in 0..20 {
        let mut scenario = scenario(4, seed);
        let at = Time::ms(1_500 + 13 * seed);
        scenario.faults =
            (0..4).flat_map(|i| down(i, at..Time::ms(3_000 + 100 * u64::from(i)))).collect();
        assert_healed(&simulate(&scenario), &format!("seed {seed}"));
    }
}

#[test]
fn timeouts_double_until_they_suffice() {
    let mut scenario = scenario(4, 5);
    // A decision takes three delays and the way to it as many; the first timeouts are shorter than one.
    scenario.params = toml::from_str(&PARAMS.replace("400ms", "50ms")).unwrap();
    scenario.network.delay = Delay::Constant(Span::ms(70));
    scenario.stop.after = Span::seconds(40);
    let outcome = simulate(&scenario);
    assert_healed(&outcome, "slow network");
    assert!(outcome.view_changes > 8, "{}", outcome.view_changes);
}

#[test]
fn votes_that_overtake_the_new_view_are_not_lost() {
    // With one of four down, the new view needs every vote, and asking for a lost one takes 100 ms and more.
    for seed in 0..20 {
        let mut scenario = scenario(4, seed);
        scenario.sample = Span::ms(10);
        scenario.clients.load.retry = Span::ms(100);
        scenario.faults = vec![Fault::Crash { replica: ReplicaId(0), at: Time::ms(1_000) }];
        scenario.stop.after = Span::seconds(7);
        let outcome = simulate(&scenario);
        let heights: Vec<_> = outcome.timeline.iter().map(|sample| sample.heights[3]).collect();
        let outage = 10 * heights.chunk_by(|a, b| a == b).map(<[_]>::len).max().unwrap();
        assert!(outage <= 680, "seed {seed}: {outage} ms");
    }
}

#[test]
fn a_partition_heals() {
    for seed in 0..20 {
        let mut scenario = scenario(4, seed);
        let groups = match seed % 3 {
            0 => vec![vec![ReplicaId(0), ReplicaId(1)], vec![ReplicaId(2), ReplicaId(3)]],
            1 => vec![vec![ReplicaId(0)], vec![ReplicaId(1), ReplicaId(2), ReplicaId(3)]],
            _ => vec![vec![ReplicaId(3)], vec![ReplicaId(0), ReplicaId(1), ReplicaId(2)]],
        };
        scenario.faults =
            vec![Fault::Partition { groups, during: Time::seconds(2)..Time::seconds(5) }];
        assert_healed(&simulate(&scenario), &format!("seed {seed}"));
    }
}

#[test]
fn lost_messages_are_made_up_for() {
    for seed in 0..20 {
        let mut scenario = scenario(4, seed);
        scenario.network.loss_ppm = 50_000;
        scenario.stop.after = Span::seconds(30);
        assert_healed(&simulate(&scenario), &format!("seed {seed}"));
    }
}

/// One seed draws what goes wrong: crashes, partitions and loss for a while, then calm.
fn swarm(seed: u64) -> Scenario {
    let mut draw = Stream::new(seed, "pbft/swarm");
    let size = 4 + draw.below(4) as u16;
    let mut scenario = scenario(size, seed);
    scenario.clients.load.until = Time::seconds(4);
    scenario.network.loss_ppm = if draw.below(3) == 0 { 20_000 } else { 0 };
    let replica = |draw: &mut Stream| draw.below(u64::from(size)) as u16;
    for _ in 0..draw.below(4) {
        let at = Time::ms(200 + draw.below(3_000));
        let back = at + Span::ms(1 + draw.below(1_500));
        let who = replica(&mut draw);
        // Two outages of one replica must not overlap.
        let taken = scenario
            .faults
            .iter()
            .any(|f| matches!(f, Fault::Crash { replica, .. } if replica.0 == who));
        if !taken {
            scenario.faults.extend(down(who, at..back));
        }
    }
    if draw.below(2) == 0 {
        let at = Time::ms(200 + draw.below(3_000));
        let one: Vec<_> = (0..size).filter(|_| draw.below(2) == 0).map(ReplicaId).collect();
        let during = at..at + Span::ms(draw.below(2_000));
        scenario.faults.push(Fault::Partition { groups: vec![one], during });
    }
    scenario.stop.after = Span::seconds(20);
    scenario
}

#[test]
fn a_swarm_of_faults_heals() {
    for seed in 0..100 {
        assert_healed(&simulate(&swarm(seed)), &format!("swarm seed {seed}"));
    }
}
