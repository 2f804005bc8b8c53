//! The `lineside` binary.

fn main() {}
