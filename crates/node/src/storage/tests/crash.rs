//! Crashes at every step of random histories: what was acknowledged is there, and a prefix of the
//! rest.

use std::{io, sync::Arc};

use byzlab_core::{Height, block::Head};
use proptest::prelude::*;

use super::{
    Block, Durability, Op, Record, Recovered, StorageError, Store, block_on, blocks, committee,
    faulty::{Fault, Faulty},
    opening, record,
};

/// What a store should hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    records: Vec<Record>,
    blocks: Vec<Block>,
}

impl Model {
    fn head(&self) -> Head {
        self.blocks.last().map_or(Head::genesis(committee().chain), Block::head)
    }
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Save(record) => self.records.push(record.clone()),
            Op::Compact(records) => self.records = records.clone(),
            Op::Commit(block) => self.blocks.push(block.clone()),
            Op::Revert(to) => self.blocks.truncate(to.0 as usize),
        }
    }
}

/// An operation without its place in a history.
#[derive(Clone, Debug)]
enum Draft {
    Save(u8),
    Compact(u8),
    Commit(u8),
    Revert(u8),
}

fn draft() -> impl Strategy<Value = Draft> {
    prop_oneof![
        4 => (0..60u8).prop_map(Draft::Save),
        2 => (0..4u8).prop_map(Draft::Compact),
        4 => (0..3u8).prop_map(Draft::Commit),
        1 => (0..4u8).prop_map(Draft::Revert),
    ]
}

fn history() -> impl Strategy<Value = Vec<Vec<Draft>>> {
    prop::collection::vec(prop::collection::vec(draft(), 0..5), 1..12)
}

/// The operations of `drafts` on top of `model`, which moves on; `salt` makes them unlike others.
fn concrete(drafts: &[Draft], model: &mut Model, salt: &mut u64) -> Vec<Op> {
    let op = |draft: &Draft| {
        *salt += 1;
        let op = match draft {
            Draft::Save(length) => {
                Op::Save(record(&format!("{salt}").repeat(usize::from(*length))))
            }
            Draft::Compact(count) => {
                Op::Compact((0..*count).map(|i| record(&format!("{salt}/{i}"))).collect())
            }
            Draft::Commit(n) => Op::Commit(block_on(model.head(), u64::from(*n), *salt)),
            Draft::Revert(back) => {
                Op::Revert(Height(model.head().height.0.saturating_sub(u64::from(*back))))
            }
        };
        model.apply(&op);
        op
    };
    drafts.iter().map(op).collect()
}

fn open(disk: &Faulty, durability: Durability) -> Result<(Store, Recovered), StorageError> {
    let (mut store, found) = Store::open_on(Arc::new(disk.clone()), opening(durability))?;
    store.rotate_log_at(300);
    Ok((store, found))
}

/// Every state that a crash may leave: the acknowledged one, and those within the group that
/// failed.
struct Allowed(Vec<Model>);

impl Allowed {
    fn take(&self, store: &Store, found: &Recovered) -> Model {
        let held = store.reader().blocks(Height(1), u32::MAX, usize::MAX).unwrap();
        let held = Model { records: found.records.clone(), blocks: held };
        assert!(found.damage.is_empty(), "a crash is no damage: {:?}", found.damage);
        assert!(self.0.contains(&held), "held {held:?}, allowed {:?}", self.0);
        held
    }
}

