//! The store, on SQLite and on a real PostgreSQL.

mod command;
mod databases;
mod keys;
mod migrations;
mod model;

use databases::{Database, databases};
