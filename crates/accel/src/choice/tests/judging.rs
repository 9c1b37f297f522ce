use byzlab_core::Cost;

use super::{NARROW, WIDE};
use crate::choice::judge::{BACK, CALLS_MIN, Judge, PROBE_EVERY, Side, TO_GPU};

/// The first size that goes to the GPU when sizes grow, and the first that goes back when they shrink.
#[test]
fn there_and_back_at_two_sizes() {
    let mut judge = Judge::new(NARROW, WIDE);
    let there = (1..1_000).find(|&n| judge.decide(n, 0) == Side::Gpu).unwrap();
    let back = (1..there).rev().find(|&n| judge.decide(n, 0) == Side::Cpu).unwrap();
    // 600 µs are 0.8 of 750 µs, and 1.2 of 500 µs.
    assert_eq!((there, back), (76, 49));
    assert!(100 * 600 < TO_GPU * 10 * there && 100 * 600 > BACK * 10 * back);
    let mut judge = Judge::new(NARROW, WIDE);
    assert_eq!(judge.decide(60, 0), Side::Cpu, "between the two it stays where it is");
    assert_eq!(judge.decide(1_000, 0), Side::Gpu);
    assert_eq!(judge.decide(60, 0), Side::Gpu);
    assert_eq!(judge.decide(1, 0), Side::Cpu);
}

#[test]
fn a_cost_that_is_off_by_a_quarter_is_fitted_again() {
    let mut judge = Judge::new(NARROW, WIDE);
    let learn = |judge: &mut Judge, percent: u64, calls: u32| {
        (0..calls).filter(|_| judge.learn(Side::Cpu, 100, 0, 10_000 * percent)).count()
    };
    assert_eq!(learn(&mut judge, 124, 100), 0, "24 % are within what is borne");
    assert_eq!(learn(&mut judge, 83, 100), 0);
    assert_eq!(judge.costs(), (NARROW, WIDE));
    assert!(learn(&mut judge, 300, 100) > 0);
    let Cost { item_ps, .. } = judge.costs().0;
    assert!(item_ps.abs_diff(30_000_000) < 30_000_000 / 4, "{item_ps}");
    assert_eq!(judge.costs().1, WIDE, "the other side is as it was");
    assert!(learn(&mut judge, 100, 100) > 0, "and back again");
    assert!(judge.costs().0.item_ps.abs_diff(10_000_000) < 2_500_000);
}

/// One call of a thread that slept for a second changes little; a few calls are too few.
#[test]
fn few_calls_and_outliers_change_nothing() {
    let mut judge = Judge::new(NARROW, WIDE);
    for _ in 1..CALLS_MIN {
        assert!(!judge.learn(Side::Gpu, 1_000, 0, 100_000_000));
    }
    let mut judge = Judge::new(NARROW, WIDE);
    for _ in 0..50 {
        assert!(!judge.learn(Side::Cpu, 10, 0, 100_000));
    }
    assert!(judge.learn(Side::Cpu, 10, 0, 1_000_000_000), "eight times, not ten thousand");
    assert!(judge.costs().0.item_ps < 2 * NARROW.item_ps);
}

/// A side that looks slower by less than four times is asked now and then; one that looks much slower never.
#[test]
fn the_other_side_is_tried_now_and_then() {
    let mut judge = Judge::new(NARROW, WIDE);
    let to_gpu = |judge: &mut Judge, n| {
        (0..2 * PROBE_EVERY).filter(|_| judge.decide(n, 0) == Side::Gpu).count()
    };
    assert_eq!(to_gpu(&mut judge, 30), 2);
    assert_eq!(to_gpu(&mut judge, 3), 0);
}
