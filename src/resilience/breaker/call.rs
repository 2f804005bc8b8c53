//! One call that was let through.

use std::time::{Duration, Instant};

use super::state::{BreakerState, Era};

/// What a permit remembers of its call. Flat, so that it stays in registers from its beginning to its end where nothing waits
/// in between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// What it was begun in; what ends in another moves nothing.
    pub(super) era: Era,
    stage: Stage,
    /// Means nothing where it is untimed.
    begun: Instant,
    /// Until the answer; means nothing before.
    took_ns: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Under way; nobody looked when it began.
    Untimed,
    Timed,
    /// A good answer began to come.
    Answered,
    /// Its end was told.
    Ended,
}

impl Call {
    #[inline(always)]
    pub(super) fn timed(era: Era, begun: Instant) -> Call {
        Call {
            era,
            stage: Stage::Timed,
            begun,
            took_ns: 0,
        }
    }

    /// One that nobody times; `any` is any time.
    #[inline(always)]
    pub(super) fn untimed(era: Era, any: Instant) -> Call {
        Call {
            stage: Stage::Untimed,
            ..Call::timed(era, any)
        }
    }

    /// Whether its breaker counts it.
    #[inline(always)]
    pub(super) fn is_counted(&self) -> bool {
        self.era.state() != BreakerState::Disabled
    }

    #[inline(always)]
    pub(super) fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Whether it takes one of the places of a half-open breaker.
    pub(super) fn is_trial(&self) -> bool {
        self.era.state() == BreakerState::HalfOpen && self.stage == Stage::Timed
    }

    /// How long it took until it was answered, or else until `now`; `None` where nobody looked when it began.
    #[inline(always)]
    pub(super) fn took(&self, now: impl FnOnce() -> Instant) -> Option<Duration> {
        match self.stage {
            Stage::Untimed => None,
            Stage::Answered => Some(Duration::from_nanos(self.took_ns)),
            Stage::Timed | Stage::Ended => Some(now().saturating_duration_since(self.begun)),
        }
    }

    /// When a good answer began to come.
    pub(super) fn answered_at(&self) -> Option<Instant> {
        let answered = self.stage == Stage::Answered;
        answered.then(|| self.begun + Duration::from_nanos(self.took_ns))
    }

    /// A good answer begins to come.
    pub(super) fn answered(&mut self, now: Instant) {
        if self.stage == Stage::Timed {
            let took = now.saturating_duration_since(self.begun);
            self.took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            self.stage = Stage::Answered;
        }
    }

    /// Leaves an ended call behind.
    #[inline(always)]
    pub(super) fn take(&mut self) -> Call {
        let call = *self;
        self.stage = Stage::Ended;
        call
    }
}
