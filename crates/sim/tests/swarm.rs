//! What swarms draw, and that their judge is not asleep.

#![allow(clippy::unwrap_used)]

mod common;

use byzlab_core::{
    Theory, Time,
    outcome::Violation,
    theory::{Resilience, Stall},
};
use byzlab_sim::{Fault, Scenario, run, swarm};
use common::trio::TRIO;

const BYZANTINE: Theory =
    Theory { swarm: "transactions = 10", resilience: Resilience::byzantine(3), ..Theory::BLANK };

fn drawn(theory: &Theory) -> Vec<Scenario> {
    (0..300).map(|seed| swarm::scenario(TRIO, theory, seed).unwrap()).collect()
}

/// Who is faulty to the end.
fn lasting(scenario: &Scenario) -> usize {
    let back = |id| {
        let up = |f: &Fault| matches!(f, Fault::Restart { replica, .. } if *replica == id);
        scenario.faults.iter().any(up)
    };
    let for_good = |fault: &&Fault| match fault {
        Fault::Crash { replica, .. } => !back(*replica),
        other => other.is_byzantine(),
    };
    scenario.faults.iter().filter(for_good).count()
}

#[test]
fn everything_that_may_go_wrong_does_in_some_seed() {
    let all = drawn(&BYZANTINE);
    let some = |what: &str, holds: &dyn Fn(&Scenario) -> bool| {
        let count = all.iter().filter(|scenario| holds(scenario)).count();
        assert!((30..270).contains(&count), "{what} in {count} of {}", all.len());
    };
    let fault = |scenario: &Scenario, kind: fn(&Fault) -> bool| scenario.faults.iter().any(kind);
    some("four replicas", &|s| s.size == 4);
    some("seven replicas", &|s| s.size == 7);
    some("loss", &|s| s.network.loss_ppm > 0);
    some("an unstable start", &|s| s.network.stabilises.is_some());
    some("silence", &|s| fault(s, |f| matches!(f, Fault::Silent { .. })));
    some("twins", &|s| fault(s, |f| matches!(f, Fault::Twins { .. })));
    some("restarts", &|s| fault(s, |f| matches!(f, Fault::Restart { .. })));
    some("partitions", &|s| fault(s, |f| matches!(f, Fault::Partition { .. })));
    some("as many faulty as may be", &|s| lasting(s) == usize::from((s.size - 1) / 3));
    assert!(all.iter().all(|s| lasting(s) <= usize::from((s.size - 1) / 3)));
}

#[test]
fn nobody_gets_more_than_its_theory_stands() {
    let crashes = Theory { resilience: Resilience::crash(2), ..BYZANTINE };
    let scenarios = drawn(&crashes);
    assert!(scenarios.iter().all(|s| s.size == 3 || s.size == 5));
    assert!(scenarios.iter().all(|s| !s.faults.iter().any(Fault::is_byzantine)));
    assert!(scenarios.iter().any(|s| lasting(s) == 2), "crashes for good are within the bound");
    let trusting = Theory { resilience: Resilience::TRUSTED, ..BYZANTINE };
    assert!(drawn(&trusting).iter().all(|s| lasting(s) == 0));
}

/// Where theory promises no progress with a faulty replica, there are seeds with it and seeds without;
/// those with it are judged by agreement alone, those without by progress too.
#[test]
fn where_theory_stalls_agreement_alone_is_asked() {
    let stalling = Stall {
        given: "",
        decides_in: |size, faulty| (size != 4 || faulty.is_empty()).then_some(1),
        takes: "luck",
        why: "for the test",
    };
    let theory = Theory { stalls: vec![stalling].leak(), ..BYZANTINE };
    let all = drawn(&theory);
    let fours = || all.iter().filter(|s| s.size == 4);
    let twin = |s: &&Scenario| s.faults.iter().any(|f| matches!(f, Fault::Twins { .. }));
    assert!(fours().filter(twin).count() > 10 && fours().filter(|s| lasting(s) == 0).count() > 30);
    assert!(all.iter().any(|s| s.size == 7 && lasting(s) == 2));
    for scenario in fours() {
        let forever = |f: &Fault| match f {
            Fault::Silent { during, .. } => during.end > swarm::CALM,
            _ => false,
        };
        let healed = lasting(scenario) == 0
            || scenario.faults.iter().any(|f| matches!(f, Fault::Silent { .. }) && !forever(f));
        assert_eq!(swarm::asks_progress(&theory, scenario), healed, "{}", swarm::InWords(scenario));
        assert!(swarm::asks_progress(&BYZANTINE, scenario));
    }
    // Nothing is confirmed where all links are cut; that is forgiven where no progress is promised.
    let mut cut = fours().find(twin).unwrap().clone();
    cut.network.loss_ppm = 1_000_000;
    let mut outcome = run(&cut, &mut |_| ()).unwrap();
    assert_eq!(swarm::judge(&theory, &cut, &outcome), Ok(()));
    assert!(swarm::judge(&BYZANTINE, &cut, &outcome).is_err());
    let (property, what) = ("agreement".into(), "for the test".into());
    outcome.violations.push(Violation { property, at: Time::ZERO, replicas: Vec::new(), what });
    assert!(swarm::judge(&theory, &cut, &outcome).is_err(), "agreement is asked all the same");
}

/// A protocol without recovery cannot pass; and what it fails is told in a line.
#[test]
fn the_judge_condemns_a_protocol_without_recovery() {
    let condemned = |scenario: &Scenario| {
        let outcome = run(scenario, &mut |_| ()).unwrap();
        swarm::judge(&BYZANTINE, scenario, &outcome).is_err()
    };
    let all = drawn(&BYZANTINE);
    assert!(all[..20].iter().filter(|scenario| condemned(scenario)).count() > 10);
    let mut calm = all[0].clone();
    calm.faults.clear();
    calm.network.loss_ppm = 0;
    assert!(!condemned(&calm));
    let told = swarm::InWords(&all[0]).to_string();
    assert!(told.contains("seed 0") && told.contains("n = "), "{told}");
}
