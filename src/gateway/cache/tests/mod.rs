//! The cache in front of a scripted upstream.

mod coalescing;
mod fill;
mod freshness;
mod invalidation;
mod memory;
mod rig;
mod rules;
mod sharing;
