//! Redis: a server that works, and every way in which it does not.

mod data;
mod reach;
