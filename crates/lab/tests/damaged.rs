//! Results folders that are not as they were written.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::{fs, path::PathBuf};

use byzlab::{folder::Folder, record::Record};
use common::{TINY, byzlab, code, stderr, stdout, with_file};
use tempfile::TempDir;

const OTHER: &str = "0123456789abcdef";

/// The experiment's results in the folder `a` of a folder.
struct Results {
    dir: TempDir,
    records: Vec<Record>,
}

impl Results {
    fn new() -> Self {
        let dir = with_file(TINY);
        let output = byzlab(&dir, &["run", "tiny.toml", "--out", "a"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let records = Folder::open(&dir.path().join("a")).unwrap().records().unwrap();
        Self { dir, records }
    }
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("a").join(name)
    }
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }
    /// What a replay says, and its exit code.
    fn replay(&self) -> (String, i32) {
        let output = byzlab(&self.dir, &["replay", "a"]);
        (stdout(&output) + &stderr(&output), code(&output))
    }
}

/// The digest, the manifest's too, and an event's step in the trace are others; at last the checkpoints.
#[test]
fn what_differs_is_told_from_what_is_damaged() {
    let results = Results::new();
    let mut bytes = fs::read(results.path("trace-1.bin")).unwrap();
    bytes[2 * 17] ^= 1;
    fs::write(results.path("trace-1.bin"), bytes).unwrap();
    let (text, manifest) = (results.read("records.jsonl"), results.read("manifest.json"));
    let digest = results.records[1].summary.trace_digest.clone().unwrap();
    results.write("records.jsonl", &text.replace(&digest, OTHER));
    let (said, code) = results.replay();
    assert!(said.contains("digest of run 1 is not the one that manifest.json names"), "{said}");
    assert_eq!(code, 2);

    results.write("manifest.json", &manifest.replace(&digest, OTHER));
    let (said, code) = results.replay();
    assert!(said.contains("DIFFERS  run 1") && said.contains("5 of 6 runs"), "{said}");
    assert!(said.contains("trace-1.bin is damaged: it differs in event 17"), "{said}");
    assert_eq!(code, 1);

    let mut other = text.replace(&digest, OTHER);
    for point in &results.records[1].checkpoints {
        other = other.replace(&point.digest, OTHER);
    }
    results.write("records.jsonl", &other);
    let (said, code) = results.replay();
    assert!(said.contains("equal up to event"), "{said}");
    assert!(said.contains("the first event that differs is number 17, now at "), "{said}");
    assert_eq!(code, 1);

    fs::remove_file(results.path("trace-1.bin")).unwrap();
    let (said, _) = results.replay();
    assert!(said.contains("trace-1.bin, which would tell the event, is missing"), "{said}");
}

#[test]
fn records_that_are_not_whole_are_refused() {
    let results = Results::new();
    let text = results.read("records.jsonl");
    let twice = format!("{text}{}\n", text.lines().next().unwrap());
    let fewer: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
    let seed = text.replacen("\"seed\":1,", "\"seed\":7,", 1);
    for (records, why) in [
        (twice, "run 0 stands there twice"),
        (fewer, "run 0, which manifest.json names, is missing"),
        (seed, "run 0 is of central with seed 1, and the record says of central with seed 7"),
        (text.replacen(',', ";", 1), "records.jsonl is damaged, in the object on line 1"),
    ] {
        results.write("records.jsonl", &records);
        let (said, code) = results.replay();
        assert!(said.contains(why) && code == 2, "{why}: {said}");
    }
    results.write("records.jsonl", &text);
    assert_eq!(results.replay().1, 0);
    results.write("spec.toml", &(results.read("spec.toml") + "\n"));
    for command in ["replay", "report"] {
        let output = byzlab(&results.dir, &[command, "a"]);
        assert!(code(&output) == 2 && stderr(&output).contains("is not the file"), "{command}");
    }
}

/// The experiment was broken off: what is there is replayed, and what is not is said.
#[test]
fn a_part_is_replayed_as_a_part() {
    let results = Results::new();
    let first: String =
        results.read("records.jsonl").lines().take(2).collect::<Vec<_>>().join("\n");
    results.write("records.jsonl", &first);
    let mut manifest = Folder::open(&results.dir.path().join("a")).unwrap().manifest().unwrap();
    manifest.trace_digests.clear();
    results.write("manifest.json", &serde_json::to_string(&manifest).unwrap());
    let (said, code) = results.replay();
    assert!(said.contains("4 more have no record") && said.contains("2 of 2 runs"), "{said}");
    assert_eq!(code, 0);
    let output = byzlab(&results.dir, &["replay", "a", "--run", "99"]);
    assert!(stderr(&output).contains("they are 0 to 5"), "{}", stderr(&output));
}
