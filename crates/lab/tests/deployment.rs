//! A deployment by hand: keys, committee files, seats and clients, and what is refused before anything runs.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    fs,
    net::UdpSocket,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

fn byzlab(dir: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_byzlab"))
        .args(arguments)
        .current_dir(dir.path())
        .output()
        .expect("the program starts")
}

/// What a command says that must be refused as bad input.
fn refused(dir: &TempDir, arguments: &[&str]) -> String {
    let output = byzlab(dir, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(said.contains("error") && !said.contains("panicked"), "{arguments:?}: {said}");
    said
}

fn good(dir: &TempDir, arguments: &[&str]) -> String {
    let output = byzlab(dir, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder with the keys of four replicas.
fn with_keys() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    (0..4).for_each(|i| drop(good(&dir, &["keygen", &format!("{i}.key")])));
    dir
}

/// `byzlab committee` of the four.
fn committee<'a>(protocol: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let replicas = [
        "0.key.pub@127.0.0.1:7000",
        "1.key.pub@127.0.0.1:7010",
        "2.key.pub@127.0.0.1:7020",
        "3.key.pub@127.0.0.1:7030",
    ];
    [&["committee", "--protocol", protocol][..], more, &replicas].concat()
}

const SEAT: [&str; 4] = ["seat", "--committee=committee.toml", "--key=0.key", "--dir=d"];

#[test]
fn a_secret_key_gets_into_no_committee() {
    let dir = with_keys();
    let secret = fs::read_to_string(dir.path().join("0.key")).unwrap();
    for scheme in ["ed25519", "bls"] {
        let replica = "0.key@127.0.0.1:7000";
        let said = refused(&dir, &["committee", "--protocol=pbft", "--scheme", scheme, replica]);
        assert!(said.contains("0.key is a secret key") && said.contains("0.key.pub"), "{said}");
        assert!(!said.contains(secret.trim()), "the secret is told");
    }
}

#[test]
fn a_committee_is_written_once() {
    let dir = with_keys();
    let arguments = committee("tusk", &["--out", "committee.toml"]);
    good(&dir, &arguments);
    let path = dir.path().join("committee.toml");
    let first = fs::read(&path).unwrap();
    assert!(refused(&dir, &arguments).contains("committee.toml exists"));
    assert_eq!(fs::read(&path).unwrap(), first);
}

#[test]
fn a_committee_that_no_seat_accepts_is_not_made() {
    let dir = with_keys();
    let parameters: [(&str, &[&str], &str); 4] = [
        ("pbft", &["--set", "view_timeout=0s"], "cannot take its seats"),
        ("process", &[], "needs a program"),
        ("pbft", &["--set", "name=raft"], "by --protocol"),
        ("pbft", &["--set", "batch_bytes=0"], "cannot take its seats"),
    ];
    for (protocol, more, why) in parameters {
        let said = refused(&dir, &committee(protocol, more));
        assert!(said.contains(why), "{more:?}: {said}");
    }
    good(&dir, &committee("process", &["--set", "process=[\"elsewhere\"]"]));
    let unreachable = "no address that others can reach";
    for (addresses, why) in [
        ("127.0.0.1:0", unreachable),
        ("127.0.0.1:7000,127.0.0.1:0", unreachable),
        ("0.0.0.0:7000", unreachable),
        ("[::]:7000", unreachable),
        ("127.0.0.1:7000,127.0.0.1:7000", "replica 0 has one address"),
        ("127.0.0.1:8001", "have one address"),
    ] {
        let first = format!("0.key.pub@{addresses}");
        let all = ["committee", "--protocol=pbft", &first, "1.key.pub@127.0.0.1:8000"];
        let said = refused(&dir, &all);
        assert!(said.contains(why), "{addresses}: {said}");
    }
}

#[test]
fn a_damaged_coin_is_seen_by_every_seat() {
    let dir = with_keys();
    let text = good(&dir, &committee("tusk", &[]));
    let mut file: toml::Table = toml::from_str(&text).unwrap();
    let parts = file["coin"]["parts"].as_array_mut().unwrap();
    parts[1].as_array_mut().unwrap()[0] = parts[2][0].clone();
    fs::write(dir.path().join("committee.toml"), toml::to_string(&file).unwrap()).unwrap();
    let said = refused(&dir, &SEAT);
    assert!(said.contains("not of one polynomial"), "{said}");
}

