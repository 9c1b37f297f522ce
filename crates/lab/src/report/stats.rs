//! Figures computed from records: means and medians over seeds, and measures of control.

/// A mean over runs that differ by seed alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mean {
    /// The arithmetic mean.
    pub value: f64,
    /// Half the width of the 95 % interval of the mean; none for a single run.
    pub half: Option<f64>,
    /// How many runs.
    pub runs: usize,
}

impl Mean {
    /// The mean of `values` with its 95 % interval by Student's t: `t(n-1) · s / √n`, where `s` is
    /// the sample's standard deviation. `None` without values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        let runs = values.len();
        if runs == 0 {
            return None;
        }
        let n = runs as f64;
        let value = values.iter().sum::<f64>() / n;
        let half = (runs > 1).then(|| {
            let squares: f64 = values.iter().map(|v| (v - value).powi(2)).sum();
            student_t(runs - 1) * (squares / (n - 1.0)).sqrt() / n.sqrt()
        });
        Some(Self { value, half, runs })
    }
    /// The interval's ends; both the mean itself for a single run.
    pub fn interval(&self) -> (f64, f64) {
        let half = self.half.unwrap_or(0.0);
        (self.value - half, self.value + half)
    }
}

/// The middle of runs that differ by seed alone, and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Median {
    /// The median; of an even number the mean of the two in the middle.
    pub value: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
    /// How many runs.
    pub runs: usize,
}

impl Median {
    /// The median of `values`; `None` without any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (&least, &most) = (values.first()?, values.last()?);
        let runs = values.len();
        let value = f64::midpoint(values[(runs - 1) / 2], values[runs / 2]);
        Some(Self { value, least, most, runs })
    }
    /// From the least to the most; nothing for a single run.
    pub fn range(&self) -> Option<(f64, f64)> {
        (self.runs > 1).then_some((self.least, self.most))
    }
}

/// The two-sided 95 % quantile of Student's t. Beyond the table the quantile for the last degree
/// before is used, which is the wider one.
fn student_t(degrees: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    match degrees {
        0..=30 => TABLE[degrees.max(1) - 1],
        31..=59 => 2.042,
        60..=119 => 2.000,
        _ => 1.980,
    }
}

/// The Nakamoto coefficient: the fewest producers whose blocks together are *more than* `share` of
/// all. `None` without blocks.
pub(super) fn nakamoto(blocks: &[u64], share: Share) -> Option<usize> {
    let total: u128 = blocks.iter().map(|&b| u128::from(b)).sum();
    if total == 0 {
        return None;
    }
    let mut sorted = blocks.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum = 0;
    let enough = |sum: u128| sum * share.denominator > total * share.numerator;
    let at = sorted.iter().position(|&b| {
        sum += u128::from(b);
        enough(sum)
    });
    at.map(|i| i + 1)
}

/// An exact share, so that "more than a third" is no question of rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    numerator: u128,
    denominator: u128,
}

impl Share {
    /// Who has more than this rewrites history in a chain where the most work wins.
    pub const HALF: Self = Self { numerator: 1, denominator: 2 };
    /// Who has more than this can stop a protocol whose quorums are two thirds.
    pub const THIRD: Self = Self { numerator: 1, denominator: 3 };
}

/// The Gini coefficient of blocks over *all* replicas, those without a block included: with the
/// counts sorted ascending `x₁ … xₙ`, `G = 2·Σ i·xᵢ / (n·Σ xᵢ) − (n+1)/n`. 0: all produced equally
/// many; `1 − 1/n`: one produced everything. `None` without blocks.
pub(super) fn gini(blocks: &[u64]) -> Option<f64> {
    let total: f64 = blocks.iter().map(|&b| b as f64).sum();
    if total == 0.0 {
        return None;
    }
    let mut sorted = blocks.to_vec();
    sorted.sort_unstable();
    let n = sorted.len() as f64;
    let ranked: f64 = sorted.iter().zip(1_u32..).map(|(&x, i)| f64::from(i) * x as f64).sum();
    Some((2.0 * ranked / (n * total) - (n + 1.0) / n).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_have_intervals_by_student() {
        assert_eq!(Mean::of([]), None);
        assert_eq!(Mean::of([3.0]), Some(Mean { value: 3.0, half: None, runs: 1 }));
        // 1, 2, 3: s = 1, t(2) = 4.303.
        let mean = Mean::of([1.0, 2.0, 3.0]).expect("three values");
        assert!((mean.value - 2.0).abs() < 1e-12);
        assert!((mean.half.expect("three runs") - 4.303 / 3.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn medians_are_the_middle_and_know_their_range() {
        assert_eq!(Median::of([]), None);
        let one = Median::of([3.0]).expect("a value");
        assert_eq!((one.value, one.range()), (3.0, None));
        let three = Median::of([9.0, 0.0, 4.0]).expect("three values");
        assert_eq!((three.value, three.range()), (4.0, Some((0.0, 9.0))));
        assert_eq!(Median::of([1.0, 2.0, 4.0, 9.0]).expect("four values").value, 3.0);
    }

    #[test]
    fn nakamoto_counts_the_fewest_that_pass_the_share() {
        assert_eq!(nakamoto(&[], Share::HALF), None);
        assert_eq!(nakamoto(&[0, 0], Share::HALF), None);
        assert_eq!(nakamoto(&[9, 0, 0, 0], Share::HALF), Some(1));
        // Exactly half is not more than half.
        assert_eq!(nakamoto(&[1, 1], Share::HALF), Some(2));
        assert_eq!(nakamoto(&[25, 25, 25, 25], Share::HALF), Some(3));
        assert_eq!(nakamoto(&[25, 25, 25, 25], Share::THIRD), Some(2));
        assert_eq!(nakamoto(&[1, 1, 1], Share::THIRD), Some(2));
        assert_eq!(nakamoto(&[u64::MAX, u64::MAX, u64::MAX], Share::HALF), Some(2));
    }

    #[test]
    fn gini_runs_from_equality_to_one_producer() {
        assert_eq!(gini(&[0, 0]), None);
        assert_eq!(gini(&[5, 5, 5, 5]), Some(0.0));
        assert!((gini(&[8, 0, 0, 0]).expect("blocks") - 0.75).abs() < 1e-12);
        // By the mean difference: Σ|xi−xj| / (2 n² mean) = 8 / (2·4·2) for 1 and 3, halved by n²…
        assert!((gini(&[1, 3]).expect("blocks") - 0.25).abs() < 1e-12);
    }
}
