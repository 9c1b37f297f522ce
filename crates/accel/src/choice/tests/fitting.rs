use std::sync::atomic::Ordering;

use byzlab_core::{Cost, Costs, Span, Work};

use super::{Side, Virtual, all};
use crate::choice::{
    Point, Samples,
    fit::{fit, share},
    measure,
};

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
    assert_eq!(fit(&points, Some(point(1_024, 1_024))), Some(cost));
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
    let got = fit(&points, Some(point(1_024, 1_024))).unwrap();
    assert!(near(got.item_ps, FAR.item_ps, 20) && near(got.byte_ps, FAR.byte_ps, 5), "{got:?}");
    for items in sizes {
        let (seen, said) = (FAR.time(items, 96 * items).0, got.time(items, 96 * items).0);
        assert!(near(said, seen, 15), "{items}: {said} for {seen}");
    }
}

#[test]
fn nothing_measured_or_no_rise_is_no_panic() {
    assert_eq!((fit(&[], None), share(&[])), (None, Cost::default()));
    let flat = |items| Point { items, bytes: 0, ns: 1_000 };
    let got = fit(&[flat(1), flat(10), flat(100)], None).unwrap();
    assert_eq!((got.item_ps, got.time(100, 0).0), (10_000, 1_000));
    let falling = Point { items: 100, bytes: 0, ns: 10 };
    assert_eq!(fit(&[flat(1), falling], None), None);
    assert_eq!(share(&[flat(1), falling]).time(100, 0), Span(1_000 + 10));
}

/// A call with long items that was held up: bytes seem to cost everything, and items nothing. So it was on a
/// busy machine, where 10¹² hashes a second came out.
#[test]
fn bytes_do_not_eat_the_items_price() {
    let point = |items, each: u64, ns| Point { items, bytes: items * each, ns };
    let points = [point(1, 96, 150), point(64, 96, 2_440), point(1_024, 96, 40_000)];
    let held_up = Some(point(1_024, 1_024, 400_000_000));
    assert_eq!(fit(&points, held_up), None);
    let rate = fit(&points, Some(point(1_024, 1_024, 280_000))).unwrap().rate().unwrap();
    assert!((20_000_000..200_000_000).contains(&rate), "{rate}");
    // Far off at one size alone.
    let stumbled = [point(1, 96, 1_000_000), points[1], points[2]];
    assert_eq!(fit(&stumbled, None), None);
    let cost = share(&points);
    assert_eq!((cost.byte_ps, cost.item_ps), (0, 39_063));
    assert!(near(cost.time(1_024, 0).0, 40_000, 1), "{cost:?}");
}

/// Who is held up at first is measured again; who always is, is still said to cost something that was seen.
#[test]
fn what_makes_no_sense_is_measured_again() {
    let cost = Cost { start_ns: 1_000, byte_ps: 300, floor_ns: 0, item_ps: 40_000 };
    for (calls, right) in [(3, true), (u64::MAX, false)] {
        let clock = Virtual::default();
        let side = Side::new("held up", all(cost), &clock, false);
        side.held_up.store(calls, Ordering::Relaxed);
        let got = measure(&*side, &clock, &mut Samples::new(8), 1 << 10).unwrap().hashes;
        assert_eq!(near(got.byte_ps, cost.byte_ps, 10), right, "{got:?}");
        let seen = cost.time(1 << 10, 96 << 10).0;
        assert!(near(got.time(1 << 10, 96 << 10).0, seen, 15), "{got:?} for {seen} ns");
    }
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
