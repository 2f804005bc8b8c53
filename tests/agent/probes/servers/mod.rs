//! Real servers that tests start, stop, freeze and fill.

mod account;
mod postgres;

pub use account::Account;
pub use postgres::{Postgres, execute};
//! The servers that probes check.

mod nginx;

pub use nginx::{Nginx, Site};
//! The servers that probes check.

mod redis;

pub use redis::{GROUP, RedisServer, SentinelServer};
