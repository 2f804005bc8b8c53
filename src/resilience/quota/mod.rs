//! An upstream's own limits, learned from its answers and kept before it says 429.
//!
//! While much is left, calls pass. Once less than a fifth is left of a limit, what is left is spread evenly over the time until there is more, and each caller
//! gets a turn of its own. Where the upstream says how long it wants to be left alone (429 or 503 with Retry-After), everybody waits, and then comes
//! one after the other.
//!
//! Whatever an upstream says, nobody waits for longer than an hour because of it: no reset and no pause is believed beyond that, each ends by itself, and what is
//! said later counts.

mod pace;
mod quotas;
mod state;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod told;
mod window;

pub use pace::{Quota, Turn};
pub use quotas::Quotas;
