//! Real servers that tests start, stop, freeze and fill.

mod account;
mod nginx;
mod postgres;
mod redis;

pub use account::Account;
pub use nginx::{Nginx, Site};
pub use postgres::{Postgres, execute};
pub use redis::{GROUP, RedisServer, SentinelServer};
