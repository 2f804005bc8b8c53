//! The way out, against servers in the same process.

mod connect;
mod tls;
