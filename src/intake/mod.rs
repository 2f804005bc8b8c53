//! The one door: checks a batch, limits it, commits it, answers.
//!
//! Both transports and the agent's own telemetry come in here, and nothing else reaches the journal.

mod budget;
mod refusal;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::journal::Journal;
use crate::ledger::{Ledger, TurnedAway};
use crate::otlp::{
    Batch, Encoding, InflateError, Origin, ServiceItems, Signal, inflate, inspect, json_to_protobuf,
};
use crate::series::SeriesHandle;
use budget::{Budget, Charge};
pub use refusal::Refusal;

/// Work on more bytes than this leaves the network threads.
const INLINE_BYTES: usize = 256 << 10;

/// What the door allows.
#[derive(Clone, Debug)]
pub struct IntakeLimits {
    /// Bytes of all requests being read or waiting for the journal.
    pub in_flight_bytes: usize,
    /// Bytes of one request once inflated.
    pub max_inflated_bytes: usize,
}

/// Which compressed batches are worth keeping as they came: those that some export sends so.
#[derive(Clone, Debug, Default)]
pub struct KeptEncodings {
    kept: Vec<(Signal, Encoding)>,
}

impl KeptEncodings {
    /// Adds batches of `signal` compressed with `encoding`.
    pub fn keep(&mut self, signal: Signal, encoding: Encoding) {
        self.kept.push((signal, encoding));
    }

    fn contains(&self, signal: Signal, encoding: Encoding) -> bool {
        self.kept.contains(&(signal, encoding))
    }
}

/// The one door to the journal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Intake {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    ledger: Arc<Ledger>,
    budget: Budget,
    limits: IntakeLimits,
    kept: KeptEncodings,
    series: Option<SeriesHandle>,
    closing: AtomicBool,
    visits: AtomicUsize,
    last_visit_ended: Notify,
}

/// A request as a transport read it.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The signal that the request's path named.
    pub signal: Signal,
    /// How `bytes` is compressed.
    pub encoding: Encoding,
    /// A serialized `Export*ServiceRequest`.
    pub bytes: Bytes,
}

/// What the sender is told: safe, or why not.
pub type Admission = Result<Accepted, Refusal>;

/// The request is as safe as `journal.sync` promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Spans, data points or log records taken in.
    pub items: u32,
}

/// One request on its way in. Shutdown waits for visits; their bytes are charged to the budget.
#[derive(Debug)]
pub struct Visit {
    intake: Intake,
    origin: Origin,
    charge: Charge,
}

impl Intake {
    /// A door in front of `journal`. What comes from outside goes to `series` as well.
    pub fn new(
        journal: Journal,
        ledger: Arc<Ledger>,
        limits: IntakeLimits,
        kept: KeptEncodings,
        series: Option<SeriesHandle>,
    ) -> Intake {
        let inner = Inner {
            journal,
            ledger,
            budget: Budget::new(limits.in_flight_bytes),
            limits,
            kept,
            series,
            closing: AtomicBool::new(false),
            visits: AtomicUsize::new(0),
            last_visit_ended: Notify::new(),
        };
        Intake {
            inner: Arc::new(inner),
        }
    }

    /// Lets a request from outside in, before its body is read; refused while shutting down.
    pub fn enter(&self) -> Result<Visit, Refusal> {
        let visit = self.visit(Origin::Outside);
        // Counted first: a close() in between then waits for this visit or this visit sees it.
        if self.inner.closing.load(Ordering::SeqCst) {
            return Err(Refusal::closing());
        }
        Ok(visit)
    }

    /// Lets the agent's own telemetry in; open until the journal closes.
    pub fn enter_own(&self) -> Visit {
        self.visit(Origin::Own)
    }

    fn visit(&self, origin: Origin) -> Visit {
        self.inner.visits.fetch_add(1, Ordering::SeqCst);
        Visit {
            intake: self.clone(),
            origin,
            charge: self.inner.budget.open(),
        }
    }

    /// Writes a refusal into the ledger.
    pub fn turn_away(&self, signal: Signal, refusal: &Refusal) {
        self.inner
            .ledger
            .turn_away(signal, refusal.reason, refusal.items);
    }

