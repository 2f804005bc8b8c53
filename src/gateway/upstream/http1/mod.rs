//! HTTP/1.1 towards an upstream (RFC 9112).
//!
//! A connection has one call at a time, so the task of the call drives it: beside the request until the head of the answer is
//! here, then beside the answer's body. No other task is woken, and nothing crosses from one thread to another.

mod body;
mod carried;
mod connection;
mod exchange;
mod framing;
mod meaning;

pub(super) use body::Http1Body;
pub(super) use carried::CarriedBody;
pub(super) use connection::{Connection, Maker};
pub(super) use exchange::send;
