//! The built program: exit codes, what it prints, what it writes.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use byzlab::{folder::Folder, record::Record};
use common::{TINY, byzlab, code, stderr, stdout, with_file};
use tempfile::TempDir;

/// What a run is, without how long it took.
fn timeless(dir: &Path) -> Vec<Record> {
    let mut records = Folder::open(dir).unwrap().records().unwrap();
    records.iter_mut().for_each(|record| record.summary.wall_s = 0.0);
    records
}

#[test]
fn runs_repeat_whatever_the_number_of_jobs_and_replay_says_so() {
    let dir = with_file(TINY);
    for (out, jobs) in [("a", "1"), ("b", "2")] {
        let output = byzlab(&dir, &["run", "tiny.toml", "--out", out, "--jobs", jobs]);
        assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).contains("report.html"));
    }
    let path = |name: &str| dir.path().join(name);
    let accelerator_apart = |mut records: Vec<Record>| {
        records.iter_mut().for_each(|r| r.summary.accelerator = String::new());
        records
    };
    let (a, b) = (accelerator_apart(timeless(&path("a"))), accelerator_apart(timeless(&path("b"))));
    assert_eq!(a.len(), 6);
    assert_eq!(a, b);
    assert!(a.iter().all(|r| r.summary.committed_transactions > 0), "all commit something");
    for name in ["manifest.json", "spec.toml", "records.jsonl", "report.html"] {
        assert!(path("a").join(name).is_file(), "{name} is written");
    }
    let output = byzlab(&dir, &["replay", "a"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("6 of 6 runs gave the same digest"));

    // Results are not overwritten, and a report can be made again.
    let output = byzlab(&dir, &["run", "tiny.toml", "--out", "b"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("never overwritten"), "{}", stderr(&output));
    fs::remove_file(path("b").join("report.html")).unwrap();
    assert_eq!(code(&byzlab(&dir, &["report", "b"])), 0);
    assert!(path("b").join("report.html").is_file());
}

#[test]
fn json_is_one_object_a_run_and_nothing_else() {
    let dir = with_file(TINY);
    let output = byzlab(&dir, &["run", "tiny.toml", "--json", "--set", "seeds=[7]"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let fields = "protocol, host, nodes, seed, duration_s, committed_transactions, committed_blocks, \
                  throughput_tps, latency_ms, messages, bytes, signatures_checked, events, \
                  view_changes, violations, trace_digest, ledger_head, wall_s, accelerator";
    let fields: Vec<_> = fields.split(", ").collect();
    let lines: Vec<_> = stdout(&output).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        let keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, fields);
        assert_eq!(object["seed"], 7);
        let percentiles = object["latency_ms"].as_object().unwrap();
        assert_eq!(percentiles.keys().collect::<Vec<_>>(), ["p50", "p90", "p99", "p999", "max"]);
    }
    assert!(dir.path().join("results/tiny-1/report.html").is_file());
}

#[test]
fn a_failed_expectation_is_exit_code_1() {
    let text = format!("{TINY}\n[[expect]]\nproperty = \"stops\"\nprotocol = \"central\"\n");
    let dir = with_file(&text);
    let output = byzlab(&dir, &["run", "tiny.toml", "--set", "seeds=1"]);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("FAILS  run 0"), "{}", stdout(&output));
    let records = timeless(&dir.path().join("results/tiny-1"));
    assert_eq!(records[0].expectations.len(), 1);
    assert!(records[1].expectations.is_empty(), "it is about central alone");
}

#[test]
fn bad_input_is_exit_code_2_and_no_panic() {
    let dir = with_file(TINY);
    fs::write(dir.path().join("bad.toml"), "name = \"x\"\nnmae = 1\n").unwrap();
    fs::write(dir.path().join("noise.toml"), [0xff, 0xfe, 0, 1]).unwrap();
    let bad: &[&[&str]] = &[
        &["run", "missing.toml"],
        &["run", "bad.toml"],
        &["run", "noise.toml"],
        &["run", "tiny.toml", "--set", "load.rat=1"],
        &["run", "tiny.toml", "--jobs", "0"],
        &["run", "tiny.toml", "--colour"],
        &["dance"],
        &["replay", "nowhere"],
        &["report", "."],
        &["protocols", "nobody"],
        &["keygen", "no/such/folder/key"],
        &["committee", "--protocol", "central", "x@y"],
        &["seat", "--committee", "missing.toml", "--key", "k", "--dir", "d"],
        &["ledger", "show", "nowhere"],
        &["ledger", "verify", "nowhere"],
    ];
    for arguments in bad {
        let output = byzlab(&dir, arguments);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{arguments:?}: {said}");
        assert!(said.contains("error") && !said.contains("panicked"), "{arguments:?}: {said}");
    }
    assert!(!dir.path().join("results").exists(), "nothing is written for bad input");
    let said = stderr(&byzlab(&dir, &["run", "bad.toml"]));
    assert!(said.contains("bad.toml:2") && said.contains("unknown key `nmae`"), "{said}");
}

