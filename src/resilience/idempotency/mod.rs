//! Idempotency keys (draft-ietf-httpapi-idempotency-key-header-07): what a key is, what makes two requests the same, and what
//! becomes of a key when its request has ended. Decisions only: who holds a key is the business of a store.

mod answer;
mod fingerprint;
mod key;
mod outcome;

pub use answer::AnswerHead;
pub use fingerprint::{Caller, Fingerprint, Fingerprinted};
pub use key::{IDEMPOTENCY_KEY, Key, KeyError, X_IDEMPOTENCY_KEY};
pub use outcome::{Outcome, after_answer, after_failure};