    /// Refuses new requests from outside and waits until those inside have left.
    pub async fn close(&self) {
        self.inner.closing.store(true, Ordering::SeqCst);
        loop {
            let ended = self.inner.last_visit_ended.notified();
            if self.inner.visits.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Bytes of the budget in use now.
    pub fn in_flight_bytes(&self) -> usize {
        self.inner.budget.used()
    }
}

impl Visit {
    /// Charges `bytes` in all to the budget; call it before reading that many.
    pub fn charge(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.charge.grow_to(bytes) {
            Ok(())
        } else {
            Err(Refusal::busy())
        }
    }

    /// Checks the request, commits it to the journal and says how that went.
    ///
    /// The series get it after the journal, and before the sender hears of it: who was told success finds his data
    /// on /metrics, and where the series fall behind senders wait.
    pub async fn offer(mut self, offer: Offer) -> Admission {
        let (batch, message) = self.check(offer).await?;
        let (signal, items, received_unix_ms) = (batch.signal, batch.items, batch.received_unix_ms);
        let inner = &self.intake.inner;
        let series = self.series().filter(|_| items > 0);
        let message = series.map(|_| message);
        if items > 0 {
            let appended = inner.journal.append(batch).await;
            appended.map_err(|error| Refusal::not_journaled(&error, items))?;
        }
        inner.ledger.take_in(signal, items);
        if let (Some(series), Some(message)) = (series, message) {
            series.take(signal, message, received_unix_ms).await;
        }
        Ok(Accepted { items })
    }

    /// The series, for what comes from outside: the agent's own meters stand on /metrics anyway.
    fn series(&self) -> Option<&SeriesHandle> {
        let series = self.intake.inner.series.as_ref();
        series.filter(|_| self.origin == Origin::Outside)
    }

    /// As [`Visit::offer`], for a request written in OTLP/JSON; it is kept as protobuf.
    pub async fn offer_json(mut self, offer: Offer) -> Admission {
        let signal = offer.signal;
        let json = match offer.encoding {
            Encoding::Identity => offer.bytes,
            _ => self.inflate(&offer).await?,
        };
        let json_len = json.len();
        self.charge(2 * json_len)?;
        let long = json.len() > INLINE_BYTES;
        let message = off_thread_if(long, move || json_to_protobuf(signal, &json)).await;
        let bytes: Bytes = message
            .map_err(|error| Refusal::malformed(signal, error))?
            .into();
        // Lists of numbers can be longer in protobuf than in JSON.
        self.charge(json_len + bytes.len())?;
        self.offer(Offer {
            signal,
            encoding: Encoding::Identity,
            bytes,
        })
        .await
    }

    /// The batch to commit, and its message as it is without compression.
    async fn check(&mut self, offer: Offer) -> Result<(Batch, Bytes), Refusal> {
        if offer.encoding == Encoding::Identity {
            let message = offer.bytes.clone();
            return Ok((self.batch(offer, &message)?, message));
        }
        let message = self.inflate(&offer).await?;
        self.charge(offer.bytes.len() + message.len())?;
        let kept = &self.intake.inner.kept;
        if kept.contains(offer.signal, offer.encoding) {
            return Ok((self.batch(offer, &message)?, message));
        }
        let plain = Offer {
            encoding: Encoding::Identity,
            bytes: message.clone(),
            ..offer
        };
        Ok((self.batch(plain, &message)?, message))
    }

    async fn inflate(&self, offer: &Offer) -> Result<Bytes, Refusal> {
        let limit = self.intake.inner.limits.max_inflated_bytes;
        let (encoding, bytes) = (offer.encoding, offer.bytes.clone());
        let inflated = off_thread_if(bytes.len() > INLINE_BYTES, move || {
            inflate(encoding, &bytes, limit)
        })
        .await;
        inflated.map(Bytes::from).map_err(|error| match error {
            InflateError::TooLarge { .. } => Refusal::too_large(limit, "receive.max_inflated"),
            other => Refusal::new(
                TurnedAway::Malformed,
                format!("the body is not valid {}: {other}", encoding.token()),
            ),
        })
    }

    fn batch(&self, offer: Offer, message: &[u8]) -> Result<Batch, Refusal> {
        let tally = inspect(offer.signal, message)
            .map_err(|error| Refusal::malformed(offer.signal, error))?;
        let services = tally
            .services
            .iter()
            .map(|(service, items)| ServiceItems {
                service: (*service).into(),
                items: *items,
            })
            .collect();
        Ok(Batch {
            signal: offer.signal,
            origin: self.origin,
            encoding: offer.encoding,
            items: tally.items,
            inflated_len: message.len().try_into().unwrap_or(u32::MAX),
            received_unix_ms: unix_ms_now(),
            services,
            bytes: offer.bytes,
        })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if self.intake.inner.visits.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.intake.inner.last_visit_ended.notify_waiters();
        }
    }
}

/// Runs `work` here, or on a thread made for blocking when it is `long`.
pub async fn off_thread_if<T: Send + 'static>(
    long: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if !long {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn unix_ms_now() -> u64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since_epoch.as_millis().try_into().unwrap_or(u64::MAX)
}
