//! Real servers that tests start, stop, freeze and fill.

mod dnsmasq;
mod grpc_health;

pub use dnsmasq::Dnsmasq;
pub use grpc_health::GrpcHealth;
