//! Attempts to get an answer of the upstream, one after the other.

use std::time::{Duration, Instant, SystemTime};

use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};

use super::ahead::Ahead;
use super::attempt::{Brought, EarlierMayHaveRun, Missed, attempt};
use super::body::RequestBody;
use super::repeats::Repeats;
use super::replay::Replay;
use crate::resilience::{Next, Retry, asks_again, retry_after};

/// Sends `request` until there is an answer to give, or no further attempt is worth it; no longer than until `due`.
///
/// # Errors
/// Why the last attempt brought no answer.
pub(super) async fn make(
    ahead: &Ahead,
    request: Request<RequestBody>,
    due: Option<Instant>,
) -> Result<Brought, Missed> {
    let now = Instant::now();
    ahead.route.budget.deposit(now);
    let policy = ahead.route.retry;
    if policy.attempts <= 1 {
        return attempt(ahead, request, 0, due).await;
    }
    let (head, body) = request.into_parts();
    let repeats = &ahead.route.plan.repeats;
    let call = Call {
        ahead,
        is_keyed: repeats.is_keyed(&head.headers),
        replay: Replay::new(body, repeats.max_body_bytes),
        head,
        due,
    };
    call.make(Retry::new(policy, now)).await
}

/// A request that may be sent several times.
struct Call<'a> {
    ahead: &'a Ahead,
    head: Parts,
    replay: Replay,
    is_keyed: bool,
    due: Option<Instant>,
}

impl Call<'_> {
    async fn make(&self, mut retry: Retry) -> Result<Brought, Missed> {
        let mut last = match self.request() {
            Some(request) => attempt(self.ahead, request, 0, self.due).await,
            None => Err(Missed::BodyGone),
        };
        let mut may_have_run = false;
        while let Some((reason, asked)) = self.why_again(&last) {
            may_have_run |= has_perhaps_run(&last);
            let Some(wait) = self.wait(&mut retry, asked) else {
                break;
            };
            tokio::time::sleep(wait).await;
            let Some(request) = self.request() else { break };
            let resends = retry.attempts_made();
            match attempt(self.ahead, request, resends, self.due).await {
                // The guards let no further one through: what the last brought is what the caller can know.
                Err(Missed::HeldBack(_)) => break,
                next => last = next,
            }
            self.ahead.observed.retried(reason);
        }
        match may_have_run {
            true => remembered(last),
            false => last,
        }
    }

    fn request(&self) -> Option<Request<RequestBody>> {
        let body = self.replay.body()?;
        Some(Request::from_parts(self.head.clone(), body))
    }

    /// Why another attempt is worth it after the last, in a word, and how long the upstream wants to be left alone; `None`: it is not.
    fn why_again(
        &self,
        last: &Result<Brought, Missed>,
    ) -> Option<(&'static str, Option<Duration>)> {
        let repeats = &self.ahead.route.plan.repeats;
        let (reason, asked, may_have_arrived) = match last {
            Ok(brought) => {
                let answer = &brought.answer;
                let reason = after_answer(repeats, answer.status(), answer.headers())?;
                (
                    reason,
                    retry_after(answer.headers(), SystemTime::now()),
                    true,
                )
            }
            Err(Missed::Failed(failure)) => {
                let reason = Repeats::after_failure(failure.kind)?;
                (reason, None, failure.may_have_arrived)
            }
            Err(Missed::TooLate | Missed::HeldBack(_) | Missed::BodyGone) => return None,
        };
        let may_run_again =
            repeats.may_run_again(&self.head.method, self.is_keyed, may_have_arrived);
        (may_run_again && !self.ahead.is_shutting_down()).then_some((reason, asked))
    }

    /// How long to wait before the next attempt; `None`: there is none.
    fn wait(&self, retry: &mut Retry, asked: Option<Duration>) -> Option<Duration> {
        let now = Instant::now();
        let Next::After(wait) = retry.next(now, asked, fastrand::f64()) else {
            return None;
        };
        let is_too_late = self
            .due
            .is_some_and(|due| due.saturating_duration_since(now) <= wait);
        let goes =
            !is_too_late && self.replay.may_come_again() && self.ahead.route.budget.withdraw(now);
        goes.then_some(wait)
    }
}

/// Whether the upstream may have done what the request asks for. 429 and 503 say that it has not.
fn has_perhaps_run(last: &Result<Brought, Missed>) -> bool {
    match last {
        Ok(brought) => !matches!(brought.answer.status().as_u16(), 429 | 503),
        Err(Missed::Failed(failure)) => failure.may_have_arrived,
        Err(Missed::TooLate | Missed::HeldBack(_) | Missed::BodyGone) => false,
    }
}

/// The last attempt, whatever it says of itself, after one that may have taken effect.
fn remembered(last: Result<Brought, Missed>) -> Result<Brought, Missed> {
    match last {
        Ok(mut brought) => {
            brought.answer.extensions_mut().insert(EarlierMayHaveRun);
            Ok(brought)
        }
        Err(Missed::Failed(mut failure)) => {
            failure.may_have_arrived = true;
            Err(Missed::Failed(failure))
        }
        Err(other) => Err(other),
    }
}

fn after_answer(
    repeats: &Repeats,
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<&'static str> {
    asks_again(status, headers, repeats.after_answer(status)).then(|| match status {
        StatusCode::TOO_MANY_REQUESTS => "429",
        status if status.is_server_error() => "5xx",
        status if status.is_client_error() => "4xx",
        _ => "other",
    })
}
