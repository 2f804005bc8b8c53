//! What a breaker does with the next call, and how that is packed into one word.

/// What a breaker does with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Calls pass and are judged.
    Closed,
    /// Calls are held back for a time.
    Open,
    /// A few trial calls decide.
    HalfOpen,
    /// Calls are held back until somebody says otherwise.
    ForcedOpen,
    /// Calls pass and nothing is counted.
    Disabled,
    /// Calls pass and are counted, whatever becomes of them.
    MetricsOnly,
}

impl BreakerState {
    /// Every state.
    pub const ALL: [BreakerState; 6] = [
        BreakerState::Closed,
        BreakerState::Open,
        BreakerState::HalfOpen,
        BreakerState::ForcedOpen,
        BreakerState::Disabled,
        BreakerState::MetricsOnly,
    ];

    /// The state as a gauge value: 0 calls pass, 1 open, 2 half-open.
    pub const fn gauge(self) -> u64 {
        match self {
            BreakerState::Closed | BreakerState::Disabled | BreakerState::MetricsOnly => 0,
            BreakerState::Open | BreakerState::ForcedOpen => 1,
            BreakerState::HalfOpen => 2,
        }
    }

    /// The state as JSON has it.
    pub const fn name(self) -> &'static str {
        match self {
            BreakerState::Closed => "CLOSED",
            BreakerState::Open => "OPEN",
            BreakerState::HalfOpen => "HALF_OPEN",
            BreakerState::ForcedOpen => "FORCED_OPEN",
            BreakerState::Disabled => "DISABLED",
            BreakerState::MetricsOnly => "METRICS_ONLY",
        }
    }

    /// The state in words, for logs and attributes.
    pub const fn word(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half-open",
            BreakerState::ForcedOpen => "forced-open",
            BreakerState::Disabled => "disabled",
            BreakerState::MetricsOnly => "metrics-only",
        }
    }
}

/// What a call says of the service that it went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// It works.
    Success,
    /// It does not.
    Failure,
    /// Nothing: the call was given up, or failed by the caller's own fault.
    Ignored,
}

/// State (3 bits), generation (37 bits) and failures in a row (24 bits) in one word, so that the closed path reads and
/// writes one atomic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

/// State and generation: a call moves nothing unless both are those that it began in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Era(u64);

const RUN_BITS: u32 = 24;
const GENERATION_BITS: u32 = 37;
const GENERATION_MASK: u64 = (1 << GENERATION_BITS) - 1;

/// The most failures in a row that are told apart.
pub(super) const MAX_RUN: u32 = (1 << RUN_BITS) - 1;

impl Word {
    /// The first generation.
    pub(super) fn first(state: BreakerState) -> Word {
        Word(bits(state) << (RUN_BITS + GENERATION_BITS))
    }

    #[inline(always)]
    pub(super) fn state(self) -> BreakerState {
        self.era().state()
    }

    #[inline(always)]
    pub(super) fn era(self) -> Era {
        Era(self.0 >> RUN_BITS)
    }

    /// Failures in a row.
    #[inline(always)]
    pub(super) fn run(self) -> u32 {
        (self.0 & u64::from(MAX_RUN)) as u32
    }

    #[inline(always)]
    pub(super) fn with_run(self, run: u32) -> Word {
        Word((self.0 & !u64::from(MAX_RUN)) | u64::from(run.min(MAX_RUN)))
    }

    /// The generation that follows, with another state. After 2³⁷ of them it begins anew.
    pub(super) fn next(self, state: BreakerState) -> Word {
        let generation = (self.era().generation() + 1) & GENERATION_MASK;
        let era = (bits(state) << GENERATION_BITS) | generation;
        Word(era << RUN_BITS).with_run(self.run())
    }
}

impl Era {
    #[inline(always)]
    pub(super) fn state(self) -> BreakerState {
        match self.0 >> GENERATION_BITS {
            0 => BreakerState::Closed,
            1 => BreakerState::MetricsOnly,
            2 => BreakerState::Disabled,
            3 => BreakerState::Open,
            4 => BreakerState::HalfOpen,
            _ => BreakerState::ForcedOpen,
        }
    }

    /// Whether every call passes.
    #[inline(always)]
    pub(super) fn lets_all_pass(self) -> bool {
        self.0 >> GENERATION_BITS <= bits(BreakerState::Disabled)
    }

    pub(super) fn generation(self) -> u64 {
        self.0 & GENERATION_MASK
    }
}

/// States in which every call passes come first.
const fn bits(state: BreakerState) -> u64 {
    match state {
        BreakerState::Closed => 0,
        BreakerState::MetricsOnly => 1,
        BreakerState::Disabled => 2,
        BreakerState::Open => 3,
        BreakerState::HalfOpen => 4,
        BreakerState::ForcedOpen => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every state packed, at the first generation, at the last and behind it. Guarantees: state, generation and
    /// run come back as they were, and a run that is too long stays at its greatest.
    #[test]
    fn a_word_holds_what_was_put_in() {
        for state in BreakerState::ALL {
            let word = Word::first(state).with_run(7);
            assert_eq!((word.state(), word.run()), (state, 7));
            let next = word.next(BreakerState::MetricsOnly);
            assert_eq!((next.era().generation(), next.run()), (1, 7));
            assert_eq!(next.state(), BreakerState::MetricsOnly);
            assert_eq!(word.with_run(u32::MAX).run(), MAX_RUN);
            assert_eq!(word.with_run(u32::MAX).state(), state);
        }
        let last = Word(GENERATION_MASK << RUN_BITS);
        assert_eq!(last.next(BreakerState::Open).era().generation(), 0);
        assert_eq!(last.next(BreakerState::Open).state(), BreakerState::Open);
    }
}
