//! What the continuity file holds, record by record.
//!
//! Series, families, places and bounds are defined before they are named, and named by the number of their
//! definition in the file. Series are numbered from 1, the others from 0. Whole numbers are varints as in
//! protobuf, signed ones zigzag; floats and identities take eight bytes, least significant first; a text is its
//! length and its bytes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::otlp::wire::{put_varint, varint};
use crate::series::naming::MetricKind;
use crate::series::store::{
    Bounds, Buckets, Exponential, Family, FamilyId, Histogram, Lineage, PlaceId, Series, Value,
};

pub(super) const FAMILY: u8 = 1;
pub(super) const PLACE: u8 = 2;
pub(super) const BOUNDS: u8 = 3;
pub(super) const DEFINE: u8 = 4;
pub(super) const SET: u8 = 5;
pub(super) const END: u8 = 6;

pub(super) const NONE: u8 = 0;
pub(super) const INTEGER: u8 = 1;
pub(super) const DOUBLE: u8 = 2;
pub(super) const HISTOGRAM: u8 = 3;
pub(super) const EXPONENTIAL: u8 = 4;

/// Help texts are kept up to this many bytes.
const MAX_HELP_BYTES: usize = 4096;

/// A series whose names and labels take more is not kept.
const MAX_TEXT_BYTES: usize = 256 << 10;

const KINDS: [MetricKind; 7] = [
    MetricKind::Counter,
    MetricKind::Gauge,
    MetricKind::Histogram,
    MetricKind::Summary,
    MetricKind::Info,
    MetricKind::StateSet,
    MetricKind::Unknown,
];

const LINEAGES: [Lineage; 3] = [Lineage::Received, Lineage::Converted, Lineage::Derived];

/// Writes records for one file, and remembers what it has defined.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    /// Records that wait to be written.
    pub(super) out: Vec<u8>,
    families: Numbers<FamilyId>,
    places: Numbers<PlaceId>,
    /// By their address: histograms share them.
    bounds: Numbers<usize>,
    series: u32,
}

/// The numbers of definitions. What was defined is forgotten with each save, because ids may name others then.
#[derive(Debug)]
struct Numbers<T> {
    known: HashMap<T, u64>,
    next: u64,
}

impl<T> Default for Numbers<T> {
    fn default() -> Numbers<T> {
        Numbers {
            known: HashMap::new(),
            next: 0,
        }
    }
}

impl<T: std::hash::Hash + Eq> Numbers<T> {
    /// The number of `one`, and whether it must be defined first.
    fn of(&mut self, one: T) -> (u64, bool) {
        if let Some(number) = self.known.get(&one) {
            return (*number, false);
        }
        let number = self.next;
        self.next += 1;
        self.known.insert(one, number);
        (number, true)
    }
}

/// Whether the file keeps this series. Summaries are never accumulated here.
pub(super) fn is_kept(series: &Series, family: &Family, place: Option<&str>) -> bool {
    let place = place.map_or(0, str::len);
    let texts = series.labels.len() + family.name.len() + family.unit.len() + place;
    texts <= MAX_TEXT_BYTES && !matches!(series.value, Value::Summary(_))
}

impl Encoder {
    /// Begins a save: definitions are written anew.
    pub(super) fn begin(&mut self) {
        self.out.clear();
        self.families.known.clear();
        self.places.known.clear();
        self.bounds.known.clear();
    }

    /// The series ended.
    pub(super) fn end(&mut self, durable_id: u32) {
        self.out.push(END);
        put_varint(&mut self.out, u64::from(durable_id));
    }

    /// Where the series stands; answers with its number.
    pub(super) fn define(&mut self, series: &Series, family: &Family, place: Option<&str>) -> u32 {
        let family = self.family(series.family, family);
        let place = series
            .place
            .zip(place)
            .map_or(0, |(id, text)| 1 + self.place(id, text));
        self.out.push(DEFINE);
        put_varint(&mut self.out, family);
        put_varint(&mut self.out, place);
        self.out.push(code(&LINEAGES, &series.lineage));
        self.out.extend(series.identity.to_le_bytes());
        put_text(&mut self.out, &series.labels);
        self.series += 1;
        self.series
    }

    fn family(&mut self, id: FamilyId, family: &Family) -> u64 {
        let (number, unknown) = self.families.of(id);
        if unknown {
            self.out.push(FAMILY);
            self.out.push(code(&KINDS, &family.kind));
            put_text(&mut self.out, &family.name);
            put_text(&mut self.out, &family.unit);
            let help = &family.help[..family.help.floor_char_boundary(MAX_HELP_BYTES)];
            put_text(&mut self.out, help);
        }
        number
    }

    fn place(&mut self, id: PlaceId, text: &str) -> u64 {
        let (number, unknown) = self.places.of(id);
        if unknown {
            self.out.push(PLACE);
            put_text(&mut self.out, text);
        }
        number
    }

    /// The value that the series has.
    pub(super) fn set(&mut self, series: &Series) {
        let bounds = match &series.value {
            Value::Histogram(histogram) => self.bounds(&histogram.bounds),
            _ => 0,
        };
        let out = &mut self.out;
        out.push(SET);
        put_varint(out, u64::from(series.durable_id));
        put_varint(out, series.start_unix_nano);
        put_varint(out, series.time_unix_nano);
        put_varint(out, u64::from(series.seen_s));
        put_value(out, &series.value, bounds);
    }

