//! Experiment files: what is wrong with wrong ones, word for word, and that the right ones are right.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use byzlab::{
    core::Span,
    experiment::Experiment,
    spec::{Edit, Source},
};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).expect("a readable folder").map(|e| e.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    assert!(!files.is_empty(), "no experiment in {}", folder.display());
    files
}

fn load(name: &str, text: &str, set: &[&str]) -> Result<Experiment, String> {
    let edits: Result<Vec<_>, _> = set.iter().map(|set| Edit::parse(set)).collect();
    let edits = edits.map_err(|problem| problem.to_string())?;
    let loaded = Experiment::load(&Source::new(name, text), &edits, &byzlab::builtin());
    loaded.map_err(|problem| problem.to_string())
}

/// Each file in `wrong` has its message beside it. `BYZLAB_REWRITE=1` writes the messages anew; the
/// reviewer reads the difference.
#[test]
fn wrong_files_say_what_is_wrong_and_where() {
    for path in files("tests/wrong") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let message = load(&name, &text, &[]).expect_err(&name) + "\n";
        let golden = path.with_extension("txt");
        if env::var_os("BYZLAB_REWRITE").is_some() {
            fs::write(&golden, &message).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(message, expected, "{name} says something else than {}", golden.display());
    }
}

const TINY: &str = "name = \"tiny\"\n[protocol]\nname = \"central\"\n";

#[test]
fn wrong_edits_take_the_blame() {
    let wrong = |set: &[&str]| load("tiny.toml", TINY, set).expect_err("it is wrong");
    let message = wrong(&["load.rate=10", "load.rat=500"]);
    assert!(message.contains("unknown key `rat`") && message.contains("--set"), "{message}");
    assert!(message.contains("load.rat=500") && message.contains("rate"), "{message}");
    assert!(wrong(&["load.rate=fast"]).contains("load.rate="), "a wrong type");
    assert!(wrong(&["protocol.patient=\"1s\""]).contains("unknown key `patient`"));
    assert!(wrong(&["protocol.name=nobody"]).contains("known are"));
    assert!(wrong(&["load.rate"]).contains("lacks a value"));
    assert!(wrong(&["name.x=1"]).contains("`name` is no table"));
    let message = wrong(&["load.rate=5", "load.outstanding=5"]);
    assert!(message.contains("not both"), "{message}");
}

/// Edits are made before anything is judged.
#[test]
fn an_edit_may_repair_the_file_and_what_stays_wrong_is_the_files() {
    let text = |chain: &str| {
        format!("name = \"tiny\"\n[protocol]\nname = \"hotstuff\"\nchain = {chain}\n")
    };
    let (four, word) = (text("4"), text("\"four\""));
    for text in [&four, &word] {
        load("tiny.toml", text, &["protocol.chain=3"]).expect("repaired");
        let message = load("tiny.toml", text, &["load.rate=5"]).expect_err("still wrong");
        assert!(message.contains("tiny.toml:") && message.contains("chain"), "{message}");
        let message = load("tiny.toml", text, &["protocol.chain=5"]).expect_err("no better");
        assert!(message.contains("`chain` must be 3 or 2"), "{message}");
        let message = load("tiny.toml", text, &["load.rat=5"]).expect_err("another");
        assert!(message.contains("chain") || message.contains("--set"), "{message}");
    }
    let message = load("tiny.toml", &word, &["protocol.chain=5"]).expect_err("worse");
    assert!(message.contains("--set") && message.contains("protocol.chain=5"), "{message}");
    let rate = "name = \"tiny\"\n[protocol]\nname = \"central\"\n[load]\nrate = \"fast\"\n";
    load("tiny.toml", rate, &["load.rate=5"]).expect("repaired");
    let message = load("tiny.toml", rate, &["cluster.nodes=7"]).expect_err("still wrong");
    assert!(message.contains("tiny.toml:5:8"), "{message}");
}

