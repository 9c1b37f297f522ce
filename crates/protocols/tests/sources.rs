//! Where the handling is, its source is named: algorithm and line, figure, section, or step.

#![allow(clippy::unwrap_used)]

use std::{fs, path::Path};

use byzlab_protocols::builtin;

/// The files in which each protocol of the table does what its paper says.
fn rooms(name: &str) -> &'static [&'static str] {
    match name {
        "pbft" => &["pbft/normal.rs", "pbft/change.rs", "pbft/checkpoint.rs"],
        "tendermint" => &["tendermint/rules.rs"],
        "simplex" | "minimmit" => &["kit/notary/rules.rs"],
        "streamlet" => &["streamlet/rules.rs"],
        "hotstuff" | "fast-hotstuff" | "jolteon" | "hotstuff-2" => &[
            "hotstuff/mod.rs",
            "hotstuff/rules.rs",
            "hotstuff/vote.rs",
            "hotstuff/timeout.rs",
            "hotstuff/propose.rs",
            "hotstuff/keep.rs",
        ],
        "mysticeti" => &["mysticeti/rules.rs"],
        "bullshark" | "tusk" => &[
            "bullshark/mod.rs",
            "bullshark/coin.rs",
            "bullshark/rules.rs",
            "bullshark/rounds.rs",
            "bullshark/narwhal.rs",
        ],
        "raft" => &["raft/elect.rs", "raft/replicate.rs"],
        "pow" => &["pow/mine.rs", "pow/mod.rs", "pow/tree/mod.rs", "pow/tree/ghost.rs"],
        "central" => &[], // of no paper
        other => panic!("where does {other} do what its paper says?"),
    }
}

/// Whether a comment, other than a module's, says where in a paper to look.
fn cites(line: &str) -> bool {
    let Some((_, comment)) = line.split_once("//").filter(|_| !line.starts_with("//!")) else {
        return false;
    };
    let places = [
        "§",
        "Algorithm ",
        "Figure ",
        "l. ",
        ".rs, ",
        "S 2.",
        "step (",
        "Propose-Vote",
        "Finalize: ",
    ];
    places.iter().any(|place| comment.contains(place))
}

/// What of a paper must be named somewhere in the protocol's rooms: a family's variants share theirs.
fn steps(name: &str) -> &'static [&'static str] {
    match name {
        // Each procedure of Algorithms 4 and 5, by its lines.
        "hotstuff" => &[
            "Algorithm 4, l. 4-12",
            "Algorithm 4, l. 13-15",
            "Algorithm 4, l. 16-21",
            "Algorithm 4, l. 22-27",
            "Algorithm 4, l. 28-31",
            "Algorithm 5, l. 2-5",
            "Algorithm 5, l. 9-10",
            "Algorithm 5, l. 11-12",
        ],
        "hotstuff-2" => &[
            "step (1) Enter",
            "step (2) Propose",
            "step (3) Vote and commit",
            "step (4) Prepare",
            "step (5) Vote2",
        ],
        // Each rule in the paper, and where its authors' program has it.
        "bullshark" => &[
            "B, §2.2",
            "B, §2.3",
            "B, Algorithm 2",
            "N, §3.1",
            "N, §4.1",
            "bullshark.rs, l.",
            "utils.rs, l.",
            "core.rs, l.",
            "proposer.rs, l.",
        ],
        "tusk" => &["N, Tusk", "tusk.rs, `process_certificate`", "tusk.rs, `leader`"],
        _ => &[],
    }
}

#[test]
fn steps_that_a_paper_names_are_found_where_they_are_taken() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in builtin().entries() {
        let texts =
            rooms(entry.name).iter().map(|room| fs::read_to_string(src.join(room)).unwrap());
        let cited: Vec<String> = texts
            .flat_map(|text| {
                text.lines().filter(|line| cites(line)).map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        for step in steps(entry.name) {
            let named = cited.iter().any(|line| line.contains(step));
            assert!(named, "{}: {step} is named nowhere", entry.name);
        }
    }
}

#[test]
fn sources_stand_where_the_handling_is() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in builtin().entries() {
        for room in rooms(entry.name) {
            let text = fs::read_to_string(src.join(room)).unwrap();
            assert!(text.lines().any(cites), "{}: {room} names no source", entry.name);
        }
    }
}
