//! A value that stands for the measurements in a bucket.
//!
//! Between two bounds above zero it is their geometric middle, which is off by the same factor to both sides;
//! otherwise the arithmetic one. The first bucket of a histogram without negative bounds begins at zero. Where
//! one side is open, it is the bound on the other.

use crate::series::store::exponential_bound;

/// For the bucket at `index` of explicit bounds; 0 without any.
pub(super) fn of_explicit(bounds: &[f64], index: usize) -> f64 {
    let upper = bounds.get(index).copied();
    let lower = index
        .checked_sub(1)
        .and_then(|below| bounds.get(below))
        .copied();
    match (lower, upper) {
        (None, None) => 0.0,
        (None, Some(upper)) => upper.min(upper / 2.0),
        (Some(lower), None) => lower,
        (Some(lower), Some(upper)) if lower > 0.0 => lower.sqrt() * upper.sqrt(),
        (Some(lower), Some(upper)) => lower / 2.0 + upper / 2.0,
    }
}

/// For the bucket at `index` of an exponential histogram with base 2^(2^-scale), above zero.
pub(super) fn of_exponential(scale: i32, index: i32) -> f64 {
    let middle = exponential_bound(scale, f64::from(index) + 0.5);
    middle.clamp(f64::MIN_POSITIVE, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: buckets below, around and above zero, and the open ones at both ends.
    /// Guarantees: each value lies within its bucket.
    #[test]
    fn the_middle_lies_within_the_bucket() {
        let bounds = [-4.0, -1.0, 1.0, 4.0];
        let middles: Vec<_> = (0..5).map(|index| of_explicit(&bounds, index)).collect();
        assert_eq!(middles, [-4.0, -2.5, 0.0, 2.0, 4.0]);
        assert_eq!(of_explicit(&[10.0], 0), 5.0);
        assert_eq!(of_explicit(&[0.0], 0), 0.0);
        assert_eq!(of_explicit(&[], 0), 0.0);
        assert_eq!(
            of_explicit(&[1e300, f64::MAX], 1),
            1e300_f64.sqrt() * f64::MAX.sqrt()
        );
    }

    /// Scenario: exponential buckets at several scales, and indices beyond what a float can hold.
    /// Guarantees: the value is the geometric middle, and always finite and above zero.
    #[test]
    fn the_exponential_middle_is_geometric() {
        assert_eq!(of_exponential(0, 0), std::f64::consts::SQRT_2);
        assert_eq!(of_exponential(-1, 1), 8.0);
        assert!((of_exponential(1, 1) - 2f64.powf(0.75)).abs() < 1e-12);
        for index in [i32::MIN, i32::MAX] {
            let middle = of_exponential(8, index);
            assert!(middle > 0.0 && middle.is_finite());
        }
    }
}
