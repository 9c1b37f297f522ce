//! Cut files, flipped bytes, and files that no store wrote.

use byzlab_core::{Block, Height, codec};
use proptest::prelude::*;

use super::{
    Memory, Op, StorageError, assert_holds, blocks, content, filled, open, record, replaced,
};
use crate::storage::{
    Part,
    disk::Disk,
    frame::{Kind, push_frame},
};

#[test]
fn a_ledger_cut_at_any_byte_keeps_its_whole_blocks() {
    let chain = blocks(4, 2);
    let disk = Memory::default();
    let (mut store, _) = open(&disk).unwrap();
    // One group, so that nothing says that any of it was synced.
    let group: Vec<_> = chain.iter().cloned().map(Op::Commit).collect();
    store.append(&group).unwrap();
    let ledger = content(&disk, "ledger");
    let mut held = Vec::new();
    for cut in 64..=ledger.len() {
        let disk = replaced(&disk, "ledger", &ledger[..cut]);
        let (mut store, found) = open(&disk).unwrap();
        assert!(found.damage.is_empty(), "cut at {cut}: {:?}", found.damage);
        let kept = found.head.height.0 as usize;
        assert_holds(&store, &chain[..kept]);
        assert_eq!(found.cut.len(), usize::from(content(&disk, "ledger").len() < cut));
        held.push(kept);
        // And it goes on from there.
        for block in &chain[kept..] {
            store.append(&[Op::Commit(block.clone())]).unwrap();
        }
        drop(store);
        let (store, found) = open(&disk).unwrap();
        assert!(found.damage.is_empty() && found.cut.is_empty());
        assert_holds(&store, &chain);
    }
    assert!(held.is_sorted() && held[0] == 0 && held.last() == Some(&4));
}

#[test]
fn a_ledger_whose_synced_end_is_taken_away_is_damaged() {
    let chain = blocks(3, 1);
    let disk = filled(&chain);
    let ledger = content(&disk, "ledger");
    for cut in 64..ledger.len() {
        let disk = replaced(&disk, "ledger", &ledger[..cut]);
        let (store, found) = open(&disk).unwrap();
        let [damage] = &found.damage[..] else { panic!("cut at {cut}: {:?}", found.damage) };
        assert_eq!((damage.part, damage.height), (Part::Ledger, Some(found.head.height.next())));
        assert_eq!(found.records.len(), 3, "promises are kept");
        assert_holds(&store, &chain[..found.head.height.0 as usize]);
        drop(store);
        assert!(open(&disk).unwrap().1.damage.is_empty(), "told once");
    }
}

#[test]
fn every_flipped_byte_of_the_ledger_is_found() {
    let chain = blocks(3, 2);
    let disk = filled(&chain);
    let ledger = content(&disk, "ledger");
    for at in 0..ledger.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = ledger.clone();
            bytes[at] ^= flip;
            let disk = replaced(&disk, "ledger", &bytes);
            let (mut store, found) = open(&disk).unwrap();
            let [damage] = &found.damage[..] else { panic!("flip at {at}: {:?}", found.damage) };
            assert_eq!(damage.part, Part::Ledger);
            assert!(damage.bytes.contains(&(at as u64)), "flip at {at}: {damage}");
            assert_eq!(damage.height, Some(found.head.height.next()));
            assert_eq!(found.records.len(), 3, "promises are kept");
            let kept = found.head.height.0 as usize;
            assert_holds(&store, &chain[..kept]);
            // The damaged rest lies aside, byte for byte.
            let aside = content(&disk, "ledger.damaged-1");
            assert!(bytes.ends_with(&aside) && aside.len() <= bytes.len());
            // The blocks that peers give go in again.
            for block in &chain[kept..] {
                store.append(&[Op::Commit(block.clone())]).unwrap();
            }
            drop(store);
            let (store, found) = open(&disk).unwrap();
            assert!(found.damage.is_empty() && found.records.len() == 3);
            assert_holds(&store, &chain);
        }
    }
}

#[test]
fn every_flipped_byte_of_the_log_is_found() {
    let chain = blocks(2, 1);
    let disk = filled(&chain);
    let log = content(&disk, "log");
    for at in 0..log.len() {
        let mut bytes = log.clone();
        bytes[at] ^= 0x10;
        let disk = replaced(&disk, "log", &bytes);
        let (store, found) = open(&disk).unwrap();
        let [damage] = &found.damage[..] else { panic!("flip at {at}: {:?}", found.damage) };
        assert_eq!((damage.part, damage.height), (Part::Log, None));
        assert!(damage.bytes.contains(&(at as u64)), "flip at {at}: {damage}");
        let all = [record("one"), record("two"), record("three")];
        assert!(found.records.len() < 3 && all.starts_with(&found.records));
        assert_holds(&store, &chain);
    }
}

#[test]
fn a_log_cut_at_any_byte_is_damaged_where_it_had_been_synced() {
    let chain = blocks(1, 1);
    let disk = filled(&chain);
    let log = content(&disk, "log");
    let last = log.len() - (24 + "three".len());
    for cut in 0..log.len() {
        let (store, found) = open(&replaced(&disk, "log", &log[..cut])).unwrap();
        assert_eq!(found.damage.is_empty(), cut >= last, "cut at {cut}: {:?}", found.damage);
        assert_holds(&store, &chain);
    }
}

