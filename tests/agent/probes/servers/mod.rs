//! Real servers that tests start, stop, freeze and fill.

mod account;
mod dnsmasq;
mod grpc_health;
mod mariadb;
mod nginx;
mod postgres;
mod redis;

pub use account::Account;
pub use dnsmasq::Dnsmasq;
pub use grpc_health::GrpcHealth;
pub use mariadb::{MariaDb, PASSWORD as MARIADB_PASSWORD};
pub use nginx::{Nginx, Site};
pub use postgres::{Postgres, execute};
pub use redis::{GROUP, RedisServer, SentinelServer, TlsFiles};
