//! For Rust services: a future with the breaker round it.

use std::cell::OnceCell;

use super::state::CallResult;
use super::{Breaker, Held, Permit};
use crate::resilience::clock;

/// Why a guarded call gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Guarded<E> {
    /// The breaker held it back: nothing was done.
    #[error(transparent)]
    Held(#[from] Held),
    /// It was made, and failed.
    #[error("{0}")]
    Failed(E),
}

impl Breaker {
    /// Makes a call unless it is held back, and lets `judge` say what its result says of the service: a refusal that the
    /// caller is to blame for should count as [`CallResult::Success`]. A call that is dropped before its end counts as ignored.
    ///
    /// The clock is read only where the breaker needs it, and for one call in sixteen, so that the average latency is known.
    ///
    /// # Errors
    /// The call was held back, or failed.
    pub async fn call<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
        judge: impl FnOnce(&Result<T, E>) -> CallResult,
    ) -> Result<T, Guarded<E>> {
        let permit = self.admit_lazily()?;
        let result = work.await;
        let judged = judge(&result);
        end(permit, judged);
        result.map_err(Guarded::Failed)
    }

    /// The same for work that does not wait.
    ///
    /// # Errors
    /// The call was held back, or failed.
    #[inline(always)]
    pub fn run<T, E>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
        judge: impl FnOnce(&Result<T, E>) -> CallResult,
    ) -> Result<T, Guarded<E>> {
        let permit = self.admit_lazily()?;
        let result = work();
        let judged = judge(&result);
        end(permit, judged);
        result.map_err(Guarded::Failed)
    }

    #[inline(always)]
    fn admit_lazily(&self) -> Result<Permit<&Breaker>, Held> {
        let call = self.0.admit_lazily(clock::now)?;
        Ok(Permit::new(self, call))
    }
}

/// Ends a call, and reads the clock once or not at all.
#[inline(always)]
fn end(permit: Permit<&Breaker>, result: CallResult) {
    let now = OnceCell::new();
    permit.end_lazily(|| *now.get_or_init(clock::now), result);
}
