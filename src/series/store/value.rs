//! What a series holds at the moment.

use std::sync::Arc;

/// The latest value of a series.
#[derive(Clone, Debug)]
pub enum Value {
    /// The sender said that there is none (the flag "no recorded value"): not shown.
    None,
    /// A whole number: gauges and counters.
    Integer(i64),
    /// Any number: gauges and counters.
    Double(f64),
    /// A histogram with explicit bounds.
    Histogram(Box<Histogram>),
    /// A histogram whose bounds are powers of a base.
    Exponential(Box<Exponential>),
    /// Quantiles computed by the sender.
    Summary(Box<Summary>),
}

/// A cumulative histogram with explicit bounds.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// The bounds, shared by all histograms that have the same.
    pub bounds: Arc<Bounds>,
    /// Observations in each bucket, not accumulated; one more than there are bounds.
    pub counts: Box<[u64]>,
    /// All observations.
    pub count: u64,
    /// The sum of all observations, if the sender keeps it.
    pub sum: Option<f64>,
    /// The latest exemplar of each bucket, as many as `counts`; not allocated until there is one.
    pub exemplars: Option<Box<[Option<Box<Exemplar>>]>>,
}

/// The upper bounds of a histogram's buckets, in ascending order, without +Inf.
#[derive(Debug, PartialEq)]
pub struct Bounds {
    values: Box<[f64]>,
    /// Each bound and then `+Inf` as the `le` label spells it.
    texts: Box<[Box<str>]>,
}

/// A cumulative exponential histogram (OpenTelemetry metrics data model, ExponentialHistogram).
#[derive(Clone, Debug, Default)]
pub struct Exponential {
    /// The base is 2^(2^-scale).
    pub scale: i32,
    /// Observations within the zero threshold.
    pub zero_count: u64,
    /// The width of the zero bucket to either side.
    pub zero_threshold: f64,
    /// Buckets of observations above zero.
    pub positive: Buckets,
    /// Buckets of observations below zero, by absolute value.
    pub negative: Buckets,
    /// All observations.
    pub count: u64,
    /// The sum of all observations, if the sender keeps it.
    pub sum: Option<f64>,
    /// The latest exemplars, at most [`Exponential::MAX_EXEMPLARS`], the oldest first.
    pub exemplars: Vec<Exemplar>,
}

impl Exponential {
    /// How many exemplars a series keeps.
    pub const MAX_EXEMPLARS: usize = 8;

    /// Bytes that it takes as a series' value, roughly.
    pub fn heap_bytes(&self) -> usize {
        let counts = self.positive.counts.capacity() + self.negative.counts.capacity();
        let exemplars = self.exemplars.iter().map(Exemplar::bytes).sum::<usize>();
        size_of::<Exponential>() + counts * 8 + exemplars
    }

    /// Observations in all buckets: readers refuse a histogram whose count is another.
    pub fn buckets_count(&self) -> u64 {
        let sides = self.negative.counts.iter().chain(&self.positive.counts);
        sides.fold(self.zero_count, |sum, count| sum.saturating_add(*count))
    }
}

/// Where `index` lies in an exponential histogram: base^index, with the base 2^(2^-scale). The bucket at `index` begins
/// there, and the middle of it is at half an index more.
pub fn exponential_bound(scale: i32, index: f64) -> f64 {
    (index * f64::from(-scale).exp2()).exp2()
}

/// Consecutive buckets: that at index `i` counts values in (base^(offset+i), base^(offset+i+1)].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// The index of the first bucket.
    pub offset: i32,
    /// Observations in each bucket, not accumulated.
    pub counts: Vec<u64>,
}

/// A summary as the sender computed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// All observations.
    pub count: u64,
    /// The sum of all observations.
    pub sum: f64,
    /// (quantile, value), by ascending quantile.
    pub quantiles: Box<[(f64, f64)]>,
}

/// A measurement that stands for others, with the trace it was made in.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// What was measured.
    pub value: f64,
    /// When, in nanoseconds since the Unix epoch; 0 when unknown.
    pub time_unix_nano: u64,
    /// The trace; all zero when unknown.
    pub trace_id: [u8; 16],
    /// The span; all zero when unknown.
    pub span_id: [u8; 8],
    /// Further labels as `name="value",…`, without the trace and span; empty when there are none.
    pub labels: Box<str>,
}

impl Exemplar {
    /// Bytes that it takes, roughly.
    pub fn bytes(&self) -> usize {
        size_of::<Exemplar>() + self.labels.len()
    }
}

impl Bounds {
    /// How many bounds a histogram may have.
    pub const MAX: usize = 4096;

    /// Bounds that are strictly ascending and finite, without +Inf; `None` for others.
    pub fn new(values: &[f64]) -> Option<Bounds> {
        let ascending = values.windows(2).all(|pair| pair[0] < pair[1]);
        let finite = values.iter().all(|value| value.is_finite());
        if !ascending || !finite || values.len() > Bounds::MAX {
            return None;
        }
        let texts = values.iter().map(|value| float_text(*value).into());
        Some(Bounds {
            values: values.into(),
            texts: texts.chain(std::iter::once("+Inf".into())).collect(),
        })
    }

    /// Bytes that they take, roughly.
    pub fn bytes(&self) -> usize {
        let texts = self
            .texts
            .iter()
            .map(|text| size_of::<Box<str>>() + text.len() + 16);
        size_of::<Bounds>() + size_of_val(&*self.values) + texts.sum::<usize>()
    }

