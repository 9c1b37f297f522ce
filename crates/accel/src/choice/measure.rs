//! How long work takes.

use std::time::Duration;

use byzlab_core::{Accelerator, Cost, Costs, Work};

use super::{
    clock::Clock,
    fit::{Point, fit, share},
    sample::{LONG, SHORT, Samples},
};

/// How long one call may take before no larger one is tried.
const CALL_MAX: Duration = Duration::from_millis(250);
/// Sizes grow until a call takes so many times as long as the smallest: then the slope shows.
const RISE: u64 = 4;
/// How often a kind of work is measured until its costs make sense.
const TRIES: usize = 3;
/// At least so many sizes.
const SIZES_MIN: usize = 4;

/// How long the runs of which the median is told may take together; one is always done.
const RUNS_MAX: Duration = Duration::from_secs(2);
/// The most calls of a warm-up.
const WARM_UP_MAX: usize = 1_024;

/// How often a call is made for the median of its times.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// For so long it is made untimed, at least once: a system takes a few of them to give each thread a core.
    pub warm_up: Duration,
    /// Then timed so often, fewer times where it takes long.
    pub runs: usize,
}

/// What the costs are measured with, each time that they are not known.
const QUICK: Effort = Effort { warm_up: Duration::ZERO, runs: 3 };

/// What one call of some width took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// Items of the call.
    pub items: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// The median time.
    pub time: Duration,
}

/// What every kind of work costs on `accelerator`, from calls of a few sizes each, none larger than
/// `widest`.
///
/// # Errors
/// When an answer is wrong; the error says which.
pub fn measure(
    accelerator: &dyn Accelerator,
    clock: &dyn Clock,
    samples: &mut Samples,
    widest: u64,
) -> Result<Costs, String> {
    accelerator.expect_keys(&samples.committee());
    let mut costs = Costs::default();
    for work in Work::ALL {
        *costs.of_mut(work) = cost(work, accelerator, clock, samples, widest)?;
    }
    Ok(costs)
}

/// The sizes to try: each some times the one before.
fn sizes(work: Work) -> &'static [u64] {
    match work {
        Work::KnownKeys | Work::UnknownKeys | Work::Signing => {
            &[1, 16, 128, 1 << 10, 1 << 13, 1 << 16]
        }
        Work::Hashes | Work::Merkle => &[1, 64, 1 << 10, 1 << 14, 1 << 17],
        Work::Nonces => &[1, 1 << 8, 1 << 13, 1 << 18, 1 << 23, 1 << 26],
    }
}

/// What one kind of work costs. Where noise leaves no cost that makes sense, it is measured again, and at last
/// told from shares alone.
fn cost(
    work: Work,
    accelerator: &dyn Accelerator,
    clock: &dyn Clock,
    samples: &mut Samples,
    widest: u64,
) -> Result<Cost, String> {
    let mut last = Vec::new();
    for _ in 0..TRIES {
        let (points, long) = points(work, accelerator, clock, samples, widest)?;
        if let Some(cost) = fit(&points, long) {
            return Ok(cost);
        }
        last = points;
    }
    Ok(share(&last))
}

/// What calls of growing sizes take, and one with long items.
fn points(
    work: Work,
    accelerator: &dyn Accelerator,
    clock: &dyn Clock,
    samples: &mut Samples,
    widest: u64,
) -> Result<(Vec<Point>, Option<Point>), String> {
    let mut points: Vec<Point> = Vec::new();
    for &items in sizes(work).iter().filter(|&&items| items <= widest.max(1)) {
        let width = median_of(QUICK, work, items, false, accelerator, clock, samples)?;
        let time = width.time;
        points.push(Point { items, bytes: width.bytes, ns: time.as_nanos() as u64 });
        let rose = points[points.len() - 1].ns >= RISE * points[0].ns;
        if time > CALL_MAX || (rose && points.len() >= SIZES_MIN) {
            break;
        }
        // The next size would take too long, if it takes as much longer as it has more items.
        let longest = sizes(work).get(points.len()).map(|&next| (next / items) as u32);
        if points.len() > 1 && longest.is_some_and(|times| time * times > 4 * CALL_MAX) {
            break;
        }
    }
    let long = match work {
        Work::Nonces => None,
        _ => {
            let items = points[points.len().min(SIZES_MIN) - 1].items;
            let width = median_of(QUICK, work, items, true, accelerator, clock, samples)?;
            Some(Point { items, bytes: width.bytes, ns: width.time.as_nanos() as u64 })
        }
    };
    Ok((points, long))
}

/// The median time of `items` items of one kind of work.
///
/// # Errors
/// When an answer is wrong.
pub fn median_of(
    effort: Effort,
    work: Work,
    items: u64,
    long: bool,
    accelerator: &dyn Accelerator,
    clock: &dyn Clock,
    samples: &mut Samples,
) -> Result<Width, String> {
    let wrong = || format!("{} of {items} {work} are wrong by {}", "some", accelerator.name());
    let bytes = if work == Work::Nonces {
        0
    } else if long {
        LONG
    } else {
        SHORT
    } as u64;
    let mut times = Vec::new();
    let mut time = |call: &mut dyn FnMut() -> bool| {
        let mut timed = || {
            let start = clock.now();
            let right = call();
            right.then(|| clock.now().saturating_sub(start)).ok_or_else(wrong)
        };
        let began = clock.now();
        for _ in 0..WARM_UP_MAX {
            timed()?;
            if clock.now().saturating_sub(began) >= effort.warm_up {
                break;
            }
        }
        let began = clock.now();
        for _ in 0..effort.runs {
            times.push(timed()?);
            if clock.now().saturating_sub(began) > RUNS_MAX {
                break;
            }
        }
        Ok::<_, String>(())
    };
    let count = items as usize;
    match work {
        Work::KnownKeys | Work::UnknownKeys => {
            let claims = samples.signatures(work, count, long);
            time(&mut || accelerator.check(&claims).iter().all(|&holds| holds))?;
        }
        Work::Hashes => {
            let messages = samples.messages(count, long);
            time(&mut || accelerator.hash_many(&messages).len() == count)?;
        }
        Work::Merkle => {
            let messages = samples.messages(count, long);
            time(&mut || accelerator.merkle_root(&messages) != Default::default())?;
        }
        Work::Signing => {
            let clients = samples.clients();
            let messages = samples.messages(count, long);
            let items: Vec<_> = clients.iter().cycle().zip(messages).collect();
            time(&mut || accelerator.sign_many(&items).len() == count)?;
        }
        Work::Nonces => {
            let puzzle = Samples::puzzle();
            time(&mut || accelerator.search(&puzzle, 0..items).is_none())?;
        }
    }
    times.sort_unstable();
    Ok(Width { items, bytes: items * bytes, time: times[times.len() / 2] })
}
