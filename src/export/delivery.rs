//! One parcel on its way, until every batch in it is settled.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::ExportPolicy;
use super::client::Client;
use super::outcome::Outcome;
use super::parcel::Parcel;
use super::payload::{self, Payload};
use super::report::Report;
use crate::journal::{Entry, Settler};
use crate::ledger::{DropReason, Fate};
use crate::otlp::Batch;
use crate::resilience::{Breaker, Permit};

/// A destination may ask for patience; one that asks for more than this is tried anyway.
const LONGEST_HINT: Duration = Duration::from_secs(600);

/// Everything that the deliveries of one export share.
#[derive(Debug)]
pub(super) struct Courier {
    pub(super) client: Client,
    pub(super) policy: ExportPolicy,
    pub(super) breaker: Breaker,
    pub(super) settler: Settler,
    pub(super) report: Report,
    /// Cancelled at shutdown: what fails from then on stays in the journal for the next start.
    pub(super) closing: CancellationToken,
}

/// What to do after an attempt.
enum Next {
    Done,
    Split,
    Wait(Duration),
}

impl Courier {
    /// Tries until `parcel` is settled, or until the agent closes and the journal keeps it.
    pub(super) async fn deliver(&self, mut parcel: Parcel) {
        let mut prepared: Option<Payload> = None;
        let mut failures = 0;
        loop {
            if self.drop_expired(&mut parcel) {
                prepared = None;
            }
            if parcel.entries.is_empty() {
                return;
            }
            let Some(permit) = self.admitted().await else {
                return;
            };
            let payload = match prepared.take() {
                Some(payload) => payload,
                None => match self.prepare(&mut parcel).await {
                    Some(payload) => payload,
                    None => return,
                },
            };
            prepared = Some(payload.clone());
            let outcome = self.attempt(&parcel, payload, permit).await;
            match self.decide(&parcel, outcome, &mut failures) {
                Next::Done => return,
                Next::Split => return self.deliver_apart(parcel).await,
                Next::Wait(wait) => {
                    if !self.waited(wait).await {
                        return;
                    }
                }
            }
        }
    }

    /// Sends each batch as the request it came in, so that a refused one takes no other with it.
    async fn deliver_apart(&self, parcel: Parcel) {
        for single in parcel.split() {
            Box::pin(self.deliver(single)).await;
        }
    }

    async fn attempt(
        &self,
        parcel: &Parcel,
        payload: Payload,
        permit: Permit<&Breaker>,
    ) -> Outcome {
        let (bytes, begun) = (payload.len(), Instant::now());
        let span = self.report.attempt_begins(parcel);
        let encoding = self.policy.compression;
        let outcome = self
            .client
            .send(parcel.signal, encoding, payload, &span.headers())
            .await;
        self.report
            .attempt_ended(span, &outcome, begun.elapsed(), bytes);
        let now = Instant::now().into_std();
        match outcome.is_answer() {
            true => permit.success(now),
            false => permit.failure(now),
        };
        outcome
    }

    fn decide(&self, parcel: &Parcel, outcome: Outcome, failures: &mut u32) -> Next {
        match outcome {
            Outcome::Delivered { rejected, message } => {
                self.settle_delivered(parcel, rejected, &message);
                Next::Done
            }
            Outcome::Refused { .. } if parcel.entries.len() > 1 => Next::Split,
            Outcome::Refused { why } => {
                self.report.refused(parcel, &why);
                self.settle_all(&parcel.entries, Fate::Refused);
                Next::Done
            }
            Outcome::Retry { after, .. } => {
                *failures += 1;
                let backoff = self.policy.backoff.wait(*failures, fastrand::f64());
                Next::Wait(after.map_or(backoff, |after| after.min(LONGEST_HINT)))
            }
        }
    }

    /// A partial success names no items, only their number: they are booked from the first batch on.
    fn settle_delivered(&self, parcel: &Parcel, rejected: u64, message: &str) {
        if rejected > 0 {
            self.report.partly_refused(parcel, rejected, message);
        }
        let mut left = rejected;
        let fate = |entry: &Entry| {
            let refused = u32::try_from(left)
                .unwrap_or(u32::MAX)
                .min(entry.batch.items);
            left -= u64::from(refused);
            match refused {
                0 => Fate::Delivered,
                refused => Fate::PartlyRefused { refused },
            }
        };
        let fates: Vec<Fate> = parcel.entries.iter().map(fate).collect();
        self.settler.settle_all(parcel.entries.iter().zip(fates));
    }

    fn settle_all(&self, entries: &[Entry], fate: Fate) {
        self.settler
            .settle_all(entries.iter().map(|entry| (entry, fate)));
    }

    fn drop_expired(&self, parcel: &mut Parcel) -> bool {
        let Some(max_age) = self.policy.max_age else {
            return false;
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let deadline_ms = now
            .saturating_sub(max_age)
            .as_millis()
            .try_into()
            .unwrap_or(u64::MAX);
        let expired = parcel.take_older_than(deadline_ms);
        if expired.is_empty() {
            return false;
        }
        self.report.expired(parcel.signal, &expired, max_age);
        self.settle_all(&expired, Fate::Dropped(DropReason::Expired));
        true
    }

    /// The body of `parcel`. Batches that can't be read any more are dropped; `None` = all of them.
    async fn prepare(&self, parcel: &mut Parcel) -> Option<Payload> {
        let encoding = self.policy.compression;
        while !parcel.entries.is_empty() {
            let batches: Vec<Batch> = parcel.entries.iter().map(|e| e.batch.clone()).collect();
            let built = payload::build(batches, encoding).await;
            match built {
                Ok(payload) => return Some(payload),
                Err(error) => self.drop_unreadable(parcel, &error),
            }
        }
        None
    }

    fn drop_unreadable(&self, parcel: &mut Parcel, error: &payload::PayloadError) {
        let unreadable = parcel.take_unreadable();
        self.report.unreadable(parcel.signal, &unreadable, error);
        self.settle_all(&unreadable, Fate::Dropped(DropReason::Corrupted));
    }

    /// Waits until the breaker lets a call through; `None` when closing.
    async fn admitted(&self) -> Option<Permit<&Breaker>> {
        loop {
            match self.breaker.admit(Instant::now().into_std()) {
                Ok(permit) => return Some(permit),
                Err(held) if !self.waited(held.retry_after).await => return None,
                Err(_) => {}
            }
        }
    }

    /// Sleeps; false when the agent closes meanwhile and the journal keeps what is left.
    async fn waited(&self, wait: Duration) -> bool {
        if !self.policy.keeps_on_disk {
            sleep(wait).await;
            return true;
        }
        tokio::select! {
            biased;
            () = self.closing.cancelled() => false,
            () = sleep(wait) => true,
        }
    }
}
