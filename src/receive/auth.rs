//! Bearer tokens (RFC 6750).

use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

use crate::config::Secret;
use crate::intake::Refusal;
use crate::ledger::TurnedAway;

/// The token that every sender must present.
#[derive(Clone, Debug)]
pub struct BearerToken(Secret);

impl BearerToken {
    /// Accepts requests that carry `Authorization: Bearer <token>`.
    pub fn new(token: Secret) -> BearerToken {
        BearerToken(token)
    }

    fn matches(&self, presented: &[u8]) -> bool {
        // Compared without stopping at the first difference, so that timing tells nothing.
        presented.ct_eq(self.0.expose().as_bytes()).into()
    }
}

pub(super) fn check(token: Option<&BearerToken>, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(token) = token else { return Ok(()) };
    if presented(headers).is_some_and(|presented| token.matches(presented)) {
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
