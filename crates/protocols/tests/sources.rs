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
        "hotstuff" | "fast-hotstuff" | "jolteon" | "hotstuff-2" => {
            &["hotstuff/rules.rs", "hotstuff/vote.rs", "hotstuff/timeout.rs", "hotstuff/propose.rs"]
        }
        "mysticeti" => &["mysticeti/rules.rs"],
        "bullshark" => &["bullshark/rules.rs", "bullshark/rounds.rs", "bullshark/narwhal.rs"],
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
    let places =
        ["§", "Algorithm ", "Figure ", "l. ", "S 2.", "Propose-Vote", "Finalize: ", "arXiv "];
    places.iter().any(|place| comment.contains(place))
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
