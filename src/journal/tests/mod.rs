//! The journal against what can happen to it.

mod damage;
pub(crate) mod fault;
mod faults;
mod limits;
mod model;
mod on_disk;
mod rig;