/// What is set is not swept, and that is said; the README's line runs 500 replicas.
#[test]
fn a_key_that_is_set_is_no_longer_swept() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/pbft-scale.toml");
    let text = fs::read_to_string(&path).unwrap();
    let set = ["cluster.nodes=500", "accelerator.model=h200-estimate"];
    let experiment = load(&path.display().to_string(), &text, &set).unwrap();
    let sizes: Vec<u16> = experiment.cases.iter().map(|case| case.spec.cluster.nodes).collect();
    assert_eq!((sizes, experiment.cases[0].point.len()), (vec![500], 0));
    assert_eq!(
        experiment.said,
        ["--set cluster.nodes: it takes the place of the sweep `cluster.nodes`"]
    );
    let again = load("resolved.toml", &experiment.resolved, &[]).unwrap();
    assert_eq!((again.cases.len(), again.cases[0].spec.cluster.nodes), (1, 500));

    let named = "name = \"tiny\"\n[[protocol]]\nname = \"pbft\"\n[[protocol]]\nname = \"raft\"\n\
                 [sweep.nodes.four]\n\"cluster.nodes\" = 4\n\"protocol.batch_bytes\" = 1000\n\
                 [sweep.nodes.ten]\n\"cluster.nodes\" = 10\n\
                 [sweep.load]\nlittle = { \"load.rate\" = 5 }\nmuch = { \"load.rate\" = 50 }\n";
    let experiment = load("tiny.toml", named, &["cluster.nodes=7", "load.rate=9"]).unwrap();
    assert_eq!(
        (experiment.cases.len(), experiment.said.len()),
        (2 * 2, 2),
        "{:?}",
        experiment.said
    );
    let all = experiment.cases.iter().all(|case| {
        (case.spec.cluster.nodes, case.spec.load.rate, case.point.len()) == (7, Some(9), 1)
    });
    assert!(all, "{:?}", experiment.said);
    let message = load("tiny.toml", named, &["protocol.pbft.batch_bytes=1"]).expect_err("in vain");
    assert!(message.contains("the sweep sets all of `protocol.batch_bytes`"), "{message}");
    assert!(message.contains("--set"), "{message}");
}

/// Nothing that an edit replaces has a say in the message.
#[test]
fn a_programs_deadline_may_be_set_with_it() {
    let program = "process = [\"sleep\", \"60\"]";
    let set = ["protocol.deadline=100ms".to_owned(), format!("protocol.{program}")];
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    let file = "name = \"tiny\"\n[protocol]\ndeadline = \"200ms\"\nprocess = [\"true\"]\n";
    let message = load("tiny.toml", file, &set).expect_err("it hangs");
    assert!(message.contains("no answer in 100ms"), "{message}");
}

#[test]
fn edits_and_sweeps_reach_their_places() {
    let text = "name = \"tiny\"\nseeds = [3, 5]\n[[protocol]]\nname = \"central\"\n\
                [[protocol]]\nname = \"central\"\nlabel = \"slow\"\npatience = \"50ms\"\n\
                [sweep]\n\"load.rate\" = [1, 2, 3]\n\"protocol.slow.poll\" = [\"1s\", \"2s\"]\n";
    let experiment = load("tiny.toml", text, &["cluster.nodes=7"]).unwrap();
    assert_eq!(experiment.cases.len(), 3 * 2 * 2 * 2);
    let last = experiment.cases.last().unwrap();
    assert_eq!((last.run, last.seed, last.label.as_str()), (23, 5, "slow"));
    assert_eq!((last.spec.load.rate, last.spec.cluster.nodes), (Some(3), 7));
    assert_eq!(last.params["poll"].as_str(), Some("2s"));
    let plain = &experiment.cases[experiment.cases.len() - 3];
    assert_eq!((plain.label.as_str(), plain.params["poll"].as_str()), ("central", Some("1s")));
    assert_eq!(last.point.get("load.rate"), Some(&serde_json::json!(3)));
}

