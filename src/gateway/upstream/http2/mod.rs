//! HTTP/2 towards an upstream (RFC 9113).
//!
//! A connection carries many calls, so a task of its own moves its frames. What belongs to one call, its request's body included,
//! the task of the call does.

mod body;
mod connection;
mod exchange;
mod head;
mod meaning;
mod pump;
mod set;

pub(super) use body::Http2Body;
pub(super) use exchange::send;
pub(super) use set::{Place, Set};
