//! The guards that may answer by themselves, in their order: the cache, then the key.

use http::Request;

use super::ahead::Ahead;
use super::body::RequestBody;
use super::refusal::Refusal;
use super::{Answer, Onward};

/// Passes `request` through them, and then ahead.
///
/// # Errors
/// Why there is no answer.
pub(super) async fn pass(ahead: Ahead, request: Request<RequestBody>) -> Result<Answer, Refusal> {
    // What most requests do not need stands in boxes of its own, so that they carry no room for it.
    match &ahead.route.cache {
        Some(cache) => Box::pin(cache.call(request, &Keyed(&ahead))).await,
        None if ahead.route.keys.is_some() => Keyed(&ahead).onward(request).await,
        None => ahead.onward(request).await,
    }
}

/// The way ahead by the key.
struct Keyed<'a>(&'a Ahead);

impl Onward for Keyed<'_> {
    async fn onward(&self, request: Request<RequestBody>) -> Result<Answer, Refusal> {
        let ahead = self.0;
        match &ahead.route.keys {
            Some(keys) => {
                let caller = || ahead.caller.identity();
                Box::pin(keys.around(caller, request, ahead.clone())).await
            }
            None => Box::pin(ahead.onward(request)).await,
        }
    }
}
