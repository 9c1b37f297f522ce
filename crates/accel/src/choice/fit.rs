//! A cost fitted to what was measured.

use byzlab_core::Cost;

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
pub fn fit(points: &[Point], long: Option<Point>) -> Cost {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Cost::default();
    };
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
    Cost {
        start_ns: start.round() as u64,
        byte_ps: (byte * 1000.0).round() as u64,
        floor_ns: floor.round() as u64,
        // An item that costs nothing would let everything win.
        item_ps: (item * 1000.0).round().max(1.0) as u64,
    }
}

/// Nanoseconds a byte: what `long` took more than the point of as many items.
fn byte(points: &[Point], long: Point) -> Option<f64> {
    let short = points.iter().find(|point| point.items == long.items)?;
    let more = long.bytes.checked_sub(short.bytes).filter(|&more| more > 0)?;
    Some(((long.ns as f64 - short.ns as f64) / more as f64).max(0.0))
}