    fn bounds(&mut self, bounds: &Arc<Bounds>) -> u64 {
        let (number, unknown) = self.bounds.of(Arc::as_ptr(bounds) as usize);
        if unknown {
            self.out.push(BOUNDS);
            put_varint(&mut self.out, bounds.values().len() as u64);
            for bound in bounds.values() {
                self.out.extend(bound.to_le_bytes());
            }
        }
        number
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value, bounds: u64) {
    match value {
        // Summaries are not kept.
        Value::None | Value::Summary(_) => out.push(NONE),
        Value::Integer(number) => {
            out.push(INTEGER);
            put_varint(out, zigzag(*number));
        }
        Value::Double(number) => {
            out.push(DOUBLE);
            out.extend(number.to_le_bytes());
        }
        Value::Histogram(histogram) => put_histogram(out, histogram, bounds),
        Value::Exponential(exponential) => put_exponential(out, exponential),
    }
}

fn put_histogram(out: &mut Vec<u8>, histogram: &Histogram, bounds: u64) {
    out.push(HISTOGRAM);
    put_varint(out, bounds);
    put_counts(out, &histogram.counts);
    put_varint(out, histogram.count);
    put_sum(out, histogram.sum);
}

fn put_exponential(out: &mut Vec<u8>, exponential: &Exponential) {
    out.push(EXPONENTIAL);
    put_varint(out, zigzag(i64::from(exponential.scale)));
    put_varint(out, exponential.zero_count);
    out.extend(exponential.zero_threshold.to_le_bytes());
    for buckets in [&exponential.positive, &exponential.negative] {
        put_varint(out, zigzag(i64::from(buckets.offset)));
        put_counts(out, &buckets.counts);
    }
    put_varint(out, exponential.count);
    put_sum(out, exponential.sum);
}

fn put_counts(out: &mut Vec<u8>, counts: &[u64]) {
    put_varint(out, counts.len() as u64);
    for count in counts {
        put_varint(out, *count);
    }
}

fn put_sum(out: &mut Vec<u8>, sum: Option<f64>) {
    out.push(u8::from(sum.is_some()));
    if let Some(sum) = sum {
        out.extend(sum.to_le_bytes());
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend(text.as_bytes());
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn code<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|each| each == one).unwrap_or(0) as u8
}

/// Bytes that no version of this file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads what [`Encoder`] wrote.
#[derive(Debug)]
pub(super) struct Decoder<'a>(pub(super) &'a [u8]);

impl<'a> Decoder<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn eight(&mut self) -> Result<[u8; 8], Malformed> {
        self.take(8)?.try_into().map_err(|_| Malformed)
    }

    pub(super) fn float(&mut self) -> Result<f64, Malformed> {
        self.eight().map(f64::from_le_bytes)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        varint(&mut self.0).map_err(|_| Malformed)
    }

    /// A number that counts or names something of which there are fewer than 2³².
    pub(super) fn small(&mut self) -> Result<usize, Malformed> {
        let number = u32::try_from(self.number()?).map_err(|_| Malformed)?;
        Ok(number as usize)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn signed_32(&mut self) -> Result<i32, Malformed> {
        i32::try_from(self.signed()?).map_err(|_| Malformed)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        let len = self.small()?;
        std::str::from_utf8(self.take(len)?).map_err(|_| Malformed)
    }

    pub(super) fn kind(&mut self) -> Result<MetricKind, Malformed> {
        let code = usize::from(self.byte()?);
        KINDS.get(code).copied().ok_or(Malformed)
    }

    pub(super) fn lineage(&mut self) -> Result<Lineage, Malformed> {
        let code = usize::from(self.byte()?);
        LINEAGES.get(code).copied().ok_or(Malformed)
    }

    /// How many of something follow that takes at least `bytes` each.
    fn how_many(&mut self, bytes: usize) -> Result<usize, Malformed> {
        let many = self.small()?;
        (many <= self.0.len() / bytes)
            .then_some(many)
            .ok_or(Malformed)
    }

    pub(super) fn counts(&mut self) -> Result<Vec<u64>, Malformed> {
        let many = self.how_many(1)?;
        (0..many).map(|_| self.number()).collect()
    }

    pub(super) fn sum(&mut self) -> Result<Option<f64>, Malformed> {
        match self.byte()? {
            0 => Ok(None),
            _ => self.float().map(Some),
        }
    }

    pub(super) fn bounds(&mut self) -> Result<Bounds, Malformed> {
        let many = self.how_many(8)?;
        let values: Vec<_> = (0..many).map(|_| self.float()).collect::<Result<_, _>>()?;
        Bounds::new(&values).ok_or(Malformed)
    }

    pub(super) fn exponential(&mut self) -> Result<Exponential, Malformed> {
        Ok(Exponential {
            scale: self.signed_32()?,
            zero_count: self.number()?,
            zero_threshold: self.float()?,
            positive: self.buckets()?,
            negative: self.buckets()?,
            count: self.number()?,
            sum: self.sum()?,
            exemplars: Vec::new(),
        })
    }

    fn buckets(&mut self) -> Result<Buckets, Malformed> {
        Ok(Buckets {
            offset: self.signed_32()?,
            counts: self.counts()?,
        })
    }
}
