//! Log records by service and severity: `log_records_total`.

use std::collections::HashMap;

use super::calls::append;
use super::options::DerivedError;
use super::sender::Sender;
use super::shelf::{self, Placed, Shelf};
use crate::otlp::view::{LogRecord, ResourceGroup};
use crate::series::store::{Fault, Fingerprint, Moment, Store};

/// The ranges of severity (logs data model, "Field: SeverityNumber").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Unspecified,
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// How many severities there are.
const SEVERITIES: usize = Severity::ALL.len();

/// How many senders are remembered.
const MAX_KNOWN: usize = 16_384;

/// Words that sources of logs use, and what they mean (logs data model, appendix B).
const WORDS: [(&str, Severity); 21] = [
    ("trace", Severity::Trace),
    ("verbose", Severity::Trace),
    ("finest", Severity::Trace),
    ("debug", Severity::Debug),
    ("fine", Severity::Debug),
    ("info", Severity::Info),
    ("information", Severity::Info),
    ("informational", Severity::Info),
    ("notice", Severity::Info),
    ("warn", Severity::Warn),
    ("warning", Severity::Warn),
    ("err", Severity::Error),
    ("error", Severity::Error),
    ("severe", Severity::Error),
    ("fatal", Severity::Fatal),
    ("critical", Severity::Fatal),
    ("crit", Severity::Fatal),
    ("alert", Severity::Fatal),
    ("emerg", Severity::Fatal),
    ("emergency", Severity::Fatal),
    ("panic", Severity::Fatal),
];

impl Severity {
    const ALL: [Severity; 7] = [
        Severity::Unspecified,
        Severity::Trace,
        Severity::Debug,
        Severity::Info,
        Severity::Warn,
        Severity::Error,
        Severity::Fatal,
    ];

    /// The severity of a record: its number's range, or else what its text means.
    pub fn of(record: &LogRecord<'_>) -> Severity {
        match record.severity_number {
            1..=4 => Severity::Trace,
            5..=8 => Severity::Debug,
            9..=12 => Severity::Info,
            13..=16 => Severity::Warn,
            17..=20 => Severity::Error,
            21..=24 => Severity::Fatal,
            _ => Severity::of_word(record.severity_text),
        }
    }

    fn of_word(text: &[u8]) -> Severity {
        let text = text.trim_ascii();
        let known = WORDS
            .iter()
            .find(|(word, _)| text.eq_ignore_ascii_case(word.as_bytes()));
        known.map_or(Severity::Unspecified, |(_, severity)| *severity)
    }

    const fn word(self) -> &'static str {
        match self {
            Severity::Unspecified => "UNSPECIFIED",
            Severity::Trace => "TRACE",
            Severity::Debug => "DEBUG",
            Severity::Info => "INFO",
            Severity::Warn => "WARN",
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
        }
    }
}

/// Counts log records.
#[derive(Debug)]
pub(super) struct Logs {
    shelf: Shelf,
    /// The series of each sender, by severity.
    known: HashMap<Fingerprint, [Option<Placed>; SEVERITIES]>,
    /// The store's epoch that `known` belongs to.
    epoch: u64,
}

impl Logs {
    pub fn new(store: &mut Store) -> Result<Logs, DerivedError> {
        let (name, help) = ("log_records_total", "Log records received.");
        Ok(Logs {
            shelf: Shelf::counters(store, name, help)?,
            known: HashMap::new(),
            epoch: store.epoch(),
        })
    }

    /// Counts the records of `group`.
    pub fn take(
        &mut self,
        store: &mut Store,
        sender: &Sender,
        group: &ResourceGroup<'_>,
        now: Moment,
    ) {
        let mut counts = [0u64; SEVERITIES];
        for record in group.scopes().flat_map(|scope| scope.items()) {
            let record = LogRecord::read(record, |_| {});
            counts[Severity::of(&record) as usize] += 1;
        }
        for (severity, count) in Severity::ALL.into_iter().zip(counts) {
            if count == 0 {
                continue;
            }
            match self.series(store, sender, severity, now) {
                Ok(placed) => shelf::add(store, placed, count, now),
                Err(fault) => store.count_fault(fault, count),
            }
        }
    }

    fn series(
        &mut self,
        store: &mut Store,
        sender: &Sender,
        severity: Severity,
        now: Moment,
    ) -> Result<Placed, Fault> {
        if self.epoch != store.epoch() || self.known.len() >= MAX_KNOWN {
            self.known.clear();
            self.epoch = store.epoch();
        }
        let known = self.known.entry(sender.fingerprint).or_default();
        if let Some(placed) = known[severity as usize] {
            return Ok(placed);
        }
        let mut labels = String::new();
        append(&mut labels, "service_name", &sender.service);
        append(&mut labels, "severity", severity.word());
        let placed = match sender.fault {
            Some(fault) => self.shelf.overflow(store, None, fault, now)?,
            None => self.shelf.series(store, &labels, sender.place, now)?,
        };
        known[severity as usize] = Some(placed);
        Ok(placed)
    }
}
