//! The protocol in simulation, as its own twin, and on a real cluster: by the experiment beside it.

use byzlab::{
    experiment::Experiment,
    host,
    record::Record,
    spec::{Edit, Source},
};

/// Runs the experiment with these changes; gives the records of this protocol.
fn run(edits: &[&str]) -> Vec<Record> {
    let source = Source::new("experiment.toml", include_str!("../experiment.toml"));
    let edits: Vec<_> = edits.iter().map(|edit| Edit::parse(edit).expect("KEY=VALUE")).collect();
    let registry = byzlab::builtin().with(unanimous::ENTRY);
    let experiment = Experiment::load(&source, &edits, &registry).expect("an experiment");
    let mine = experiment.cases.iter().filter(|case| case.entry.name == "unanimous");
    let scratch = std::env::temp_dir().join(format!("unanimous-{}", std::process::id()));
    let run = |case| {
        let picked = host::accelerator(&experiment.spec.accelerator, Some(1), &host::devices());
        let accelerator = picked.expect("an accelerator").accelerator;
        host::run(case, accelerator, &scratch, &mut |_| {}).expect("a run")
    };
    mine.map(run).collect()
}

#[test]
fn in_simulation_it_waits_for_the_crashed_and_goes_on() {
    let records = run(&["host=sim", "seeds=3"]);
    for record in &records {
        assert!(record.is_good(), "{:?}", record.summary.violations);
        let (done, sent) = (record.summary.committed_transactions, record.submitted_transactions);
        assert!(done > 1000 && done == sent, "{done} of {sent}");
    }
    assert_eq!(records.len(), 3);
}

/// A leader in two copies proposes two blocks of one height. No block is final then, which is what its
/// promise of resilience says, and no two are.
#[test]
fn a_leader_and_its_twin_cannot_make_two_blocks_of_one_height_final() {
    for record in run(&["host=sim", "seeds=20", "fault=[]", "cluster.twins=[0]"]) {
        let mut violations = record.summary.violations.iter();
        let fork = violations.find(|violation| violation.property == "agreement");
        assert!(fork.is_none(), "{fork:?}");
    }
}

#[test]
fn on_a_real_cluster_transactions_are_confirmed() {
    let short = ["host=quic", "fault=[]", "load.until=500ms", "stop.after=2s"];
    for record in run(&short) {
        assert!(record.is_good(), "{:?}", record.summary.violations);
        assert!(record.summary.committed_transactions > 0);
    }
}
