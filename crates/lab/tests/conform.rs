//! Promised against measured: the page in `docs/` is what is measured now, and lies are found out.

#![allow(clippy::unwrap_used)]

use std::{fs, path::Path};

use byzlab::{
    builtin, conform,
    core::{
        Entry, Theory,
        theory::{Delays, Formula, Recovery, Resilience, Responsive, Slowest, Timing, ViewChange},
    },
};

const RECOVERY: &str = "from giving up a crashed leader to the next commit";

fn sheets() -> Vec<conform::Sheet> {
    let variants: Vec<(Entry, &Theory)> = builtin()
        .entries()
        .iter()
        .flat_map(|entry| entry.theories.iter().map(|theory| (*entry, theory)))
        .collect();
    std::thread::scope(|scope| {
        let measure = |&(entry, theory)| scope.spawn(move || conform::sheet(entry, theory));
        let running: Vec<_> = variants.iter().map(measure).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn every_protocol_promises_something() {
    for entry in byzlab::protocols::builtin().entries() {
        assert!(!entry.theories.is_empty(), "{} declares no theory", entry.name);
    }
}

#[test]
fn promises_are_kept_and_the_page_says_so() {
    let sheets = sheets();
    for sheet in &sheets {
        let differs: Vec<_> = sheet.rows.iter().filter(|row| !row.holds).collect();
        assert!(differs.is_empty(), "{}: {differs:#?}", sheet.title());
        let shown = sheet.to_string();
        let long = shown.lines().find(|line| line.chars().count() > 120);
        assert_eq!(long, None, "a terminal would break it");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocols.md");
    let page = fs::read_to_string(path).unwrap();
    let now = conform::markdown(&sheets);
    let first = page.lines().zip(now.lines()).find(|(old, new)| old != new);
    assert!(page == now, "{first:?}: byzlab conform --markdown > docs/protocols.md");
}

/// A theory that is wrong in one thing at a time differs in just that thing.
#[test]
fn a_wrong_promise_is_found_out() {
    let pbft = builtin().find("pbft").unwrap();
    let theory = pbft.theories[0];
    let differs = |theory: &Theory| -> Vec<String> {
        let rows = conform::sheet(pbft, theory).rows.into_iter();
        rows.filter(|row| !row.holds).map(|row| row.promise).collect()
    };
    let timing = Timing::rounds(Delays::delta(2), Delays::delta(3));
    let hasty = Theory { timing, ..theory };
    assert_eq!(differs(&hasty), ["first honest commit", "latency", "latency"]);
    let period = Some(Delays::delta(2));
    assert_eq!(differs(&Theory { period, ..theory }), ["from decision to decision"]);
    let messages = Formula { text: "n²", of: |n| n * n };
    assert_eq!(differs(&Theory { messages, ..theory }), ["messages a decision"]);
    let ViewChange::Messages { kinds, carrying, .. } = theory.view_change else { unreachable!() };
    let view_change = ViewChange::Messages { kinds, count: messages, carrying };
    assert_eq!(differs(&Theory { view_change, ..theory }), ["messages a view change"]);
    let turn = Some(messages);
    assert_eq!(differs(&Theory { turn, ..theory }), ["messages of a crashed leader's turn"]);
    let recovery = Some(Recovery { delays: Delays::delta(3), waits: &[] });
    assert_eq!(differs(&Theory { recovery, ..theory }), [RECOVERY; 2]);
    for responsive in [Responsive::No, Responsive::GoodCase] {
        assert_eq!(differs(&Theory { responsive, ..theory }), ["optimistic responsiveness"]);
    }
    let resilience = Resilience::byzantine(2);
    let bold = differs(&Theory { resilience, ..theory });
    assert!(bold.contains(&"one with a twin".to_owned()), "{bold:?}");
}

/// The block that waits longest is measured like the one that is soonest, …
#[test]
fn a_round_is_as_slow_as_its_slowest_block() {
    let entry = builtin().find("mysticeti").unwrap();
    let theory = entry.theories[0];
    let of = |theory: &Theory| -> Vec<conform::Row> {
        let rows = conform::good_case::rows(entry, theory).into_iter();
        rows.filter(|row| !row.holds).collect()
    };
    assert_eq!(of(&theory), []);
    let slowest = Slowest { first: Delays::delta(4), ..theory.slowest.unwrap() };
    let differs = of(&Theory { slowest: Some(slowest), ..theory });
    let promises: Vec<_> = differs.iter().map(|row| row.promise.as_str()).collect();
    assert_eq!(promises, ["first honest commit", "latency", "latency"]);
    assert_eq!([differs[0].promised.as_str(), &differs[0].measured], ["3 δ to 4 δ", "3 δ to 5 δ"]);
    assert_eq!(of(&Theory { slowest: None, ..theory }).len(), 4);
}

/// … and so is what follows a bad leader, where a protocol waits for Δ as where it does not.
#[test]
fn who_waits_after_a_bad_leader_is_seen_to_wait() {
    let entry = builtin().find("tendermint").unwrap();
    let theory = entry.theories[0];
    let differs = |theory: &Theory| -> Vec<(String, String)> {
        let rows = conform::responsive::rows(entry, theory).into_iter();
        rows.filter(|row| !row.holds).map(|row| (row.promise, row.measured)).collect()
    };
    assert_eq!(differs(&theory), []);
    let eager = Theory { responsive: Responsive::Always, ..theory };
    let waits = ("optimistic responsiveness".into(), "in the good case".into());
    assert_eq!(differs(&eager), [waits]);
    let recovery = Some(Recovery { delays: Delays::delta(5), waits: &[] });
    let eager = differs(&Theory { recovery, ..theory });
    assert_eq!(eager, [(RECOVERY.into(), "55 δ".into()), (RECOVERY.into(), "505 δ".into())]);
}

/// As a test of a crate of one's own sees it.
#[test]
fn a_broken_promise_fails_with_its_table() {
    const WRONG: &[Theory] = &[Theory {
        messages: Formula { text: "n", of: |n| n },
        ..byzlab::protocols::central::THEORY[0]
    }];
    let central = builtin().find("central").unwrap();
    conform::keeps_promises(central).unwrap();
    let wrong = conform::keeps_promises(central.promising(WRONG)).unwrap_err().to_string();
    let line = wrong.lines().find(|line| line.contains("DIFFERS")).unwrap();
    assert!(line.contains("messages a decision") && line.contains("(at n = 16: "), "{wrong}");
    assert_eq!(wrong.matches("DIFFERS").count(), 1, "{wrong}");
    conform::survives_swarms(central, 0..3).unwrap();
    let nothing = conform::survives_swarms(central.promising(&[]), 0..3).unwrap_err();
    assert!(format!("{nothing:?}").contains("declares no theory"));
}

#[test]
fn swarms_name_the_seeds_that_fail() {
    let central = builtin().find("central").unwrap();
    // A single server does not stand what this says.
    const BOLD: &[Theory] =
        &[Theory { resilience: Resilience::crash(2), ..byzlab::protocols::central::THEORY[0] }];
    let failed = conform::survives_swarms(central.promising(BOLD), 0..12).unwrap_err().to_string();
    let first = failed.lines().find(|line| line.contains("alone: ")).unwrap();
    let (_, seed) = first.rsplit_once("--seed ").unwrap();
    let again = conform::swarms::run(central, &BOLD[0], seed.parse().unwrap());
    assert!(failed.contains(&again.scenario) && failed.contains(&again.result.unwrap_err()));
}
