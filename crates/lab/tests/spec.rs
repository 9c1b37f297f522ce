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

/// Values that TOML and types allow, and that no run can make sense of; with what would be right.
#[test]
fn senseless_values_are_refused_at_their_key() {
    for (set, right) in [
        ("load.transaction_bytes=100000", "121 to 65536 bytes"),
        ("load.transaction_bytes=1", "121 to 65536 bytes"),
        ("load.outstanding=4294967295", "together they may have 1000000, 250000 each"),
        ("load.rate=4294967295", "10000000 transactions a second"),
        ("load.rate=0", "for no load write `clients = 0`"),
        ("load.retry=1ns", "1ms at least"),
        ("load.retry=0s", "1ms at least"),
        ("load.keys=0", "1 key at least"),
        ("load.from=10s", "the run is over then"),
        ("network.loss_ppm=1000001", "of a million messages"),
        ("network.up_bits_per_second=0", "carries nothing"),
        ("network.down_bits_per_second=0", "without `down_bits_per_second`"),
        ("network.peers=1", "2 to 3"),
        ("network.peers=4", "2 to 3"),
        ("check.progress_within=0s", "within 0 s"),
        ("mempool.bytes=100", "which has 512 bytes"),
        ("mempool.transactions=0", "room for 1 transaction"),
        ("stop.blocks=0", "1 at least"),
        ("stop.transactions=0", "1 at least"),
        ("stop.after=100000000000h", "lasts 10 years at most"),
        ("cluster.twins=[0, 0]", "replica 0 is named twice"),
        ("cluster.silent=[1, 1]", "replica 1 is named twice"),
        ("cluster.twins_reshuffle=0s", "without `twins_reshuffle`"),
        ("fault=[{ kind = 'crash', replica = [] }]", "1 replica at least"),
        ("fault=[{ kind = 'crash', replica = [2, 2] }]", "replica 2 is named twice"),
        ("fault=[{ kind = 'crash', drawn = 0 }]", "1 replica at least"),
        ("fault=[{ kind = 'crash', drawn = 'g' }]", "a number of replicas, or \"f\""),
        ("fault=[{ kind = 'crash', replica = 0, host = [] }]", "without `host`, on all"),
        ("fault=[{ kind = 'partition', groups = [] }]", "1 group of replicas at least"),
        ("fault=[{ kind = 'partition', groups = [[0], []] }]", "none of them is empty"),
        ("expect=[{ property = 'gini', at_least = nan }]", "is no bound"),
        ("expect=[{ property = 'gini', at_most = inf }]", "is no bound"),
        ("expect=[{ property = 'stops', protocol = [] }]", "without it, of all"),
        ("sweep={ 'load.rate' = [5, 5] }", "5 stands twice"),
        ("cluster=3", "expected a table"),
        ("cluster=[7]", "`cluster` is a table"),
        ("fault=[['1s', 'crash', 0]]", "each `fault` is a table"),
        ("sample=1ns", "100000 at most with 4 replicas"),
        ("host=3", "expected a name in quotes"),
        ("fault=3", "expected a list"),
        ("load.keys=-1", "expected a whole number from 0 on"),
        ("load.rate=1e400", "too large for a number"),
        ("load.rate=99999999999999999999999", "too large for a number"),
    ] {
        let message = load("tiny.toml", TINY, &[set]).expect_err(set);
        assert!(message.contains(right), "{set}: {message}");
        let (key, _) = set.split_once('=').unwrap();
        assert!(message.contains(key) && message.contains("--set"), "{set}: {message}");
    }
    let pow = TINY.replace("central", "pow");
    load("tiny.toml", TINY, &["mining.hash_power=0"]).expect("a sequencer does not mine");
    let message = load("tiny.toml", &pow, &["mining.hash_power=0"]).expect_err("nobody mines");
    assert!(message.contains("`pow` mines"), "{message}");
    for fits in ["load.transaction_bytes=65536", "load.outstanding=250000", "load.retry=1ms"] {
        load("tiny.toml", TINY, &[fits]).expect(fits);
    }
}

/// Names in place of values may have the last word over each other; a value that labels a row may not be
/// overruled.
#[test]
fn what_labels_a_row_is_set_by_one_axis() {
    let swept = |axes: &str| load("tiny.toml", &format!("{TINY}[sweep]\n{axes}"), &[]);
    let named = "a = { x = { 'cluster.nodes' = 7 } }\n";
    let other = "b = { y = { 'cluster.nodes' = 9 } }\n";
    let experiment = swept(&[named, other].concat()).expect("names do not lie");
    assert_eq!(experiment.cases[0].spec.cluster.nodes, 9);
    let values = "'cluster.nodes' = [4]\n";
    for axes in [[named, values], [values, named]] {
        let message = swept(&axes.concat()).map(|_| ()).expect_err("a row that lies");
        assert!(message.contains("`cluster.nodes` is set by two axes"), "{message}");
    }
    let of_all = "'protocol.poll' = ['1s', '2s']\nc = { z = { 'protocol.central.poll' = '3s' } }\n";
    assert!(swept(of_all).is_err_and(|message| message.contains("is set by two axes")));
}

/// An index that is none is not taken for a key.
#[test]
fn an_edit_of_no_entry_names_those_there_are() {
    let text = format!(
        "{TINY}[[fault]]\nat = '1s'\nkind = 'crash'\nreplica = 0\n\
         [[fault]]\nat = '2s'\nkind = 'restart'\nreplica = 0\n"
    );
    for step in ["-1", "x"] {
        let message = load("tiny.toml", &text, &[&format!("fault.{step}.at=3s")]).expect_err(step);
        assert!(message.contains(&format!("`fault` has no entry `{step}`: they are 0 to 1")));
    }
    load("tiny.toml", &text, &["fault.1.at=3s"]).expect("there is one");
}

/// What the project's README shows can be run as it stands there.
#[test]
fn the_readmes_experiment_is_one() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let blocks: Vec<&str> = readme.split("```toml\n").skip(1).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let (text, _) = block.split_once("```").expect("a block ends");
        load("README.md", text, &[]).unwrap_or_else(|problem| panic!("{problem}"));
    }
}
