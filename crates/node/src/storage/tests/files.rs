//! A store in a real folder.

use std::{fs, path::Path};

use byzlab_core::{Height, ReplicaId};

use super::{
    Digest, Durability, Op, Opening, StorageError, Store, assert_holds, blocks, opening, record,
};

fn open_dir(dir: &Path) -> Result<(Store, super::Recovered), StorageError> {
    Store::open(dir, opening(Durability::Fsync))
}

#[test]
fn a_reopened_folder_gives_what_was_appended() {
    let dir = tempfile::tempdir().unwrap();
    let chain = blocks(5, 3);
    for durability in [Durability::Fsync, Durability::Os] {
        let dir = dir.path().join(durability.to_string());
        fs::create_dir(&dir).unwrap();
        let (mut store, found) = Store::open(&dir, opening(durability)).unwrap();
        assert!(found.records.is_empty() && found.damage.is_empty() && found.cut.is_empty());
        assert_eq!(found.head.height, Height::GENESIS);
        store.append(&[Op::Save(record("gone")), Op::Commit(chain[0].clone())]).unwrap();
        store.append(&[Op::Compact(vec![record("a"), record("")]), Op::Save(record("b"))]).unwrap();
        store.append(&chain[1..].iter().cloned().map(Op::Commit).collect::<Vec<_>>()).unwrap();
        assert_eq!(store.figures().syncs, if durability == Durability::Fsync { 4 } else { 0 });
        drop(store);
        let (store, found) = Store::open(&dir, opening(durability)).unwrap();
        assert_eq!(found.records, [record("a"), record(""), record("b")]);
        assert!(found.damage.is_empty() && found.cut.is_empty());
        assert_holds(&store, &chain);
    }
}

#[test]
fn memory_touches_no_folder() {
    let chain = blocks(2, 1);
    let nowhere = Path::new("/no/such/folder");
    let (mut store, _) = Store::open(nowhere, opening(Durability::Memory)).unwrap();
    store.append(&[Op::Commit(chain[0].clone()), Op::Commit(chain[1].clone())]).unwrap();
    assert_holds(&store, &chain);
}

#[test]
fn a_revert_makes_room_for_other_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = open_dir(dir.path()).unwrap();
    let chain = blocks(3, 1);
    let other = super::block_on(chain[0].head(), 2, 99);
    let mut ops: Vec<_> = chain.iter().cloned().map(Op::Commit).collect();
    ops.extend([Op::Revert(Height(1)), Op::Commit(other.clone())]);
    store.append(&ops).unwrap();
    assert_holds(&store, &[chain[0].clone(), other.clone()]);
    drop(store);
    let (store, found) = open_dir(dir.path()).unwrap();
    assert_eq!(found.head, other.head());
    assert_holds(&store, &[chain[0].clone(), other]);
}

#[test]
fn a_folder_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open_dir(dir.path()).unwrap();
    let error = open_dir(dir.path()).unwrap_err();
    assert!(matches!(error, StorageError::Locked(_)), "{error}");
    drop(store);
    open_dir(dir.path()).unwrap();
}

#[test]
fn a_reader_outlives_the_store_and_the_lock_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let chain = blocks(1, 1);
    let (mut store, _) = open_dir(dir.path()).unwrap();
    let reader = store.reader();
    store.append(&[Op::Commit(chain[0].clone())]).unwrap();
    drop(store);
    open_dir(dir.path()).unwrap();
    assert_eq!(reader.block(Height(1)).unwrap().as_ref(), Some(&chain[0]));
}

#[test]
fn a_wrong_folder_has_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let error = open_dir(&dir.path().join("none")).unwrap_err();
    assert!(matches!(error, StorageError::Missing(_)), "{error}");
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open_dir(&file).unwrap_err();
    assert!(matches!(error, StorageError::NotAFolder(_)), "{error}");
    let own = dir.path().join("own");
    fs::create_dir(&own).unwrap();
    open_dir(&own).unwrap();
    let theirs = Opening { chain: Digest([7; 32]), ..opening(Durability::Fsync) };
    let error = Store::open(&own, theirs).unwrap_err();
    assert!(matches!(error, StorageError::OtherChain { .. }), "{error}");
    let theirs = Opening { replica: ReplicaId(3), ..opening(Durability::Fsync) };
    let error = Store::open(&own, theirs).unwrap_err();
    assert!(matches!(error, StorageError::OtherReplica { .. }), "{error}");
    open_dir(&own).unwrap();
}

#[test]
fn a_read_is_bounded_by_count_and_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let chain = blocks(6, 2);
    let (mut store, _) = open_dir(dir.path()).unwrap();
    store.append(&chain.iter().cloned().map(Op::Commit).collect::<Vec<_>>()).unwrap();
    let reader = store.reader();
    let frame = (fs::metadata(dir.path().join("ledger")).unwrap().len() - 64) as usize / 6;
    let read = |from, count, bytes| reader.blocks(Height(from), count, bytes).unwrap();
    assert_eq!(read(2, 3, usize::MAX), chain[1..4]);
    assert_eq!(read(5, 9, usize::MAX), chain[4..]);
    assert_eq!(read(1, 9, 3 * frame), chain[..3]);
    assert_eq!(read(1, 9, 0), chain[..1], "one comes, however long");
    assert_eq!(read(0, 1, usize::MAX), chain[..1]);
    assert!(read(7, 1, usize::MAX).is_empty() && read(1, 0, usize::MAX).is_empty());
    assert!(read(u64::MAX, 2, usize::MAX).is_empty());
}

#[test]
fn a_block_that_changes_under_a_running_replica_is_not_given_out() {
    let dir = tempfile::tempdir().unwrap();
    let chain = blocks(2, 1);
    let (mut store, _) = open_dir(dir.path()).unwrap();
    store.append(&chain.iter().cloned().map(Op::Commit).collect::<Vec<_>>()).unwrap();
    let ledger = dir.path().join("ledger");
    let mut bytes = fs::read(&ledger).unwrap();
    let at = bytes.len() - 10;
    bytes[at] ^= 4;
    fs::write(&ledger, bytes).unwrap();
    let reader = store.reader();
    let error = reader.block(Height(2)).unwrap_err();
    assert!(matches!(error, StorageError::Unreadable { height: 2, .. }), "{error}");
    assert_eq!(byzlab_core::protocol::Ledger::block(&reader, Height(2)), None);
    assert_eq!(reader.block(Height(1)).unwrap().as_ref(), Some(&chain[0]));
}