#[test]
fn a_closed_pipe_is_good() {
    let dir = with_file(TINY);
    let mut child = Command::new(env!("CARGO_BIN_EXE_byzlab"))
        .args(["run", "tiny.toml", "--json"])
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
}

#[test]
fn help_protocols_keys_and_committees() {
    let dir = tempfile::tempdir().unwrap();
    for command in [
        "run",
        "replay",
        "report",
        "protocols",
        "new",
        "keygen",
        "committee",
        "seat",
        "client",
        "ledger",
        "accel",
        "completions",
    ] {
        let output = byzlab(&dir, &[command, "--help"]);
        assert_eq!(code(&output), 0, "{command}");
        assert!(stdout(&output).contains("Usage: byzlab"), "{command}");
    }
    assert!(stdout(&byzlab(&dir, &["completions", "bash"])).contains("byzlab"));
    let list = stdout(&byzlab(&dir, &["protocols"]));
    for entry in byzlab::builtin().entries() {
        assert!(list.contains(entry.about), "{list}");
        let explained = byzlab(&dir, &["protocols", entry.name]);
        assert!(!stdout(&explained).contains("not documented"), "{}", stdout(&explained));
        // What is printed is a section that can be pasted into a file.
        let section = stdout(&explained);
        let section = section.split_once("\n\n").unwrap().1;
        let file: toml::Table = toml::from_str(section).unwrap();
        assert_eq!(file["protocol"]["name"].as_str(), Some(entry.name));
        assert_eq!(section.matches("messages a decision").count(), entry.theories.len());
    }
    let explained = |name: &str| stdout(&byzlab(&dir, &["protocols", name]));
    assert!(explained("minimmit").contains("#   \"random\": A replica drawn by a hash"));
    assert!(explained("streamlet").contains("# With echo = true: commits after 2 δ + 2 Δ"));
    let mut arguments = vec!["committee".to_owned(), "--protocol=central".into()];
    for i in 0..4 {
        let key = stdout(&byzlab(&dir, &["keygen", &format!("{i}.key")]));
        assert_eq!(key.trim().len(), 64);
        arguments.push(format!("{i}.key.pub@127.0.0.1:{}", 7000 + 10 * i));
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let output = byzlab(&dir, &arguments);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let file: toml::Table = toml::from_str(&stdout(&output)).unwrap();
    assert_eq!(file["replica"].as_array().unwrap().len(), 4);
    assert_eq!(file["replica"][1]["clients"].as_str(), Some("127.0.0.1:7011"));
    let double =
        ["committee", "--protocol=central", "0.key.pub@127.0.0.1:1", "0.key.pub@127.0.0.1:5"];
    assert!(stderr(&byzlab(&dir, &double)).contains("have one key"));
}

/// The command on a machine without any adapter, or with those that there are.
fn on_machine(dir: &TempDir, arguments: &[&str], adapters: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_byzlab"));
    if !adapters {
        command.env("VK_DRIVER_FILES", "/dev/null");
    }
    command.args(arguments).current_dir(dir.path()).env("BYZLAB_CACHE", "cache");
    command.output().expect("the program starts")
}

#[test]
fn accelerators_without_an_adapter() {
    let dir = with_file(TINY);
    let run = |kind: &str, out: &str| {
        let set = format!("accelerator={kind}");
        let arguments = ["run", "tiny.toml", "--json", "--set", "seeds=1", "--set", &set];
        on_machine(&dir, &[&arguments[..], &["--out", out]].concat(), false)
    };
    let digests = |output: &Output| -> Vec<serde_json::Value> {
        assert_eq!(code(output), 0, "{}", stderr(output));
        let object = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        stdout(output).lines().map(|line| object(line)["trace_digest"].clone()).collect()
    };
    let cpu = run("cpu", "a");
    assert_eq!(stderr(&cpu), "");
    let auto = run("auto", "b");
    assert_eq!(digests(&auto), digests(&cpu));
    assert_eq!(digests(&run("reference", "c")), digests(&cpu));
    let said = stderr(&auto);
    assert_eq!(said.lines().count(), 1, "one line, however many runs and threads: {said}");
    assert!(said.contains("does everything: no GPU; found: no adapter at all"), "{said}");
    for (kind, lacks) in [("gpu", "no GPU"), ("software", "no software adapter")] {
        let output = run(kind, "d");
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{said}");
        assert!(said.contains(&format!("{lacks}; found: no adapter at all")), "{said}");
        assert!(said.contains(&format!("the accelerator \"{kind}\"")), "{said}");
        assert!(!dir.path().join("d").exists(), "nothing is written");
    }
    let said = stderr(&run("quantum", "d"));
    assert!(said.contains("quantum") && said.contains("software"), "{said}");
}

#[test]
fn accel_without_an_adapter() {
    let dir = tempfile::tempdir().unwrap();
    let accel = |arguments: &[&str]| on_machine(&dir, &[&["accel"], arguments].concat(), false);
    let list = accel(&["--list"]);
    assert_eq!(code(&list), 0);
    assert!(stdout(&list).contains("everything is done by the CPU"), "{}", stdout(&list));
    let bench = ["--bench", "--check", "300", "--widest", "4", "--threads", "1"];
    let all = accel(&[&bench[..], &["--out", "here.json"]].concat());
    assert_eq!(code(&all), 0, "{}", stderr(&all));
    assert!(stdout(&all).contains("right    cpu (1 thread"), "{}", stdout(&all));
    let text = fs::read_to_string(dir.path().join("here.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        report["bench"].as_array().unwrap().len(),
        6 * 2 + 2,
        "widths 1 and 4, and long items"
    );
    assert!(report["gpu"].is_null() && report["cpu"]["compared"].as_u64() > Some(1_000));
    assert!(report["profile"]["cpu"]["nonces"]["item_ps"].as_u64() > Some(0));
    // Every machine's signatures have a limit that is known, and cycles that do not reach it.
    let signature = &report["bench"][0];
    let of_limit = signature["cpu_of_limit"].as_f64().unwrap();
    assert!(of_limit > 0.0 && of_limit < 1.0, "{signature}");
    assert!(signature["cpu_cycles"].as_f64() > signature["cpu_floor_cycles"].as_f64());
    assert_eq!(report["cpu_limits"]["threads"], 1);
    // Costs from calls of four items are none to charge.
    fs::write(dir.path().join("tiny.toml"), TINY).unwrap();
    let charged = ["run", "tiny.toml", "--set", "accelerator.model=here.json", "--out", "r"];
    let output = on_machine(&dir, &charged, false);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("at most 4 items"), "{}", stderr(&output));
    // What was recorded without a bound can be charged, and the results do without the file.
    assert!(text.contains("\"widest\": 4,"), "{text}");
    let unbounded = text.replace("\"widest\": 4,", "\"widest\": null,");
    fs::write(dir.path().join("here.json"), unbounded).unwrap();
    let output = on_machine(&dir, &charged, false);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let records = timeless(&dir.path().join("r"));
    let name = &records[0].summary.accelerator;
    assert!(name.contains("charged as cpu (1 thread"), "{name}");
    fs::remove_file(dir.path().join("here.json")).unwrap();
    assert_eq!(code(&byzlab(&dir, &["replay", "r"])), 0);
    fs::write(dir.path().join("here.json"), "{}").unwrap();
    for (arguments, why) in [
        (
            &["accel", "--adapter", "Card 9000"][..],
            "no adapter named \"Card 9000\"; found: no adapter",
        ),
        (&["accel", "--out", "here.json"], "never overwritten"),
        (&["accel", "--widest", "0"], "0 is not in"),
        (&["run", "tiny.toml", "--set", "accelerator.model=here.json"], "missing field `profile`"),
        (
            &["run", "tiny.toml", "--set", "accelerator.model=there.json"],
            "there.json: No such file",
        ),
        (&["run", "tiny.toml", "--set", "accelerator.model=h100"], "no machine is called `h100`"),
    ] {
        let output = on_machine(&dir, arguments, false);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(stderr(&output).contains(why), "{arguments:?}: {}", stderr(&output));
    }
    assert!(!dir.path().join("cache").exists(), "there was nothing to keep");
}

/// With a software adapter, the same runs have the same digests; over QUIC, it does what it is given.
#[test]
fn a_software_adapter_changes_nothing() {
    if byzlab_accel::gpu::testing::software().is_none() {
        return;
    }
    let dir = with_file(
        &TINY
            .replace("\"pow\"", "\"pbft\"")
            .replace("spacing = \"100ms\"\ndifficulty = 40_000\nconfirmations = 4\n", ""),
    );
    let run = |kind: &str, host: &str| {
        let sets = [
            format!("accelerator={kind}"),
            format!("host={host}"),
            "seeds=1".into(),
            "cluster.signatures=ed25519".into(),
        ];
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let arguments: Vec<_> =
            ["run", "tiny.toml", "--out", kind].into_iter().chain(sets).collect();
        let output = on_machine(&dir, &arguments, true);
        assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
        timeless(&dir.path().join(kind))
    };
    let (cpu, software) = (run("cpu", "sim"), run("software", "sim"));
    let digest = |r: &Record| r.summary.trace_digest.clone().unwrap();
    assert!(cpu.iter().map(digest).eq(software.iter().map(digest)));
    assert!(software[1].summary.accelerator.contains("software adapter"));
    assert_eq!(code(&byzlab(&dir, &["replay", "software"])), 0);
    fs::remove_dir_all(dir.path().join("software")).unwrap();
    let real = run("software", "quic");
    for record in &real {
        assert!(record.summary.committed_transactions > 0 && record.is_good());
        let figure = |name: &str| record.figures[name];
        assert_eq!(figure("gpu_share_of_items"), 1.0, "{:?}", record.figures);
        assert_eq!(figure("gpu_mismatches"), 0.0);
        assert!(figure("proof_batch_mean_claims") >= 1.0 && figure("proof_wait_mean_us") > 0.0);
    }
}

#[test]
fn replicas_sign_by_bls_in_simulation_on_a_cluster_and_in_a_deployment() {
    let file = "name = \"bls\"\nhost = [\"sim\", \"quic\"]\n[protocol]\nname = \"pbft\"\n\
                [cluster]\nscheme = \"bls\"\n[quic]\nkeep_ledgers = true\n\
                [load]\nrate = 50\nuntil = \"500ms\"\n[stop]\nafter = \"2s\"\n";
    let dir = with_file(file);
    let output = byzlab(&dir, &["run", "tiny.toml", "--out", "a"]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let records = timeless(&dir.path().join("a"));
    for record in &records {
        assert_eq!(record.scheme, "bls");
        assert!(record.summary.committed_transactions > 0, "on {}", record.summary.host);
    }
    let ledgers = dir.path().join("a").join("ledgers");
    let folder = fs::read_dir(&ledgers).ok().into_iter().flatten().flatten().next();
    if let Some(folder) = folder {
        let replica = folder.path().join("replica-0");
        let output = byzlab(&dir, &["ledger", "verify", replica.to_str().unwrap()]);
        assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    }

    let mut arguments = vec!["committee", "--protocol=pbft", "--scheme=bls"];
    let places: Vec<_> =
        (0..2).map(|i| format!("{i}.key.pub@127.0.0.1:{}", 7000 + 10 * i)).collect();
    (0..2).for_each(|i| drop(byzlab(&dir, &["keygen", &format!("{i}.key")])));
    arguments.extend(places.iter().map(String::as_str));
    let output = byzlab(&dir, &arguments);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let mut file: toml::Table = toml::from_str(&stdout(&output)).unwrap();
    // Another's proof of possession is none.
    let replicas = file["replica"].as_array_mut().unwrap();
    replicas[1]["possession"] = replicas[0]["possession"].clone();
    fs::write(dir.path().join("committee.toml"), toml::to_string(&file).unwrap()).unwrap();
    let seat = ["seat", "--committee=committee.toml", "--key=0.key", "--dir=d"];
    let output = byzlab(&dir, &seat);
    assert_eq!(code(&output), 2);
    let said = stderr(&output);
    assert!(said.contains("the vote key of replica 1 is not proven to be held"), "{said}");
}

#[test]
fn a_stall_is_told_on_the_terminal() {
    let file = "name = \"stalls\"\n[protocol]\nname = \"hotstuff\"\n[load]\nrate = 20\n\
                [stop]\nafter = \"3s\"\n[[fault]]\nkind = \"crash\"\nreplica = 1\nat = \"1s\"\n";
    let dir = with_file(file);
    let output = byzlab(&dir, &["run", "tiny.toml"]);
    let told = "nothing is committed from 1 s on: a three-chain in consecutive views";
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains(told), "{}", stdout(&output));
}

#[test]
fn a_replay_is_offered_where_there_is_one_and_a_set_key_is_said_to_be_swept_no_more() {
    let file = "name = \"short\"\n[protocol]\nname = \"central\"\n[load]\nrate = 50\nuntil = \"200ms\"\n\
                [stop]\nafter = \"500ms\"\n[sweep]\n\"cluster.nodes\" = [4, 7]\n";
    let dir = with_file(file);
    let run = |host: &str| {
        let host = format!("host={host}");
        let output =
            byzlab(&dir, &["run", "tiny.toml", "--set", &host, "--set", "cluster.nodes=1"]);
        assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
        let said = "note: --set cluster.nodes: it takes the place of the sweep `cluster.nodes`";
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
        stdout(&output)
    };
    assert!(run("sim").contains("byzlab replay "));
    let real = run("quic");
    assert!(real.contains("report.html") && !real.contains("byzlab replay"), "{real}");
}

/// Whoever writes a protocol in Python is not sent to a Rust method.
#[test]
fn what_promises_nothing_is_told_so_in_its_own_terms() {
    let dir = with_file(TINY);
    let output = byzlab(&dir, &["conform", "process"]);
    let told = stderr(&output);
    assert_eq!(code(&output), 2, "{told}");
    assert!(told.contains("[[expect]]") && !told.contains("Entry::"), "{told}");
}
