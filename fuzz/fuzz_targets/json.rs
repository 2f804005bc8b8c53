//! The OTLP/JSON reader: no panic, and what it writes is a valid request.
//!
//! `cargo +nightly fuzz run json`

#![no_main]

use libfuzzer_sys::fuzz_target;
use lineside::otlp::{Signal, inspect, json_to_protobuf};

fuzz_target!(|input: &[u8]| {
    let Some((choice, document)) = input.split_first() else {
        return;
    };
    let signal = Signal::ALL[usize::from(choice % 3)];
    if let Ok(message) = json_to_protobuf(signal, document) {
        inspect(signal, &message).expect("the reader writes valid requests");
        assert!(message.len() <= 4 * document.len());
    }
});
