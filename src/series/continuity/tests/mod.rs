//! Continuity against what can happen to a process, a disk and a file.

mod damage;
mod faults;
mod model;
mod parts;
mod rig;