#[test]
fn a_sweep_may_take_names_and_faults_replicas_drawn_by_lot() {
    let text = "name = \"tiny\"\nseeds = 3\n[[protocol]]\nname = \"pbft\"\n[[protocol]]\nname = \"raft\"\n\
                [[protocol]]\nname = \"hotstuff\"\n\
                [sweep.network.lan]\n\"network.latency\" = \"1ms\"\n\"stop.after\" = \"4s\"\n\
                [sweep.network.far]\n\"network.latency\" = \"90ms\"\n\
                [sweep.faults]\ncalm = {}\n\
                down = { \"fault\" = [{ kind = \"crash\", drawn = \"f\" }] }\n\
                [sweep.nodes]\nfour = { \"cluster.nodes\" = 4 }\nten = { \"cluster.nodes\" = 10 }\n";
    let experiment = load("tiny.toml", text, &[]).unwrap();
    assert_eq!(experiment.cases.len(), 2 * 2 * 2 * 3 * 3);
    let of = |label: &str, point: [&str; 3], seed: u64| {
        let here = |case: &&byzlab::experiment::Case| {
            let names: Vec<_> = case.point.values().filter_map(|value| value.as_str()).collect();
            case.label == label && names == point && case.seed == seed
        };
        experiment.cases.iter().find(here).unwrap()
    };
    let calm = of("pbft", ["lan", "calm", "ten"], 1);
    assert_eq!((calm.spec.cluster.nodes, calm.spec.stop.after), (10, Span::seconds(4)));
    assert_eq!((calm.spec.fault.len(), calm.stall()), (0, None));
    let down =
        |label, seed| of(label, ["far", "down", "ten"], seed).spec.fault[0].replicas().to_vec();
    assert_eq!(down("pbft", 1).len(), 3, "f of ten");
    assert_eq!(down("raft", 1).len(), 4, "its own f");
    assert!((2..=3).any(|seed| down("pbft", seed) != down("pbft", 1)), "by lot");
    let stalled = of("hotstuff", ["far", "down", "four"], 1);
    assert!(
        stalled.stall().is_some_and(|stall| stall.why.contains("in a row")),
        "{:?}",
        stalled.stall()
    );
    assert_eq!(of("pbft", ["far", "down", "four"], 1).stall(), None);
}

/// A resolved file says the same as the file it came from.
#[test]
fn every_experiment_resolves_and_its_resolved_file_gives_the_same_runs() {
    for path in files("../../experiments") {
        let name = path.display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let experiment = load(&name, &text, &[]).unwrap_or_else(|problem| panic!("{problem}"));
        let stem = path.file_stem().unwrap().to_string_lossy();
        assert_eq!(experiment.spec.name, stem, "an experiment is called like its file");
        let again = load(&name, &experiment.resolved, &[]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(again.resolved, experiment.resolved, "{name}");
        assert_eq!(again.cases.len(), experiment.cases.len(), "{name}");
        for (a, b) in again.cases.iter().zip(&experiment.cases) {
            assert_eq!(a.params, b.params, "{name}");
            assert_eq!((a.seed, a.host, &a.point, &a.label), (b.seed, b.host, &b.point, &b.label));
            let (a, b) = (&a.spec, &b.spec);
            assert_eq!((&a.cluster, &a.network, &a.load), (&b.cluster, &b.network, &b.load));
            assert_eq!((&a.fault, &a.expect, &a.stop), (&b.fault, &b.expect, &b.stop));
        }
    }
}

/// The reference in `experiments/README.md` knows every key that a file may have.
#[test]
fn every_key_is_explained() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let wrong = |set: &str| load("tiny.toml", TINY, &[set]).expect_err(set);
    let sections = ["cluster", "network", "cpu", "check", "load", "mempool", "mining", "stop"];
    let others = ["quic", "accelerator"];
    let tables = sections.iter().chain(&others).map(|section| format!("{section}.x_y=1"));
    let lists = ["fault=[{ x_y = 1 }]", "expect=[{ x_y = 1 }]", "x_y=1"].map(str::to_owned);
    for set in tables.chain(lists) {
        let message = wrong(&set);
        let known = message.split_once("known are ").unwrap_or_else(|| panic!("{message}")).1;
        for key in known.lines().next().unwrap_or_default().split(", ") {
            let (key_in_row, section) = (format!("`{key}`"), format!("[{key}]"));
            let told = readme.contains(&key_in_row) || readme.contains(&section);
            assert!(told, "`{key}` of {set} is not explained");
        }
    }
    for path in files("../../experiments") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(readme.contains(&name), "{name} is not listed");
    }
}
