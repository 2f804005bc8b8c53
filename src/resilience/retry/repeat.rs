//! Whether a request may be made again.

use http::Method;

/// Whether a request with this method may be made several times with the effect of once (RFC 9110, section 9.2.2). A method that the
/// RFC does not know counts as one that may not.
pub fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

/// What must be known of a request that failed to tell whether it may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeatable {
    /// Whether its method is idempotent, see [`is_idempotent`].
    pub is_idempotent: bool,
    /// Whether it carries an idempotency key that the other side is believed to honour.
    pub is_keyed: bool,
    /// Whether the other side may have received anything of it. An answer says that it has, whatever its status.
    pub may_have_arrived: bool,
    /// Whether its body can be sent once more, whole.
    pub has_body: bool,
}

/// Why a request is made once only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// It may have done something, and doing it twice is not the same as once.
    NotIdempotent,
    /// Its body was not kept.
    BodyGone,
}

impl Once {
    /// The reason in a word, for an attribute.
    pub const fn name(self) -> &'static str {
        match self {
            Once::NotIdempotent => "not_idempotent",
            Once::BodyGone => "body_gone",
        }
    }
}

impl Repeatable {
    /// Whether it may be made again: harmless, and with its body. One that is not idempotent and carries no key is made again only
    /// where nothing of it was sent (RFC 9110, section 9.2.2).
    ///
    /// # Errors
    /// Why not.
    pub fn judge(self) -> Result<(), Once> {
        let is_harmless = !self.may_have_arrived || self.is_idempotent || self.is_keyed;
        match (is_harmless, self.has_body) {
            (false, _) => Err(Once::NotIdempotent),
            (true, false) => Err(Once::BodyGone),
            (true, true) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may be known of a request besides its method: key, arrival, body.
    fn judged(method: &Method, key: bool, arrival: bool, body: bool) -> Result<(), Once> {
        Repeatable {
            is_idempotent: is_idempotent(method),
            is_keyed: key,
            may_have_arrived: arrival,
            has_body: body,
        }
        .judge()
    }

    /// Scenario: every combination for methods that are idempotent and for those that are not. Guarantees: what may have done something is made
    /// again only by its method or its key; nothing is without its body.
    #[test]
    fn every_combination_is_judged() {
        let (once, gone) = (Err(Once::NotIdempotent), Err(Once::BodyGone));
        // Key, arrival, body; what becomes of a POST, and of a PUT.
        let cases = [
            (false, false, false, gone, gone),
            (false, false, true, Ok(()), Ok(())),
            (false, true, false, once, gone),
            (false, true, true, once, Ok(())),
            (true, false, false, gone, gone),
            (true, false, true, Ok(()), Ok(())),
            (true, true, false, gone, gone),
            (true, true, true, Ok(()), Ok(())),
        ];
        for (key, arrival, body, of_post, of_put) in cases {
            for (method, expected) in [(Method::POST, of_post), (Method::PUT, of_put)] {
                let given = judged(&method, key, arrival, body);
                assert_eq!(given, expected, "{method} {key} {arrival} {body}");
            }
        }
    }

    /// Scenario: methods of RFC 9110, PATCH and an invented one, without a key. Guarantees: only those that the RFC calls idempotent are made again
    /// once they may have arrived.
    #[test]
    fn methods_are_known() {
        let repeated = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];
        for name in repeated
            .iter()
            .chain(&["POST", "PATCH", "CONNECT", "PURGE", "get"])
        {
            let method = Method::from_bytes(name.as_bytes()).unwrap();
            let is_repeated = judged(&method, false, true, true).is_ok();
            assert_eq!(is_repeated, repeated.contains(name), "{name}");
        }
    }
}
