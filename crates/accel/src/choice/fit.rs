//! A cost fitted to what was measured.

use byzlab_core::Cost;

/// So many times off, a cost is no cost: neither at a measured point, nor beside the best rate measured.
const OFF_MAX: u64 = 8;

/// One measured call: so many items of so many bytes took so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Items.
    pub items: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// How long the call took, in nanoseconds.
    pub ns: u64,
}

/// The [`Cost`] that goes through what was measured.
///
/// `points` are of growing sizes, their items equally long; `long` is of as many items as one of them, but
/// longer ones, and tells what a byte costs. Of what bytes leave, the last two points give the slope, which
/// is an item's price where there are many, and its beginning, the fixed price. What the first point has
/// beyond that is the floor: a GPU's many threads all wait for the slowest step of one.
///
/// Without a rise between the last two, all sizes were below the machine's width; then an item is said to
/// cost its share of the last point, which is too much rather than too little.
///
/// `None` for nothing measured, and where noise makes an absurd cost: one that is far off at any measured
/// point, or whose items come at a rate far beyond any that was seen (a long call that was held up makes
/// bytes so dear that nothing is left for items). Who gets that measures again.
pub fn fit(points: &[Point], long: Option<Point>) -> Option<Cost> {
    let cost = through(points, long)?;
    let measured = || points.iter().chain(&long);
    let far = |a: u64, b: u64| a.max(b) > OFF_MAX * a.min(b).max(1);
    let off = |point: &Point| far(cost.time(point.items, point.bytes).0, point.ns);
    let best = measured().map(|point| 1000 * point.ns / point.items.max(1)).min()?;
    let absurd = OFF_MAX * cost.item_ps < best || measured().any(off);
    (!absurd).then_some(cost)
}

/// The cost that is left where no fit makes sense: an item costs its share of the last point, its bytes
/// within, and a call what the first point has beyond that.
pub fn share(points: &[Point]) -> Cost {
    fit(&points[points.len().saturating_sub(1)..], None).map_or_else(Cost::default, |cost| {
        let first = points[0];
        let beyond = first.ns.saturating_sub(cost.time(first.items, 0).0);
        Cost { start_ns: beyond, ..cost }
    })
}

/// The line through what was measured, whatever noise makes of it.
fn through(points: &[Point], long: Option<Point>) -> Option<Cost> {
    let (first, last) = (points.first()?, points.last()?);
    let byte = long.and_then(|long| byte(points, long)).unwrap_or(0.0);
    let rest = |point: &Point| (point.ns as f64 - byte * point.bytes as f64).max(0.0);
    let before = points.iter().rev().nth(1).unwrap_or(last);
    let more = (last.items - before.items) as f64;
    let slope = (rest(last) - rest(before)) / more.max(1.0);
    let share = rest(last) / last.items.max(1) as f64;
    let item = if slope > 0.0 { slope.min(share) } else { share };
    let start = (rest(last) - item * last.items as f64).clamp(0.0, rest(first));
    let floor = rest(first) - start;
    // Not above what its items cost, it is no floor.
    let floor = if floor > 1.01 * item * first.items as f64 { floor } else { 0.0 };
    Some(Cost {
        start_ns: start.round() as u64,
        byte_ps: (byte * 1000.0).round() as u64,
        floor_ns: floor.round() as u64,
        // An item that costs nothing would let everything win.
        item_ps: (item * 1000.0).round().max(1.0) as u64,
    })
}

/// Nanoseconds a byte: what `long` took more than the point of as many items.
fn byte(points: &[Point], long: Point) -> Option<f64> {
    let short = points.iter().find(|point| point.items == long.items)?;
    let more = long.bytes.checked_sub(short.bytes).filter(|&more| more > 0)?;
    Some(((long.ns as f64 - short.ns as f64) / more as f64).max(0.0))
}
