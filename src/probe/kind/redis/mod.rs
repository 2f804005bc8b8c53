//! Redis, Valkey and Redis Sentinel.

mod clients;
mod connection;
mod info;
mod keys;
mod load;
mod numbers;
mod refusal;
mod replication;
mod resp;
mod sentinel;
mod server;
#[cfg(test)]
mod tests;

pub(super) use sentinel::Sentinel;
pub(super) use server::Redis;
