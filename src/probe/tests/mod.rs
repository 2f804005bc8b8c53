//! What holds for all kinds: states, schedules, and runs of a check that does as it is told.

mod board;
mod maintenance;
mod rig;
mod runner;
mod schedule;
mod standing;
