//! The stage, with a real store and a scripted upstream.

mod answers;
mod bodies;
mod holds;
mod outcomes;
mod rig;