#[test]
fn why_a_seat_cannot_be_taken_is_said_once() {
    let dir = with_keys();
    let text = good(&dir, &committee("pbft", &[]));
    let text = text.replace("name = \"pbft\"\n", "name = \"pbft\"\nview_timeout = \"0s\"\n");
    fs::write(dir.path().join("committee.toml"), text).unwrap();
    let said = refused(&dir, &SEAT);
    let (_, why) = said.trim().split_once("cannot take its seat: ").unwrap();
    let words = why.rsplit(": ").next().unwrap();
    assert_eq!(said.matches(words).count(), 1, "{said}");
}

#[test]
fn what_a_client_cannot_send_is_refused() {
    let dir = with_keys();
    good(&dir, &committee("pbft", &["--out", "committee.toml"]));
    let client = |more: [&str; 2]| {
        refused(
            &dir,
            &[&["client", "--committee=committee.toml", "--duration=1s"][..], &more].concat(),
        )
    };
    for bytes in ["65537", "3145728", "4000000000"] {
        let said = client(["--transaction-bytes", bytes]);
        assert!(said.contains("65536"), "{said}");
    }
    for outstanding in ["250001", "4000000000"] {
        let said = client(["--outstanding", outstanding]);
        assert!(said.contains("1000000 are possible"), "{said}");
    }
}

#[test]
#[cfg(unix)]
fn what_never_ends_is_not_read_to_its_end() {
    let dir = with_keys();
    good(&dir, &committee("pbft", &["--out", "committee.toml"]));
    for arguments in [
        &["run", "/dev/zero"][..],
        &["seat", "--committee=/dev/zero", "--key=0.key", "--dir=d"],
        &["seat", "--committee=committee.toml", "--key=/dev/zero", "--dir=d"],
        &["committee", "--protocol=pbft", "/dev/zero@127.0.0.1:7000"],
    ] {
        let said = refused(&dir, arguments);
        assert!(said.contains("/dev/zero") && said.contains("larger than"), "{said}");
        assert!(!said.contains("experiment file"), "{said}");
    }
}

#[test]
fn threads_without_number_and_seeds_that_are_none_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.toml"), "name = \"a\"\n[protocol]\nname = \"central\"\n").unwrap();
    let bound = "1024 threads";
    for (arguments, why) in [
        (&["accel", "--threads", "100000"][..], bound),
        (&["run", "a.toml", "--set", "accelerator.threads=5000"], bound),
        (&["conform", "--seeds", "0", "central"], "0 is not in"),
        (
            &["conform", "--seeds", "5", "--seed", "18446744073709551615", "central"],
            "there are no 5 seeds from 18446744073709551615 on",
        ),
    ] {
        let said = refused(&dir, arguments);
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
    assert!(!dir.path().join("results").exists());
}

/// A process that ends with its owner.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_client_tells_nothing_that_only_replicas_know() {
    let dir = tempfile::tempdir().unwrap();
    good(&dir, &["keygen", "0.key"]);
    let free = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let [peers, clients] = free.each_ref().map(|socket| socket.local_addr().unwrap());
    let replica = format!("0.key.pub@{peers},{clients}");
    good(&dir, &["committee", "--protocol=central", "--out=committee.toml", &replica]);
    drop(free);
    let seat = Command::new(env!("CARGO_BIN_EXE_byzlab"))
        .args(SEAT)
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _seat = Running(seat);
    let client = ["client", "--committee=committee.toml", "--rate=100", "--duration=300ms"];
    let table = good(&dir, &client);
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect()
    };
    let line = |of: &str| cells(table.lines().find(|line| line.contains(of)).unwrap());
    let (head, row) = (line("views lost"), line("central"));
    let at = |name: &str| row[head.iter().position(|cell| cell == name).unwrap()].clone();
    assert_eq!((at("views lost"), at("messages/tx")), ("–".into(), "–".into()), "{table}");
    assert_eq!(at("good"), "yes", "{table}");
}
