//! What hyper's errors mean.

use std::error::Error;
use std::io;

use crate::gateway::upstream::failure::{CallFailureKind, of_socket};
use crate::gateway::upstream::wire::EndlessHead;

/// Why there is no answer, or why it broke off, with a clause that follows the upstream's name.
pub(super) fn meaning(error: &hyper::Error) -> (CallFailureKind, String) {
    if error.is_parse_too_large() || found::<EndlessHead>(error).is_some() {
        let clause = "sent a head greater than max_answer_head, or of more than 100 headers";
        return (CallFailureKind::HeadTooLarge, clause.to_owned());
    }
    if let Some(socket) = found::<io::Error>(error) {
        return of_io(socket);
    }
    if error.is_parse() {
        let clause = format!("sent what is no answer: {error}");
        return (CallFailureKind::Protocol, clause);
    }
    let clause = "closed the connection before its answer was whole";
    (CallFailureKind::Closed, clause.to_owned())
}

/// hyper tells what is wrong with chunks (RFC 9112, section 7.1) as an error of I/O.
fn of_io(error: &io::Error) -> (CallFailureKind, String) {
    use io::ErrorKind::{InvalidData, InvalidInput};
    let (kind, text) = of_socket(error);
    match (kind, error.kind()) {
        (CallFailureKind::Closed, InvalidData | InvalidInput) => (
            CallFailureKind::Protocol,
            format!("sent a body that cannot be read: {error}"),
        ),
        (CallFailureKind::Closed, _) => (
            kind,
            format!("broke off before its answer was whole: {text}"),
        ),
        _ => (kind, format!("ended the connection: {text}")),
    }
}

/// The first `E` among the causes of `error`.
fn found<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<E>() {
            return Some(found);
        }
        // An error of I/O does not name the one that it was made of as its cause, but that one's cause.
        let made_of = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .and_then(|inner| (inner as &(dyn Error + 'static)).downcast_ref::<E>());
        if made_of.is_some() {
            return made_of;
        }
        next = cause.source();
    }
    None
}
