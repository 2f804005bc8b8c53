//! SQL databases: what they share. Each make of database has a file of its own.
//!
//! A run makes one connection ([`connect`]), looks at the server, and then asks the configured queries ([`Queries`])
//! on the same connection. A query that fails fails the run, but what was found of the server before it stays.

mod connect;
mod failure;
mod mysql;
mod postgres;
mod queries;
mod sqlite;
mod table;

pub(super) use connect::{Place, connect};
pub(super) use failure::{failure, login_failure};
pub(super) use mysql::Mysql;
pub(super) use postgres::Postgres;
pub(super) use queries::{Asked, Queries, Query, is_lost, query_time};
pub(super) use sqlite::Sqlite;
pub(super) use table::{Table, read};
