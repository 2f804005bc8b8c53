//! Policies round a call: when to try again, when to stop trying. Decisions only: no sockets, no
//! clocks of their own; every decision takes `now`.

mod backoff;
mod breaker;

pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerPolicy, BreakerState, Permit};
