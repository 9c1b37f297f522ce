//! Where theory says that nothing is committed, a run says so and why; all else that stops is a failure.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{path::Path, sync::Arc};

use byzlab::{
    core::{Reference, Span},
    experiment::{Case, Experiment},
    host,
    record::Record,
    spec::Source,
};

const CRASH: &str = "[[fault]]\nkind = 'crash'\nreplica = 0\n";

/// The first case of 4 replicas that run `protocol` for 10 s, with `more` in the file.
fn case(protocol: &str, more: &str) -> Case {
    let text = format!(
        "name = 'stall'\nseeds = 1\n[protocol]\n{protocol}\n[cpu]\nmodel = 'free'\n\
         [load]\nclients = 1\nrate = 5\n[check]\nprogress_within = '4s'\n{more}"
    );
    let source = Source::new("stall.toml", &text);
    Experiment::load(&source, &[], &byzlab::builtin()).unwrap().cases.swap_remove(0)
}

fn ran(case: &Case) -> Record {
    host::run(case, Arc::new(Reference), Path::new("nowhere"), &mut |_| {}).unwrap()
}

/// What theory says of the case, in words of the test: from when on, in milliseconds.
fn from(protocol: &str, more: &str) -> Option<u64> {
    case(protocol, more).stall().map(|stall| stall.from.0 / 1_000_000)
}

/// The case of the paper: four replicas, one of them down, views in turn.
#[test]
fn three_chains_in_turn_with_one_of_four_down_commit_nothing_and_say_why() {
    let record = ran(&case("name = 'hotstuff'", CRASH));
    let why = record.stall.as_deref().unwrap_or_default();
    assert!(why.contains("four live leaders in a row") && why.contains("round robin"), "{why}");
    assert_eq!((record.stall_from_s, record.summary.committed_blocks), (0.0, 0));
    assert!(record.is_good() && record.submitted_transactions > 0);
}

/// One that crashes on the way stops it from then on; what was committed before stands.
#[test]
fn a_stall_on_the_way_begins_where_the_crash_is() {
    let case = case("name = 'hotstuff'", &format!("{CRASH}at = '2s'\n"));
    let record = ran(&case);
    assert_eq!((record.stall_from_s, record.is_good()), (2.0, true), "{:?}", record.summary);
    assert!(record.summary.committed_transactions > 0);
    let late = record.timeline.iter().filter(|moment| moment.at_s > 3.0);
    assert_eq!(late.map(|moment| moment.committed_transactions).sum::<u64>(), 0);
}

/// Nobody is down at the end, so nothing explains that a timeout far below the latency stops all.
#[test]
fn a_replica_that_comes_back_explains_nothing() {
    let faults = format!(
        "{CRASH}at = '100ms'\n[[fault]]\nkind = 'restart'\nreplica = 0\nat = '200ms'\n\
         [network]\nlatency = '600ms'\n"
    );
    let record = ran(&case("name = 'hotstuff'\nview_timeout = '10ms'", &faults));
    assert_eq!((record.stall.as_deref(), record.summary.committed_blocks), (None, 0));
    assert!(record.summary.violations.iter().any(|v| v.property == "progress"), "{record:?}");
}

/// What stopped before the crash is a failure, whatever theory says of the time after it.
#[test]
fn a_stall_waives_no_failure_before_it() {
    let faults = format!("{CRASH}at = '8s'\n[network]\nlatency = '600ms'\n");
    let record = ran(&case("name = 'hotstuff'\nview_timeout = '10ms'", &faults));
    assert_eq!((record.stall_from_s, record.summary.committed_blocks), (8.0, 0));
    let at: Vec<f64> = record.summary.violations.iter().map(|v| v.at_s).collect();
    assert_eq!(at.len(), 2, "that of the bound, and that of all of the run: {at:?}");
    assert!(at[0] < 8.0 && at[1] >= 10.0, "{at:?}");
}

#[test]
fn the_parameters_decide_and_not_the_name() {
    let with = |params: &str| from(&format!("name = 'hotstuff'\n{params}"), CRASH);
    assert_eq!(with(""), Some(0));
    assert_eq!(with("leaders = 'random'"), None, "not in turn");
    assert_eq!(with("leaders = 'fixed'"), Some(0), "the one leader is down");
    assert_eq!(from("name = 'hotstuff'\nleaders = 'fixed'", &CRASH.replace("= 0", "= 1")), None);
    assert_eq!(with("chain = 2"), None, "three in a row there are");
    assert_eq!(from("name = 'fast-hotstuff'\nchain = 3", CRASH), Some(0));
    for leaders in ["round-robin", "random", "fixed"] {
        let of = |name: &str| from(&format!("name = '{name}'\nleaders = '{leaders}'"), CRASH);
        let two = from(&format!("name = 'hotstuff'\nchain = 2\nleaders = '{leaders}'"), CRASH);
        assert_eq!(of("fast-hotstuff"), two, "{leaders}");
    }
}

#[test]
fn only_who_stays_down_counts_and_from_when_on_all_are() {
    let of = |more: &str| from("name = 'hotstuff'", more);
    let (crash, silent) = ("kind = 'crash'\nreplica", "kind = 'silent'\nreplica");
    assert_eq!(of(&format!("[[fault]]\n{silent} = 1\nat = '1s'")), Some(1_000));
    assert_eq!(of(&format!("[[fault]]\n{silent} = 1\nuntil = '9s'")), None);
    assert_eq!(of(&format!("[[fault]]\n{silent} = 1\nuntil = '10s'")), Some(0));
    assert_eq!(of("[cluster]\nsilent = [2]"), Some(0));
    let again = format!(
        "[[fault]]\n{crash} = 1\nat = '1s'\n[[fault]]\nkind = 'restart'\nreplica = 1\nat = '2s'\n\
         [[fault]]\n{crash} = 1\nat = '3s'"
    );
    assert_eq!(of(&again), Some(3_000));
    // Of seven it takes two, far enough apart; the second is down later.
    let two = format!(
        "[cluster]\nnodes = 7\n[[fault]]\n{crash} = 0\nat = '1s'\n[[fault]]\n{crash} = 3\nat = '5s'"
    );
    assert_eq!(of(&two), Some(5_000));
    let stall = case("name = 'hotstuff'", &two).stall().unwrap();
    assert_eq!(stall.from, Span::seconds(5));
    assert_eq!(of(&two.replace("= 3", "= 1")), None, "side by side they leave four in a row");
}

/// Of ten replicas 1, 2 and 4 are down: four live leaders in a row lead views 5 to 8. A short run does not get
/// there, a longer one does.
#[test]
fn a_run_that_is_too_short_for_the_first_four_in_a_row_says_so() {
    let faults: String = [1, 2, 4].map(|id| CRASH.replace("= 0", &format!("= {id}"))).concat();
    let after = |seconds: u32| {
        let more = format!("[cluster]\nnodes = 10\n[stop]\nafter = '{seconds}s'\n{faults}");
        ran(&case("name = 'hotstuff'", &more))
    };
    let short = after(4);
    let why = short.stall.as_deref().unwrap_or_default();
    assert!(why.contains("four live leaders in a row") && why.contains("in view 8"), "{why}");
    assert_eq!((short.is_good(), short.summary.committed_blocks), (true, 0));
    let long = after(20);
    assert!(long.stall.is_none() && long.summary.committed_blocks > 0, "{:?}", long.summary);
}