    /// The bounds without +Inf.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The value of `le` for each bucket, `+Inf` last.
    pub fn texts(&self) -> &[Box<str>] {
        &self.texts
    }

    /// The bucket that counts `value`: bounds are inclusive upwards.
    #[inline]
    pub fn bucket(&self, value: f64) -> usize {
        self.values.partition_point(|bound| *bound < value)
    }
}

impl Histogram {
    /// A histogram without observations.
    pub fn new(bounds: Arc<Bounds>) -> Histogram {
        let buckets = bounds.values.len() + 1;
        Histogram {
            bounds,
            counts: vec![0; buckets].into_boxed_slice(),
            count: 0,
            sum: Some(0.0),
            exemplars: None,
        }
    }

    /// Counts one observation; answers with its bucket.
    #[inline]
    pub fn observe(&mut self, value: f64) -> usize {
        let bucket = self.bounds.bucket(value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.map(|sum| sum + value);
        bucket
    }

    /// Puts `exemplar` in the place of the bucket's last.
    pub fn set_exemplar(&mut self, bucket: usize, exemplar: Exemplar) {
        let buckets = self.counts.len();
        let places = self
            .exemplars
            .get_or_insert_with(|| vec![None; buckets].into_boxed_slice());
        if let Some(place) = places.get_mut(bucket) {
            *place = Some(Box::new(exemplar));
        }
    }
}

impl Value {
    /// Bytes that the value has allocated, roughly.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Value::None | Value::Integer(_) | Value::Double(_) => 0,
            Value::Histogram(histogram) => {
                let exemplars = histogram.exemplars.as_ref();
                let held = exemplars.map_or(0, |all| {
                    all.iter().flatten().map(|one| one.bytes()).sum::<usize>()
                });
                size_of::<Histogram>()
                    + histogram.counts.len() * 8
                    + exemplars.map_or(0, |all| all.len() * 8)
                    + held
            }
            Value::Exponential(one) => one.heap_bytes(),
            Value::Summary(summary) => {
                size_of::<Summary>() + summary.quantiles.len() * size_of::<(f64, f64)>()
            }
        }
    }
}

/// A number as `le` and `quantile` spell it: `1`, `0.25`, `1e+06`, `+Inf`, `-Inf`, `NaN`.
///
/// Text labels are compared as texts, so that it has to be the spelling that everybody else uses: OpenMetrics 1.0.0,
/// "Canonical Numbers". OpenMetrics asks for `.0` behind whole numbers too; that is added where it is written.
pub fn float_text(value: f64) -> String {
    if let Some(text) = not_finite_text(value) {
        return text.to_owned();
    }
    let scientific = format!("{value:e}");
    match scientific
        .split_once('e')
        .map(|(digits, power)| (digits, power.parse()))
    {
        Some((digits, Ok(power @ (..-4 | 6..)))) => format!("{digits}e{}", signed_power(power)),
        _ => value.to_string(),
    }
}

/// `NaN`, `+Inf` or `-Inf`; `None` for numbers.
pub fn not_finite_text(value: f64) -> Option<&'static str> {
    match value {
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        value => value.is_nan().then_some("NaN"),
    }
}

fn signed_power(power: i32) -> String {
    let sign = if power < 0 { '-' } else { '+' };
    format!("{sign}{:02}", power.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: bounds that descend, repeat, or are not finite, and good ones.
    /// Guarantees: only strictly ascending finite bounds make a histogram.
    #[test]
    fn bounds_are_strictly_ascending_and_finite() {
        for good in [&[][..], &[0.0], &[-1.0, 0.0, 2.5]] {
            assert!(Bounds::new(good).is_some(), "{good:?}");
        }
        let infinite = [1.0, f64::INFINITY];
        for bad in [&[1.0, 1.0][..], &[2.0, 1.0], &[f64::NAN], &infinite] {
            assert!(Bounds::new(bad).is_none(), "{bad:?}");
        }
    }

    /// Scenario: observations below, on and above bounds.
    /// Guarantees: bounds are inclusive upwards, and what exceeds all of them is in the last bucket.
    #[test]
    fn a_bucket_includes_its_upper_bound() {
        let bounds = Bounds::new(&[1.0, 2.0]).unwrap();
        let buckets = [0.5, 1.0, 1.5, 2.0, 2.5].map(|value| bounds.bucket(value));
        assert_eq!(buckets, [0, 0, 1, 1, 2]);
        assert_eq!(bounds.texts().last().unwrap().as_ref(), "+Inf");
    }

    /// Scenario: numbers of every sort.
    /// Guarantees: they are spelled as Go's client spells them, and read back as the same number.
    #[test]
    fn numbers_in_labels_are_spelled_as_everywhere() {
        let table = [
            (0.0, "0"),
            (1.0, "1"),
            (0.25, "0.25"),
            (-3.5, "-3.5"),
            (999_999.5, "999999.5"),
            (-1e6, "-1e+06"),
            (0.0001, "0.0001"),
            (0.000_012, "1.2e-05"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in table {
            assert_eq!(float_text(value), text);
        }
        for value in [1e21, 1e-9, 123_456_789.125, f64::MAX, f64::MIN_POSITIVE] {
            assert_eq!(float_text(value).parse::<f64>(), Ok(value));
        }
    }
}
