//! Resilience: with f faulty replicas a committee stays safe and goes on; with f + 1 it need not,
//! and that can be shown.

use std::ops::Range;

use byzlab_core::{
    BuildError, Entry, ReplicaId, Span, Theory, Time, outcome::Outcome, theory::Adversary,
};
use byzlab_sim::{Clients, Delay, Fault, Scenario, run, swarm};

use super::Row;

/// When replicas crash.
const CRASH: Time = Time::seconds(1);
/// How long after that what was under way may still be committed.
const UNDER_WAY: Span = Span::seconds(2);
/// How long a run lasts.
const END: Span = Span::seconds(20);

/// The rows of resilience.
pub fn rows(entry: Entry, theory: &Theory) -> Vec<Row> {
    let resilience = theory.resilience;
    let mut rows = Vec::new();
    let most = if resilience.share == 0 { 0 } else { 2 };
    for faults in 1..=most {
        let size = resilience.smallest(faults);
        let ids: Vec<u16> = (0..faults).collect();
        rows.push(crashes(entry, theory, size, &ids));
        if resilience.adversary == Adversary::Byzantine && theory.stall(size, &ids).is_none() {
            rows.push(twins(entry, theory, size, faults));
        }
    }
    let size = resilience.smallest(1);
    rows.push(too_many_down(entry, theory, size, resilience.faults(size) + 1));
    rows.push(too_many_lie(entry, theory));
    rows
}

fn scenario(entry: Entry, theory: &Theory, size: u16, seed: u64) -> Result<Scenario, BuildError> {
    let mut scenario = Scenario::new(entry, size, seed);
    scenario.params = theory.params(theory.swarm)?;
    scenario.label = "conform".into();
    scenario.network.delay = Delay::Range { low: Span::ms(5), high: Span::ms(15) };
    scenario.clients = Clients::open(2, Span::ms(40), Time::seconds(5));
    scenario.clients.load.transaction_bytes = 64;
    scenario.clients.load.retry = Span::ms(700);
    scenario.sample = Span::ms(500);
    scenario.stop.after = END;
    Ok(scenario)
}

fn crash(ids: &[u16]) -> Vec<Fault> {
    ids.iter().map(|&id| Fault::Crash { replica: ReplicaId(id), at: CRASH }).collect()
}

fn some(faults: u16) -> String {
    if faults == 1 { "one".into() } else { faults.to_string() }
}

/// Whether anything was committed once what was under way at the crash was through.
fn commits_on(outcome: &Outcome) -> bool {
    let highest = |at: Time| {
        let sample = outcome.timeline.iter().find(|sample| sample.at >= at);
        sample.and_then(|sample| sample.heights.iter().flatten().max().copied())
    };
    let end = outcome.heads.iter().flatten().map(|head| head.height).max();
    end > highest(CRASH + UNDER_WAY)
}

/// f of 3f + 1, or however many it stands, crash: the rest goes on, but where theory says it stalls.
fn crashes(entry: Entry, theory: &Theory, size: u16, ids: &[u16]) -> Row {
    let count = some(ids.len() as u16);
    let row = Row::new(&format!("{count} down"), format!("n = {size}"));
    let stall = theory.stall(size, ids);
    let row = row.promised(match stall {
        None => "safe and live".into(),
        Some(why) => format!("commits nothing more: {why}"),
    });
    let run = || {
        let mut scenario = scenario(entry, theory, size, 1)?;
        scenario.faults = crash(ids);
        let outcome = run(&scenario, &mut |_| {})?;
        Ok((scenario, outcome))
    };
    match (run(), stall) {
        (Err(error), _) => row.failed(&error),
        (Ok((scenario, outcome)), None) => judged(row, theory, &scenario, &outcome),
        (Ok((_, outcome)), Some(_)) if commits_on(&outcome) => row.measured("it goes on", false),
        (Ok(_), Some(_)) => row.measured("commits nothing more", true),
    }
}

