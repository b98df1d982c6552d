//! Latencies in a few figures.

use serde::Serialize;

/// How long something took, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Quantiles {
    p50: f64,
    p95: f64,
    p99: f64,
    mean: f64,
    max: f64,
}

impl Quantiles {
    /// Of these times, in milliseconds, by the nearest rank. All zero where there are none.
    #[expect(clippy::cast_precision_loss, reason = "a count of measurements")]
    pub(super) fn of(times: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = times.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        // The smallest value that at least so many per cent of all do not exceed.
        let rank = |percent: usize| {
            let nth = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(nth - 1).copied().map(rounded).unwrap_or_default()
        };
        let mean = sorted.iter().sum::<f64>() / sorted.len().max(1) as f64;
        Self { p50: rank(50), p95: rank(95), p99: rank(99), mean: rounded(mean), max: rank(100) }
    }

    /// What half, 95 and 99 per cent of all do not exceed.
    pub(super) const fn ranks(&self) -> [f64; 3] {
        [self.p50, self.p95, self.p99]
    }

    /// The median.
    pub(super) const fn p50(&self) -> f64 {
        self.p50
    }
}

/// To three digits after the point.
pub(super) fn rounded(figure: f64) -> f64 {
    (figure * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_nearest() {
        let of = Quantiles::of((1..=200).rev().map(f64::from));
        assert_eq!((of.p50, of.p95, of.p99, of.max, of.mean), (100.0, 190.0, 198.0, 200.0, 100.5));
        let one = Quantiles::of([7.0]);
        assert_eq!((one.p50, one.p99, one.mean), (7.0, 7.0, 7.0));
        assert_eq!(Quantiles::of([]), Quantiles::default());
    }
}
