//! Bearer tokens (RFC 6750).

use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

use crate::config::Secret;
use crate::intake::Refusal;
use crate::ledger::TurnedAway;

/// A token that callers present.
#[derive(Clone, Debug)]
pub struct BearerToken(Secret);

/// What a request presents in `Authorization`, beside the token that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// No bearer token at all.
    Nothing,
    /// Another one.
    Wrong,
    /// The token.
    Right,
}

impl BearerToken {
    /// Accepts requests that carry `Authorization: Bearer <token>`.
    pub fn new(token: Secret) -> BearerToken {
        BearerToken(token)
    }

    /// What a request with these headers presents.
    pub fn presented(&self, headers: &HeaderMap) -> Presented {
        match presented(headers) {
            None => Presented::Nothing,
            Some(presented) if self.matches(presented) => Presented::Right,
            Some(_) => Presented::Wrong,
        }
    }

    fn matches(&self, presented: &[u8]) -> bool {
        // Compared without stopping at the first difference, so that timing tells nothing.
        presented.ct_eq(self.0.expose().as_bytes()).into()
    }
}

pub(super) fn check(token: Option<&BearerToken>, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(token) = token else { return Ok(()) };
    if token.presented(headers) == Presented::Right {
        return Ok(());
    }
    let message = "this port asks for `Authorization: Bearer <token>` (receive.bearer_token)";
    Err(Refusal::new(TurnedAway::Unauthenticated, message))
}

fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}
