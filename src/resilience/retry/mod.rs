//! When a call that failed is made again: how often, after which wait, and whether it may be.

mod budget;
mod policy;
mod repeat;
mod run;

pub use budget::RetryBudget;
pub use policy::{Enough, Next, Retry, RetryPolicy};
pub use repeat::{Once, Repeatable, is_idempotent};
pub use run::{Again, retry};
