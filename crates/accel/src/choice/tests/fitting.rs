use byzlab_core::{Cost, Costs, Work};

use super::{Side, Virtual, all};
use crate::choice::{Point, Samples, fit, measure};

fn near(got: u64, want: u64, percent: u64) -> bool {
    100 * got.abs_diff(want) <= percent * want.max(1)
}

/// What an H200 is expected to be: far away, and wider than any batch but the largest.
const FAR: Cost = Cost { start_ns: 100_000, byte_ps: 20, floor_ns: 900_000, item_ps: 50_000 };

#[test]
fn a_straight_line_is_found() {
    let cost = Cost { start_ns: 7_000, byte_ps: 1_500, floor_ns: 0, item_ps: 9_000_000 };
    let point = |items: u64, each: u64| {
        let bytes = items * each;
        Point { items, bytes, ns: cost.time(items, bytes).0 }
    };
    let points = [point(1, 96), point(128, 96), point(1_024, 96)];
    assert_eq!(fit(&points, Some(point(1_024, 1_024))), cost);
}

#[test]
fn a_floor_is_found() {
    let point = |items: u64, each: u64| Point {
        items,
        bytes: items * each,
        ns: FAR.time(items, items * each).0,
    };
    let sizes = [16, 128, 1_024, 8_192, 65_536];
    let points = sizes.map(|items| point(items, 96));
    let got = fit(&points, Some(point(1_024, 1_024)));
    assert!(near(got.item_ps, FAR.item_ps, 20) && near(got.byte_ps, FAR.byte_ps, 5), "{got:?}");
    for items in sizes {
        let (seen, said) = (FAR.time(items, 96 * items).0, got.time(items, 96 * items).0);
        assert!(near(said, seen, 15), "{items}: {said} for {seen}");
    }
}

#[test]
fn nothing_measured_or_no_rise_is_no_panic() {
    assert_eq!(fit(&[], None), Cost::default());
    let flat = |items| Point { items, bytes: 0, ns: 1_000 };
    let got = fit(&[flat(1), flat(10), flat(100)], None);
    assert_eq!((got.item_ps, got.time(100, 0).0), (10_000, 1_000));
    let falling = Point { items: 100, bytes: 0, ns: 10 };
    assert!(fit(&[flat(1), falling], None).item_ps >= 1);
}

/// The costs of a side with a clock of its own are found by asking it.
#[test]
fn a_side_is_measured() {
    let mut costs: Costs = all(FAR);
    costs.hashes = Cost { start_ns: 2_000, byte_ps: 700, floor_ns: 0, item_ps: 40_000 };
    costs.nonces = Cost { start_ns: 60_000, byte_ps: 0, floor_ns: 0, item_ps: 200 };
    costs.known_keys = Cost { start_ns: 50_000, byte_ps: 20, floor_ns: 200_000, item_ps: 20_000 };
    let clock = Virtual::default();
    let side = Side::new("made up", costs, &clock, false);
    let got = measure(&*side, &clock, &mut Samples::new(64), u64::MAX).unwrap();
    for work in [Work::KnownKeys, Work::UnknownKeys, Work::Hashes, Work::Nonces] {
        let (got, want) = (got.of(work), costs.of(work));
        assert!(near(got.item_ps, want.item_ps, 25), "{work}: {got:?} for {want:?}");
        assert!(near(got.byte_ps, want.byte_ps, 10), "{work}: {got:?} for {want:?}");
        let least = |cost: &Cost| cost.start_ns + cost.floor_ns;
        assert!(near(least(got), least(want), 10), "{work}: {got:?} for {want:?}");
    }
}
