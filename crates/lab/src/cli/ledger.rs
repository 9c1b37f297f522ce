//! `byzlab ledger`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use byzlab_core::{Accelerator as _, Block, Claim, Committee, Entry, Invalid, Registry};
use byzlab_node::storage;
use clap::{Args, Subcommand};

use super::{Found, say};
use crate::deployment::Deployment;

/// Looks into a replica's ledger, also that of a running one
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the blocks, one a line, in the order of the file
    Show {
        /// The replica's folder
        dir: PathBuf,
        /// Prints blocks from this height on
        #[arg(long, default_value_t = 1, value_name = "HEIGHT")]
        from: u64,
        /// Prints so many blocks at most
        #[arg(long, value_name = "N")]
        count: Option<usize>,
        /// Prints one JSON object a block, one a line
        #[arg(long)]
        json: bool,
    },
    /// Checks hashes, signatures, and certificates or proofs of work; says what is bad, where
    #[command(after_help = "Exit code 1 if something is bad.")]
    Verify {
        /// The replica's folder
        dir: PathBuf,
        /// The committee file [default: committee.toml beside the folder]
        #[arg(long, value_name = "FILE")]
        committee: Option<PathBuf>,
    },
}

/// The committee file that is looked for beside a replica's folder.
const COMMITTEE: &str = "committee.toml";

/// How much is gathered before it is printed.
const PRINTED_AT_ONCE: usize = 64 << 10;

pub(super) fn ledger(arguments: &Arguments, registry: &Registry) -> Result<Found> {
    match &arguments.command {
        Command::Show { dir, from, count, json } => show(dir, *from, *count, *json),
        Command::Verify { dir, committee } => verify(dir, committee.as_deref(), registry),
    }
}

fn show(dir: &Path, from: u64, count: Option<usize>, json: bool) -> Result<Found> {
    let mut good = true;
    let mut left = count.unwrap_or(usize::MAX);
    let mut text = String::new();
    if !json {
        text += "height  producer  transactions    bytes  proof  digest\n";
    }
    for entry in storage::show(dir)? {
        if left == 0 {
            break;
        }
        let line = match entry {
            Ok(block) if block.height.0 < from => continue,
            Ok(block) if json => serde_json::to_string(&serde_json::json!({
                "height": block.height,
                "digest": block.digest,
                "parent": block.parent,
                "producer": block.producer,
                "root": block.root,
                "transactions": block.transactions,
                "transaction_bytes": block.transaction_bytes,
                "proof_bytes": block.proof_bytes,
                "file_bytes": [block.bytes.start, block.bytes.end],
            }))?,
            Ok(block) => format!(
                "{:6}  {:8}  {:12}  {:7}  {:5}  {}",
                block.height.0,
                block.producer.to_string(),
                block.transactions,
                block.transaction_bytes,
                block.proof_bytes,
                block.digest,
            ),
            Err(damage) if json => {
                good = false;
                serde_json::to_string(&serde_json::json!({ "damage": damage }))?
            }
            Err(damage) => {
                good = false;
                format!("DAMAGED  {damage}")
            }
        };
        left -= 1;
        text += &(line + "\n");
        if text.len() > PRINTED_AT_ONCE {
            say(&text)?;
            text.clear();
        }
    }
    say(&text)?;
    Ok(Found::good_if(good))
}

/// What makes a block final, and what its clients signed: a quorum vouches for signatures that the
/// protocol need not look at again, but an auditor does.
fn all_claims(block: &Block, entry: Entry, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
    let mut claims = entry.audit(block, committee)?;
    let name = |claim: &Claim| match claim {
        Claim::Signed { signature, .. } => Some(*signature),
        Claim::Aggregate(_) | Claim::Tossed(_) | Claim::Root(_) | Claim::Work(_) => None,
    };
    let known: BTreeSet<_> = claims.iter().map(name).collect();
    let mut of_clients = Vec::new();
    block.batch.claims(committee, &mut of_clients)?;
    claims.extend(of_clients.into_iter().filter(|claim| !known.contains(&name(claim))));
    Ok(claims)
}

fn verify(dir: &Path, committee: Option<&Path>, registry: &Registry) -> Result<Found> {
    let beside = dir.canonicalize().ok().and_then(|dir| Some(dir.parent()?.join(COMMITTEE)));
    let path = match (committee, beside) {
        (Some(path), _) => path.to_owned(),
        (None, Some(path)) if path.is_file() => path,
        (None, _) => {
            ensure!(dir.is_dir(), "{}: there is no such folder", dir.display());
            let name = dir.display();
            anyhow::bail!("no {COMMITTEE} beside {name}; say where it is with --committee FILE");
        }
    };
    let deployment = Deployment::read(&path, registry)?;
    let (entry, committee) = (deployment.entry, &deployment.committee);
    let audit = |block: &Block| all_claims(block, entry, committee);
    let accelerator = byzlab_accel::Cpu::new(None);
    let report = storage::verify(dir, committee.chain, &audit, &accelerator)
        .with_context(|| format!("cannot check {}", dir.display()))?;
    let mut text = String::new();
    report.damage.iter().for_each(|damage| text += &format!("DAMAGED  {damage}\n"));
    report.cut.iter().for_each(|cut| text += &format!("cut      {cut}\n"));
    text += &format!(
        "{} blocks, {} transactions, {} claims proven by {}, {} records, {} bytes\n",
        report.blocks,
        report.transactions,
        report.claims,
        accelerator.name(),
        report.records,
        report.bytes,
    );
    let head = report.head;
    text += &match report.damages {
        0 => format!("good up to height {}, {}\n", head.height, head.digest),
        n => format!("{n} bad; good up to height {}, {}\n", head.height, head.digest),
    };
    say(&text)?;
    Ok(Found::good_if(report.is_good()))
}