#[test]
fn an_operation_that_was_written_before_is_damage() {
    let disk = filled(&[]);
    let mut log = content(&disk, "log");
    let (end, save) = (log.len() as u64, |to: &mut Vec<u8>| to.extend_from_slice(b"again"));
    let mut again = Vec::new();
    push_frame(&mut again, end, Kind::Save, true, 3, save).unwrap();
    log.extend_from_slice(&again);
    let (_, found) = open(&replaced(&disk, "log", &log)).unwrap();
    assert_eq!(found.damage.len(), 1);
    assert_eq!(found.damage[0].bytes, end..log.len() as u64);
    assert_eq!(found.records, [record("one"), record("two"), record("three")]);
}

/// Other transactions under the old digest, with root and checksums to match.
#[test]
fn a_block_forged_under_its_digest_is_damage() {
    let chain = blocks(3, 1);
    let disk = filled(&chain);
    let mut ledger = content(&disk, "ledger");
    let (_, found) = open(&disk).unwrap();
    assert!(found.damage.is_empty());
    let forged = Block { batch: chain[0].batch.clone(), ..chain[2].clone() };
    let length = (ledger.len() - 64) / 3;
    ledger.truncate(64 + 2 * length);
    let mut frame = Vec::new();
    push_frame(&mut frame, ledger.len() as u64, Kind::Block, true, 5, |to| {
        to.extend_from_slice(&codec::encode(&forged));
    })
    .unwrap();
    ledger.extend_from_slice(&frame);
    let (_, found) = open(&replaced(&disk, "ledger", &ledger)).unwrap();
    assert_eq!(found.damage.len(), 1);
    assert_eq!(found.damage[0].height, Some(Height(3)));
}

#[test]
fn a_missing_file_is_damage_if_anything_was_in_it() {
    let chain = blocks(2, 1);
    for gone in ["ledger", "log"] {
        let disk = filled(&chain);
        disk.rename(gone, "elsewhere").unwrap();
        let (_, found) = open(&disk).unwrap();
        assert_eq!(found.damage.len(), 1, "{gone}");
        assert_eq!(found.head.height, Height(if gone == "ledger" { 0 } else { 2 }));
    }
}

#[test]
fn an_old_copy_of_a_file_is_damage() {
    let chain = blocks(3, 1);
    let disk = filled(&chain[..1]);
    let old = [content(&disk, "ledger"), content(&disk, "log")];
    let (mut store, _) = open(&disk).unwrap();
    store.rotate_log_at(0);
    store.append(&[Op::Commit(chain[1].clone()), Op::Compact(vec![record("kept")])]).unwrap();
    store.append(&[Op::Commit(chain[2].clone())]).unwrap();
    for (name, old) in ["ledger", "log"].into_iter().zip(&old) {
        let (_, found) = open(&replaced(&disk, name, old)).unwrap();
        let [damage] = &found.damage[..] else { panic!("{name}: {:?}", found.damage) };
        assert_eq!(damage.part.name(), name);
    }
}

#[test]
fn a_version_that_is_not_known_is_refused() {
    let disk = filled(&[]);
    for name in ["ledger", "log"] {
        let mut bytes = content(&disk, name);
        bytes[8] = 9;
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        let error = open(&replaced(&disk, name, &bytes)).unwrap_err();
        assert!(matches!(error, StorageError::Version { found: 9, known: 1, .. }), "{error}");
    }
}

proptest! {
    #[test]
    fn hostile_files_never_panic(
        ledger in prop::collection::vec(any::<u8>(), 0..400),
        log in prop::collection::vec(any::<u8>(), 0..400),
        keep in 0..3u8,
    ) {
        let good = filled(&blocks(1, 1));
        // With good heads, or good first frames, in front of the noise.
        let with = |name: &str, noise: Vec<u8>| match keep {
            0 => noise,
            1 => [&content(&good, name)[..64], &noise].concat(),
            _ => [content(&good, name), noise].concat(),
        };
        let disk = replaced(&good, "ledger", &with("ledger", ledger));
        let disk = replaced(&disk, "log", &with("log", log));
        if let Ok((_, found)) = open(&disk) {
            prop_assert!(found.head.height <= Height(1));
            prop_assert!(open(&disk).unwrap().1.damage.is_empty());
        }
    }

    #[test]
    fn shuffled_bytes_never_bring_in_another_block(
        at in 0..2000usize, to in 0..2000usize, length in 1..300usize,
    ) {
        let chain = blocks(4, 1);
        let disk = filled(&chain);
        let mut bytes = content(&disk, "ledger");
        let (at, to) = (at % bytes.len(), to % bytes.len());
        let end = (at + length).min(bytes.len()).min(at + bytes.len() - to);
        bytes.copy_within(at..end, to);
        let (store, found) = open(&replaced(&disk, "ledger", &bytes)).unwrap();
        assert_holds(&store, &chain[..found.head.height.0 as usize]);
    }
}
