//! Policies round a call: when to try again, when to stop trying. Decisions only: no sockets, no
//! clocks of their own; every decision takes `now`.

mod backoff;
mod breaker;
mod breakers;
mod bulkhead;
mod clock;
mod hint;
pub mod idempotency;
mod quota;
mod rate_limit;
mod retry;

pub use backoff::Backoff;
pub use breaker::{
    Breaker, BreakerPolicy, BreakerState, BreakerStatus, CallCounts, CallResult, Guarded, Held,
    Listener, MAX_WINDOW_CALLS, Mode, Permit, Reason, Transition, Window,
};
pub use breakers::Breakers;
pub use bulkhead::{Bulkhead, Full, Place};
pub use hint::{LONGEST_HINT, asks_again, retry_after};
pub use quota::{Quota, Quotas, Turn};
pub use rate_limit::{Allowance, CallerLimits, Policy, Rate, RateLimit};
pub use retry::{
    Again, Enough, Next, Once, Repeatable, Retry, RetryBudget, RetryPolicy, is_idempotent, retry,
};
