//! The servers that are probed.

mod mariadb;

pub use mariadb::{MariaDb, PASSWORD as MARIADB_PASSWORD};
