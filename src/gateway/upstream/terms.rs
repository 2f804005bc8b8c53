//! What holds for all calls to one upstream.

use std::time::Duration;

use tokio::time::Instant;

use super::failure::{CallFailure, CallFailureKind, Phase};
use super::wire::{Meter, Upload};
use crate::config::{PoolSettings, RouteSettings, RouteTimeouts};
use crate::gateway::body::BodyError;

/// How long steps may take, how great heads may be, and how the upstream is called in messages.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Host and port.
    pub(super) name: String,
    pub(super) timeout: RouteTimeouts,
    pub(super) pool: PoolSettings,
    pub(super) max_head_bytes: usize,
}

impl Terms {
    pub(super) fn new(route: &RouteSettings) -> Terms {
        let upstream = &route.upstream;
        Terms {
            name: match upstream.host().contains(':') {
                true => format!("[{}]:{}", upstream.host(), upstream.port()),
                false => format!("{}:{}", upstream.host(), upstream.port()),
            },
            timeout: route.timeout.clone(),
            pool: route.pool.clone(),
            max_head_bytes: route.max_answer_head.as_usize(),
        }
    }

    /// A failure whose message names the upstream: "the upstream api.example:443 `clause`".
    pub(super) fn failure(&self, kind: CallFailureKind, sent: bool, clause: &str) -> CallFailure {
        let message = format!("the upstream {} {clause}", self.name);
        match sent {
            true => CallFailure::sent(kind, message),
            false => CallFailure::unsent(kind, message),
        }
    }

    /// The body of the request broke off.
    pub(super) fn caller_broke_off(&self, sent: bool, caller: BodyError) -> CallFailure {
        let clause = "got only a part of the request: it broke off on its way here";
        self.failure(CallFailureKind::CallerBody, sent, clause)
            .caused_by(caller)
    }

    /// The call broke off: because the caller did, as `meter` knows, or else for what `why` says.
    pub(super) fn broke_off(
        &self,
        meter: &Meter,
        sent: bool,
        why: impl FnOnce() -> (CallFailureKind, String),
    ) -> CallFailure {
        match meter.caller_error() {
            Some(caller) => self.caller_broke_off(sent, caller),
            None => {
                let (kind, clause) = why();
                self.failure(kind, sent, &clause)
            }
        }
    }

    /// A step took too long.
    pub(super) fn timed_out(&self, kind: CallFailureKind, sent: bool) -> CallFailure {
        let shown = |limit: Duration| humantime::format_duration(limit).to_string();
        let timeout = &self.timeout;
        let clause = match kind {
            CallFailureKind::CallerStalled => format!(
                "waits for more of the request, which the caller has not sent for {} (timeout.send)",
                shown(timeout.send)
            ),
            CallFailureKind::Timeout(Phase::Connect) => format!(
                "could not be connected to in {} (timeout.connect)",
                shown(timeout.connect)
            ),
            CallFailureKind::Timeout(Phase::Tls) => format!(
                "did not agree on TLS in {} (timeout.tls)",
                shown(timeout.tls)
            ),
            CallFailureKind::Timeout(Phase::Send) => format!(
                "took nothing more of the request for {} (timeout.send)",
                shown(timeout.send)
            ),
            CallFailureKind::Timeout(Phase::Idle) => format!(
                "sent nothing more of its answer for {} (timeout.idle)",
                shown(timeout.idle)
            ),
            _ => format!(
                "did not answer in {} (timeout.first_byte)",
                shown(timeout.first_byte)
            ),
        };
        self.failure(kind, sent, &clause)
    }
}

/// When the upstream last took something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    written: u64,
    at: Instant,
}

impl Progress {
    pub(super) fn new(meter: &Meter, now: Instant) -> Progress {
        Progress {
            written: meter.written(),
            at: now,
        }
    }

    /// Looks whether more was taken.
    pub(super) fn note(&mut self, meter: &Meter, now: Instant) {
        let written = meter.written();
        if written != self.written {
            *self = Progress { written, at: now };
        }
    }

    /// When waiting for the head of an answer ends, and with which failure.
    pub(super) fn head_due(&self, terms: &Terms, meter: &Meter) -> (Instant, CallFailureKind) {
        let timeout = &terms.timeout;
        let send = (
            self.at + timeout.send,
            CallFailureKind::Timeout(Phase::Send),
        );
        let first_byte = (
            self.at + timeout.first_byte,
            CallFailureKind::Timeout(Phase::FirstByte),
        );
        match meter.upload() {
            _ if meter.is_blocked() => send,
            Upload::Moving => send,
            Upload::Ended => first_byte,
            // The time for the first byte counts from the whole request: a caller that stalls is not the upstream's failure.
            Upload::AwaitsCaller => (send.0, CallFailureKind::CallerStalled),
        }
    }

    pub(super) fn at(&self) -> Instant {
        self.at
    }
}
