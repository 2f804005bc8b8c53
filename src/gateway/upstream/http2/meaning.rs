//! What errors of HTTP/2 mean.

use h2::Reason;

use crate::gateway::upstream::failure::{CallFailureKind, of_socket};

/// Why there is no answer, or why it broke off, with a clause that follows the upstream's name.
pub(super) fn meaning(error: &h2::Error) -> (CallFailureKind, String) {
    if let Some(socket) = error.get_io() {
        let (kind, text) = of_socket(socket);
        return (
            kind,
            format!("broke off before its answer was whole: {text}"),
        );
    }
    let reason = error.reason().unwrap_or(Reason::INTERNAL_ERROR);
    match (error.is_remote(), error.is_go_away()) {
        (true, true) => (
            CallFailureKind::Closed,
            format!("takes no more requests on the connection (GOAWAY: {reason})"),
        ),
        (true, false) => (
            CallFailureKind::Closed,
            format!("broke the answer off (RST_STREAM: {reason})"),
        ),
        (false, _) => (
            CallFailureKind::Protocol,
            format!("sent what is no answer, or a head greater than max_answer_head: {reason}"),
        ),
    }
}

/// Whether the upstream says that it did nothing (RFC 9113, section 8.7): the stream was refused, or came after the last that a
/// GOAWAY names. h2 tells a stream of a GOAWAY only in that case.
pub(super) fn was_not_processed(error: &h2::Error) -> bool {
    let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (error.is_go_away() || is_refused)
}
