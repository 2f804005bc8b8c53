//! The walk over protobuf requests: no panic, and counts that add up.
//!
//! `cargo +nightly fuzz run walk`

#![no_main]

use libfuzzer_sys::fuzz_target;
use lineside::otlp::{Signal, inspect};

fuzz_target!(|input: &[u8]| {
    let Some((choice, message)) = input.split_first() else {
        return;
    };
    let signal = Signal::ALL[usize::from(choice % 3)];
    match inspect(signal, message) {
        Ok(tally) => {
            let sum: u32 = tally.services.iter().map(|(_, items)| items).sum();
            assert_eq!(sum, tally.items);
        }
        Err(error) => assert!(error.offset <= message.len()),
    }
});
