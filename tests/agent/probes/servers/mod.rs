//! The servers that probes check.

mod redis;

pub use redis::{GROUP, RedisServer, SentinelServer};
