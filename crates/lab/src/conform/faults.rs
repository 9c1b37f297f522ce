//! Resilience: with f faulty replicas a committee stays safe and goes on; with f + 1 it need not,
//! and that can be shown.

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
/// How many seeds look for what too many twins do.
const SEEDS: u64 = 4;

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
    let beyond = resilience.faults(size) + 1;
    rows.push(too_many(entry, theory, size, beyond));
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
        (Ok((scenario, outcome)), None) => judged(row, &scenario, &outcome),
        (Ok((_, outcome)), Some(_)) if commits_on(&outcome) => row.measured("it goes on", false),
        (Ok(_), Some(_)) => row.measured("commits nothing more", true),
    }
}

fn judged(row: Row, scenario: &Scenario, outcome: &Outcome) -> Row {
    match swarm::judge(scenario, outcome) {
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
        Ok((scenario, outcome)) => judged(row, &scenario, &outcome),
    }
}

/// One more than it stands.
fn too_many(entry: Entry, theory: &Theory, size: u16, faults: u16) -> Row {
    let row = Row::new(&format!("{} down or twins", some(faults)), format!("n = {size}"));
    let row = row.promised("a stall or a violation");
    let stalls = || {
        let mut scenario = scenario(entry, theory, size, 1)?;
        scenario.faults = crash(&(0..faults).collect::<Vec<_>>());
        Ok(!commits_on(&run(&scenario, &mut |_| {})?))
    };
    let breaks = |seed| {
        let mut scenario = scenario(entry, theory, size, seed)?;
        scenario.faults = make_twins(faults);
        scenario.stop.after = Span::seconds(3);
        let outcome = run(&scenario, &mut |_| {})?;
        let agreement = outcome.violations.iter().find(|v| v.property == "agreement");
        Ok::<_, BuildError>(agreement.map(|_| seed))
    };
    let stalls = match stalls() {
        Ok(stalls) => stalls,
        Err(error) => return row.failed(&error),
    };
    let byzantine = theory.resilience.adversary == Adversary::Byzantine;
    let broken = (0..SEEDS).filter(|_| byzantine).find_map(|seed| breaks(seed).ok().flatten());
    let mut seen = Vec::new();
    seen.extend(stalls.then(|| "down: a stall".to_owned()));
    seen.extend(broken.map(|seed| format!("twins: agreement is violated (seed {seed})")));
    match &seen[..] {
        [] => row.measured("neither was seen", false),
        seen => row.measured(seen.join("; "), true),
    }
}
