//! Lineside: the telemetry agent that stands beside your services.
//!
//! # The house
//!
//! A batch of telemetry walks through these rooms, one type a level:
//! `Bytes → Batch → Admission → Entry → Fate`. A room imports only rooms named above it, which a test
//! holds; [`agent`] alone knows them all.
//!
//! | room | does |
//! |---|---|
//! | [`otlp`] | bytes in, items out: wire walk, JSON, statuses, compression; no I/O |
//! | [`config`] | every knob, its unit, its limit, and where its value came from |
//! | [`resilience`] | decides when to try again and when to stop trying; no sockets, takes `now` |
//! | [`telemetry`] | the OpenTelemetry SDK: own meters, spans and logs, propagation |
//! | [`store`] | the database for what must outlive a request and is no telemetry: idempotency keys |
//! | [`ledger`] | received = delivered + waiting + refused + dropped, exact to the item |
//! | [`journal`] | the durable queue: one log, one cursor for each export |
//! | [`series`] | what /metrics shows: received metrics, metrics derived from spans and logs |
//! | [`intake`] | the one door: checks, limits and commits a batch, answers |
//! | [`listen`] | the accept loop under every server: limits, TLS, drain |
//! | [`dial`] | the way out: names, TCP connections, TLS |
//! | [`receive`] | OTLP/gRPC and OTLP/HTTP to the door; knows transports, nothing else |
//! | [`export`] | out of the journal to named destinations; knows destinations, nothing else |
//! | [`probe`] | checks what the services depend on: databases, caches, URLs, and the agent's own exports |
//! | [`gateway`] | requests to named upstreams, guarded and measured |
//! | [`serve`] | the HTTP face: metrics, health, ledger |
//! | [`agent`] | puts the rooms together, binds every socket, then starts them, and ends them in order |
//!
//! Without the feature `agent` the library is what a service embeds: [`otlp`], [`resilience`] and
//! [`telemetry`].

pub mod otlp;

#[cfg(feature = "agent")]
pub mod config;

pub mod resilience;

pub mod telemetry;

#[cfg(feature = "agent")]
pub mod store;

#[cfg(feature = "agent")]
pub mod ledger;

#[cfg(feature = "agent")]
pub mod journal;

#[cfg(feature = "agent")]
pub mod series;

#[cfg(feature = "agent")]
pub mod intake;

#[cfg(feature = "agent")]
pub mod listen;

#[cfg(feature = "agent")]
pub mod dial;

#[cfg(feature = "agent")]
pub mod receive;

#[cfg(feature = "agent")]
pub mod export;

#[cfg(feature = "agent")]
pub mod probe;

#[cfg(feature = "agent")]
pub mod gateway;

#[cfg(feature = "agent")]
pub mod serve;

#[cfg(feature = "agent")]
pub mod shutdown;

#[cfg(feature = "agent")]
pub mod notify;

#[cfg(feature = "agent")]
pub mod agent;

#[cfg(feature = "agent")]
pub mod healthcheck;

#[cfg(feature = "agent")]
pub mod cli;

#[cfg(feature = "agent")]
pub mod db;