/// Opens the store and runs `groups` until the disk fails; what the next opening may find.
fn run(
    disk: &Faulty,
    durability: Durability,
    round: u64,
    groups: &[Vec<Draft>],
    allowed: Allowed,
) -> Allowed {
    let Ok((mut store, found)) = open(disk, durability) else { return allowed };
    let (mut model, mut salt) = (allowed.take(&store, &found), round << 32);
    for drafts in groups {
        let mut states = vec![model.clone()];
        let ops = concrete(drafts, &mut model, &mut salt);
        for op in &ops {
            let mut next = states.last().unwrap().clone();
            next.apply(op);
            states.push(next);
        }
        if store.append(&ops).is_err() {
            assert!(matches!(store.append(&[]), Err(StorageError::Failed(_))));
            return Allowed(states);
        }
        assert_eq!(store.head(), model.head());
    }
    Allowed(vec![model])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// With fsync, each round ends in a power failure or `kill -9`; without, in `kill -9`.
    #[test]
    fn a_crash_at_any_step_leaves_a_prefix(
        first in history(),
        second in history(),
        rounds in prop::collection::vec((0..60u64, any::<u8>(), any::<bool>()), 5),
        draws in prop::collection::vec(any::<u16>(), 64),
        durable in any::<bool>(),
    ) {
        let durability = if durable { Durability::Fsync } else { Durability::Os };
        let mut draws = draws.into_iter().cycle();
        let (mut disk, mut allowed) = (Faulty::default(), Allowed(vec![Model::default()]));
        for (round, (after, torn, power)) in (0..).zip(rounds) {
            disk.fail(Some(Fault { after, kind: io::ErrorKind::Other, torn }));
            let groups = if round % 2 == 0 { &first } else { &second };
            allowed = run(&disk, durability, round, groups, allowed);
            disk = match durable && power {
                true => disk.after_power_loss(|n| usize::from(draws.next().unwrap()) % n),
                false => disk.after_kill(),
            };
        }
        let (store, found) = open(&disk, durability).unwrap();
        allowed.take(&store, &found);
    }
}

/// As many steps as rotating twice takes, each of them the last.
#[test]
fn a_rotation_is_all_or_nothing() {
    let before = vec![record("old"), record("older")];
    let after = vec![record("new")];
    let chain = blocks(2, 1);
    for (torn, crash) in (0..24).flat_map(|at| [(0, at), (100, at), (255, at)]) {
        let disk = Faulty::default();
        let (mut store, _) = open(&disk, Durability::Fsync).unwrap();
        store.append(&[Op::Compact(before.clone()), Op::Commit(chain[0].clone())]).unwrap();
        store.rotate_log_at(0);
        let fault = Fault { after: disk.steps() + crash, kind: io::ErrorKind::Other, torn };
        disk.fail(Some(fault));
        let group = [Op::Commit(chain[1].clone()), Op::Compact(after.clone())];
        let done = store.append(&group).is_ok();
        for disk in
            [disk.after_kill(), disk.after_power_loss(|_| 0), disk.after_power_loss(|n| n - 1)]
        {
            let (store, found) = open(&disk, Durability::Fsync).unwrap();
            assert!(found.damage.is_empty());
            let new = found.records == after;
            assert!(new || found.records == before);
            assert!(new || !done, "what was acknowledged is there");
            assert!(
                !new || store.head() == chain[1].head(),
                "the block came before the compaction"
            );
            // What an opening gives is durable, whoever had not synced it.
            let (again, more) = open(&disk.after_power_loss(|_| 0), Durability::Fsync).unwrap();
            assert_eq!((again.head(), more.records), (store.head(), found.records));
        }
    }
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    let disk = Faulty::default();
    let (mut store, _) = open(&disk, Durability::Fsync).unwrap();
    disk.fail_syncs();
    let error = store.append(&[Op::Save(record("lost?"))]).unwrap_err();
    assert!(matches!(error, StorageError::Io { doing: "sync", .. }), "{error}");
    let steps = disk.steps();
    assert!(matches!(store.append(&[Op::Save(record("no"))]), Err(StorageError::Failed(_))));
    assert_eq!(disk.steps(), steps, "the disk is left alone");
}

#[test]
fn a_full_disk_has_its_own_error_and_loses_nothing() {
    let chain = blocks(3, 2);
    let disk = Faulty::default();
    let (mut store, _) = open(&disk, Durability::Fsync).unwrap();
    store.append(&[Op::Commit(chain[0].clone())]).unwrap();
    let kind = io::ErrorKind::StorageFull;
    disk.fail(Some(Fault { after: disk.steps(), kind, torn: 77 }));
    let error = store.append(&[Op::Commit(chain[1].clone())]).unwrap_err();
    assert!(matches!(error, StorageError::Full(_)), "{error}");
    assert_eq!(store.reader().head(), chain[0].head(), "readers see what is durable");
    let (store, found) = open(&disk.after_kill(), Durability::Fsync).unwrap();
    assert_eq!((found.damage.len(), found.cut.len()), (0, 1));
    super::assert_holds(&store, &chain[..1]);
}
