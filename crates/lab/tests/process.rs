//! Programs in other languages as protocols: they commit, repeat, and when they fail it is said how.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use byzlab::{
    experiment::Experiment,
    host,
    record::Record,
    spec::{Problem, Source},
};

const QUORUM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/process/quorum.py");

/// An experiment with a program in every seat.
fn file(command: &[&str], rest: &str) -> String {
    let command: Vec<_> = command.iter().map(|&part| toml::Value::from(part)).collect();
    let command = toml::Value::Array(command);
    format!(
        "name = \"program\"\nsample = \"200ms\"\n[protocol]\nprocess = {command}\n\
         deadline = \"5s\"\n{rest}"
    )
}

fn run(text: &str) -> Result<Vec<Record>, Problem> {
    let source = Source::new("program.toml", text);
    let experiment = Experiment::load(&source, &[], &byzlab::builtin())?;
    let scratch = tempfile::tempdir().unwrap();
    let run = |case| {
        let picked = host::accelerator(&experiment.spec.accelerator, Some(1), &host::devices());
        let accelerator = picked.unwrap().accelerator;
        host::run(case, accelerator, scratch.path(), &mut |_| {}).unwrap()
    };
    Ok(experiment.cases.iter().map(run).collect())
}

/// Whether there is a Python; says so if not.
fn python() -> bool {
    let there = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        eprintln!("skipped: there is no python3 here");
    }
    there
}

#[test]
fn a_program_in_python_goes_through_crashes_and_repeats_to_the_bit() {
    if !python() {
        return;
    }
    let rest = r#"
        [load]
        rate = 200
        until = "1500ms"
        [network]
        loss_ppm = 5_000
        [[fault]]
        at = "300ms"
        kind = "crash"
        replica = 2
        [[fault]]
        at = "500ms"
        kind = "crash"
        replica = 0
        [[fault]]
        at = "900ms"
        kind = "restart"
        replica = [0, 2]
        [stop]
        after = "4s"
    "#;
    let text = file(&["python3", QUORUM], rest);
    let mut records = [run(&text).unwrap().remove(0), run(&text).unwrap().remove(0)];
    records.iter_mut().for_each(|record| record.summary.wall_s = 0.0);
    assert_eq!(records[0], records[1]);
    let [record, _] = records;
    assert!(record.is_good(), "{:?}", record.summary.violations);
    assert_eq!(record.summary.committed_transactions, record.submitted_transactions);
    assert!(record.submitted_transactions > 200);
    assert!(record.traffic.contains_key("vote"), "{:?}", record.traffic);
    let heights: Vec<_> = record.heads.iter().flatten().map(|head| head.height).collect();
    assert!(heights.len() == 4 && heights.iter().all(|h| *h == heights[0]), "{heights:?}");
}

#[test]
fn a_program_in_python_runs_on_a_real_cluster() {
    if !python() {
        return;
    }
    let rest = "[load]\nrate = 100\nuntil = \"500ms\"\n[stop]\nafter = \"1500ms\"";
    let text = format!("host = \"quic\"\n{}", file(&["python3", QUORUM], rest));
    let record = run(&text).unwrap().remove(0);
    assert!(record.is_good(), "{:?}", record.summary.violations);
    assert!(record.summary.committed_transactions > 0);
}

/// What is said of a program that takes its seat and then does `script`, in the shell.
fn failure(script: &str) -> String {
    let script = format!("read question; echo '{{}}'; read question; {script}");
    let rest = "[load]\nclients = 0\n[stop]\nafter = \"1s\"";
    let text = file(&["sh", "-c", &script], rest).replace("5s", "300ms");
    let record = run(&text).unwrap().remove(0);
    assert!(!record.is_good());
    let of_programs = record.summary.violations.iter().filter(|v| v.property == "program");
    let said: Vec<_> = of_programs.map(|violation| violation.what.clone()).collect();
    assert_eq!(said.len(), 4, "each replica's is told once: {said:?}");
    said[0].clone()
}

#[test]
fn programs_that_fail_are_told_of() {
    let cases = [
        ("echo 'it is full' >&2; exit 3", vec!["exit status: 3", "its last words: it is full"]),
        ("exec sleep 20", vec!["no answer in 300ms"]),
        ("echo nonsense", vec!["it answered \"nonsense\""]),
        ("echo '{\"do\": [{\"fly\": 1}]}'", vec!["unknown variant `fly`"]),
        ("echo '{\"do\": [{\"send\": {\"to\": 9, \"kind\": \"vote\"}}]}'", vec!["no replica 9"]),
        (
            "echo '{\"do\": [{\"send\": {\"to\": 1, \"kind\": \"shout\"}}]}'",
            vec!["no kind `shout`"],
        ),
        ("printf '{}\\n{}\\n'; read question", vec!["more than one line to one question"]),
        ("exec yes | tr -d '\\n'", vec!["a line of more than"]),
    ];
    for (script, expected) in cases {
        let said = failure(script);
        assert!(expected.iter().all(|part| said.contains(part)), "{script}: {said}");
    }
    let block = "0".repeat(64);
    let ahead = format!("{{\"commit\": {{\"block\": \"{block}\"}}}}");
    assert!(failure(&format!("echo '{{\"do\": [{ahead}]}}'")).contains("no block 0000"));
}

#[test]
fn programs_that_cannot_take_a_seat_are_errors_of_the_file() {
    let refused = |command: &[&str]| run(&file(command, "")).unwrap_err().to_string();
    assert!(refused(&[]).contains("no program"));
    assert!(refused(&["/nowhere/at-all"]).contains("it does not start"));
    let said = refused(&["sh", "-c", "read q; echo '{\"error\": \"I want no seat\"}'"]);
    assert!(said.contains("I want no seat"), "{said}");
    let processes = file(&["sh", "-c", "read q; echo '{}'"], "[quic]\nprocesses = true");
    assert!(run(&processes).unwrap_err().to_string().contains("processes already"));
}

/// The processes of this user whose command line holds `mark`.
fn alive(mark: &str) -> usize {
    let Ok(all) = std::fs::read_dir("/proc") else { return 0 };
    let lines = all.flatten().filter_map(|e| std::fs::read(e.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(mark)).count()
}

#[test]
fn no_child_outlives_its_run() {
    if !Path::new("/proc/self/cmdline").exists() {
        eprintln!("skipped: there is no /proc here");
        return;
    }
    let mark = format!("byzlab-children-of-{}", std::process::id());
    let script = format!(": {mark}; while read question; do echo '{{}}'; done");
    let rest = "[load]\nclients = 0\n[stop]\nafter = \"1s\"";
    let record = run(&file(&["sh", "-c", &script], rest)).unwrap().remove(0);
    assert!(record.is_good(), "{:?}", record.summary.violations);
    let start = Instant::now();
    while alive(&mark) > 0 && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(alive(&mark), 0);
}