fn judged(row: Row, theory: &Theory, scenario: &Scenario, outcome: &Outcome) -> Row {
    match swarm::judge(theory, scenario, outcome) {
        Ok(()) => row.measured("safe and live", true),
        Err(what) => row.measured(what, false),
    }
}

fn make_twins(faults: u16) -> Vec<Fault> {
    let twins = |id| Fault::Twins { replica: ReplicaId(id), reshuffle: Some(Span::ms(500)) };
    (0..faults).map(twins).collect()
}

fn twins(entry: Entry, theory: &Theory, size: u16, faults: u16) -> Row {
    let twins = if faults == 1 { "one with a twin".into() } else { format!("{faults} with twins") };
    let row = Row::new(&twins, format!("n = {size}"));
    let row = row.promised("safe and live");
    let run = || {
        let mut scenario = scenario(entry, theory, size, 1)?;
        scenario.faults = make_twins(faults);
        let outcome = run(&scenario, &mut |_| {})?;
        Ok((scenario, outcome))
    };
    match run() {
        Err(error) => row.failed(&error),
        Ok((scenario, outcome)) => judged(row, theory, &scenario, &outcome),
    }
}

/// One more than it stands, down: nobody is left to decide.
fn too_many_down(entry: Entry, theory: &Theory, size: u16, faults: u16) -> Row {
    let row = Row::new(&format!("{} down", some(faults)), format!("n = {size}"));
    let row = row.promised("a stall");
    let run = || {
        let mut scenario = scenario(entry, theory, size, 1)?;
        scenario.faults = crash(&(0..faults).collect::<Vec<_>>());
        run(&scenario, &mut |_| {})
    };
    match run() {
        Err(error) => row.failed(&error),
        Ok(outcome) if commits_on(&outcome) => row.measured("it goes on", false),
        Ok(_) => row.measured("a stall", true),
    }
}

/// One more than it stands lie, as cleverly as they can: the first of all replicas are honest in two
/// worlds at once, each with half of the others. Both worlds have a quorum, where a quorum is all that
/// finality asks for.
fn too_many_lie(entry: Entry, theory: &Theory) -> Row {
    let (size, liars) = worlds(theory);
    let row = Row::new(&format!("{} in two worlds", some(liars)), format!("n = {size}"));
    let row = row.promised("a violation, or a stall");
    let run = || {
        let mut scenario = scenario(entry, theory, size, 1)?;
        let ids = |range: Range<u16>| range.map(ReplicaId).collect();
        let apart = ids(size - (size - liars) / 2..size);
        scenario.faults = vec![Fault::SplitBrain { replicas: ids(0..liars), apart }];
        run(&scenario, &mut |_| {})
    };
    let outcome = match run() {
        Err(error) => return row.failed(&error),
        Ok(outcome) => outcome,
    };
    if outcome.violations.iter().any(|violation| violation.property == "agreement") {
        return row.measured("a violation of agreement", true);
    }
    match commits_on(&outcome) {
        true => row.measured("safe and live", false),
        false => row.measured("a stall", true),
    }
}

/// The smallest committee that could go on in either of two worlds, for all that theory says of stalls,
/// and how many liars are one more than it stands.
fn worlds(theory: &Theory) -> (u16, u16) {
    let resilience = theory.resilience;
    let of = |faults: u16| {
        let size = resilience.smallest(faults);
        let stands = match resilience.adversary {
            Adversary::Crash => 0,
            Adversary::Byzantine | Adversary::Work => resilience.faults(size),
        };
        (size, stands + 1)
    };
    let goes_on = |&(size, liars): &(u16, u16)| {
        let second = size - (size - liars) / 2;
        let gone = |ids: Range<u16>| theory.stall(size, &ids.collect::<Vec<_>>()).is_none();
        gone(second..size) && gone(liars..second)
    };
    (1..4).map(of).find(goes_on).unwrap_or(of(1))
}
