//! What becomes of a key when its request has ended.

use http::StatusCode;

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request was answered: a repeated one gets the same answer.
    Done,
    /// Nothing was done: the request may be made again.
    Released,
    /// Nobody knows whether something was done.
    Unknown,
}

/// What an answer with `status` makes of the key.
///
/// Some statuses say that nothing was done: 401 and 407 (the request "has not been applied"), 408 (it never came whole), 421, 425,
/// 429 and 503 (RFC 9110, sections 15.5 and 15.6; RFC 8470, section 5.2; RFC 6585, section 4). They release the key, unless
/// `may_have_run`: an earlier attempt of the same request may have been carried out. Of the other 5xx, `keep_server_errors` decides.
/// Everything else is an outcome, and the draft asks to give it again (section 2.6).
pub fn after_answer(status: StatusCode, keep_server_errors: bool, may_have_run: bool) -> Outcome {
    let says_nothing_done = matches!(status.as_u16(), 401 | 407 | 408 | 421 | 425 | 429 | 503);
    let is_released = says_nothing_done || (status.is_server_error() && !keep_server_errors);
    match (is_released, says_nothing_done && may_have_run) {
        (_, true) => Outcome::Unknown,
        (true, false) => Outcome::Released,
        (false, false) => Outcome::Done,
    }
}

/// What a request without an answer makes of the key: `may_have_run` where something was sent, and the upstream may have acted.
pub fn after_failure(may_have_run: bool) -> Outcome {
    match may_have_run {
        true => Outcome::Unknown,
        false => Outcome::Released,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every class of status, with 5xx kept and released, and with an earlier attempt that may have run.
    /// Guarantees: what says that nothing was done releases the key, unless an earlier attempt may have done it; the setting
    /// decides about the other 5xx; everything else is kept.
    #[test]
    fn statuses_decide() {
        use Outcome::{Done, Released, Unknown};
        // keep, release, keep with an earlier attempt that may have run
        let cases = [
            (
                &[101, 200, 201, 204, 302, 400, 402, 403, 404, 409, 422][..],
                [Done, Done, Done],
            ),
            (
                &[401, 407, 408, 421, 425, 429, 503],
                [Released, Released, Unknown],
            ),
            (&[500, 501, 502, 504, 599], [Done, Released, Done]),
        ];
        for (statuses, expected) in cases {
            for status in statuses {
                let status = StatusCode::from_u16(*status).unwrap();
                let found = [(true, false), (false, false), (true, true)]
                    .map(|(keep, may_have_run)| after_answer(status, keep, may_have_run));
                assert_eq!(found, expected, "{status}");
            }
        }
    }

    /// Scenario: a request that never left, and one whose connection broke behind it.
    /// Guarantees: the first may be made again, of the second nobody knows.
    #[test]
    fn failures_decide() {
        assert_eq!(after_failure(false), Outcome::Released);
        assert_eq!(after_failure(true), Outcome::Unknown);
    }
}
