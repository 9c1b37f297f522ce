//! `show` and `verify`, from outside.

use std::{fs, path::Path};

use byzlab_core::{
    Batch, Block, Claim, Height, Invalid, Proof, Reference, ReplicaId, Scheme, Signature, Signer,
    Transaction,
};

use super::{Durability, Op, StorageError, Store, blocks, committee, opening, record};
use crate::storage::{Part, Report, show, verify};

fn no_claims(_: &Block) -> Result<Vec<Claim>, Invalid> {
    Ok(Vec::new())
}

fn check(dir: &Path) -> Report {
    verify(dir, committee().chain, &no_claims, &Reference).unwrap()
}

fn fill(dir: &Path, count: u64) -> Vec<Block> {
    let chain = blocks(count, 2);
    let (mut store, _) = Store::open(dir, opening(Durability::Os)).unwrap();
    store.append(&[Op::Save(record("one"))]).unwrap();
    for block in &chain {
        store.append(&[Op::Commit(block.clone())]).unwrap();
    }
    store.append(&[Op::Save(record("two"))]).unwrap();
    chain
}

#[test]
fn a_good_folder_is_good() {
    let dir = tempfile::tempdir().unwrap();
    let chain = fill(dir.path(), 5);
    let report = check(dir.path());
    assert!(report.is_good() && report.cut.is_empty(), "{:?}", report.damage);
    assert_eq!(report.head, chain[4].head());
    assert_eq!((report.blocks, report.transactions, report.claims), (5, 10, 5));
    assert_eq!((report.replica, report.records), (Some(ReplicaId(2)), 2));
    let shown: Vec<_> = show(dir.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(shown.iter().map(|s| s.digest).collect::<Vec<_>>(), super::digests(&chain));
    assert_eq!(shown[0].bytes.start, 64);
    assert!(shown.windows(2).all(|two| two[0].bytes.end == two[1].bytes.start));
    assert!(shown.iter().all(|s| s.transactions == 2 && s.proof_bytes == 32));
}

#[test]
fn a_running_replica_can_be_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(dir.path(), opening(Durability::Os)).unwrap();
    store.append(&[Op::Commit(blocks(1, 1)[0].clone())]).unwrap();
    assert!(check(dir.path()).is_good());
    assert_eq!(show(dir.path()).unwrap().count(), 1);
}

#[test]
fn each_bad_block_is_told_by_height_and_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let chain = fill(dir.path(), 6);
    let ranges: Vec<_> = show(dir.path()).unwrap().map(|s| s.unwrap().bytes).collect();
    let path = dir.path().join("ledger");
    let mut bytes = fs::read(&path).unwrap();
    bytes[ranges[1].start as usize + 30] ^= 1; // in the payload of block 2
    bytes[ranges[4].start as usize + 9] ^= 1; // in the head of block 5
    fs::write(&path, &bytes).unwrap();
    let report = check(dir.path());
    let told: Vec<_> =
        report.damage.iter().map(|d| (d.height.unwrap().0, d.bytes.clone())).collect();
    assert_eq!(told, [(2, ranges[1].clone()), (5, ranges[4].clone())]);
    assert_eq!(report.head, chain[0].head());
    assert_eq!(fs::read(&path).unwrap(), bytes, "looking changes nothing");
    let shown: Vec<_> = show(dir.path()).unwrap().collect();
    assert_eq!(
        shown.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false, true, true, false, true]
    );
}

/// A client may put the bytes of a block into its transaction; they are no block there.
#[test]
fn a_frame_within_a_payload_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let (mut store, _) = Store::open(dir.path(), opening(Durability::Os)).unwrap();
    let first = blocks(1, 1).remove(0);
    store.append(&[Op::Commit(first.clone())]).unwrap();
    let frame = fs::read(&path).unwrap()[64..].to_vec();
    let signer = Signer::seeded(Scheme::Simulated, 5, "client/1");
    let transaction = Transaction::new(&committee(), &signer, 0, &frame);
    let batch = Batch::new(&[transaction], &Reference);
    let second = Block::chained(Height(2), first.digest, ReplicaId(0), batch, Proof::default());
    let third = super::block_on(second.head(), 1, 8);
    store.append(&[Op::Commit(second), Op::Commit(third.clone())]).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[64 + frame.len() + 4] ^= 0x80; // in the head of block 2
    fs::write(&path, bytes).unwrap();
    let shown: Vec<_> = show(dir.path()).unwrap().collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(shown[1].is_err());
    assert_eq!(shown[2].as_ref().unwrap().digest, third.digest);
}

#[test]
fn a_block_whose_claims_fail_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let chain = fill(dir.path(), 5);
    let audit = |block: &Block| match block.height {
        Height(2) => Err(Invalid("no certificate")),
        Height(4) => Ok(vec![Claim::Signed {
            by: super::PublicKey([1; 32]),
            statement: super::Bytes::new(),
            signature: Signature::default(),
        }]),
        _ => Ok(Vec::new()),
    };
    let report = verify(dir.path(), committee().chain, &audit, &Reference).unwrap();
    let told: Vec<_> = report.damage.iter().map(|d| (d.height.unwrap().0, &d.reason[..])).collect();
    assert_eq!(told[0], (2, "no certificate"));
    assert!(told[1].0 == 4 && told[1].1.starts_with("the signature by"), "{told:?}");
    assert_eq!((told.len(), report.head), (2, chain[0].head()));
}

#[test]
fn a_taken_end_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let chain = fill(dir.path(), 3);
    let last = show(dir.path()).unwrap().last().unwrap().unwrap().bytes;
    let ledger = fs::OpenOptions::new().write(true).open(dir.path().join("ledger")).unwrap();
    ledger.set_len(last.start).unwrap();
    let report = check(dir.path());
    assert_eq!(report.damages, 1);
    assert_eq!((report.damage[0].part, report.damage[0].height), (Part::Ledger, Some(Height(3))));
    assert_eq!(report.head, chain[1].head());
}

#[test]
fn what_is_not_a_ledger_has_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let look = |dir: &Path| verify(dir, committee().chain, &no_claims, &Reference).unwrap_err();
    assert!(look(dir.path()).to_string().ends_with("there is no such file or folder"));
    assert!(matches!(look(dir.path()), StorageError::Missing(_)));
    assert!(matches!(look(&dir.path().join("none")), StorageError::Missing(_)));
    assert!(matches!(show(dir.path()), Err(StorageError::Missing(_))));
    fill(dir.path(), 1);
    let other = verify(dir.path(), super::Digest([9; 32]), &no_claims, &Reference).unwrap_err();
    assert!(matches!(other, StorageError::OtherChain { .. }), "{other}");
}
