//! How many requests a route lets through: its own limits, and what the upstream was seen to allow.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode};

use super::caller::Caller;
use super::policies;
use super::refusal::{Limit, Refusal};
use crate::config::RouteLimits;
use crate::resilience::{Allowance, CallerLimits, Policy, Quota, Quotas, RateLimit, Turn};

/// The limits of one route.
#[derive(Debug)]
pub(super) struct Limits {
    route: Option<RateLimit>,
    caller: Option<CallerLimits>,
    /// What callers are told of the two; `None` where there is neither.
    policy: Option<Policy>,
    learned: Option<Learned>,
    max_wait: Duration,
}

/// What the upstream was seen to allow. Its limits go with credentials.
#[derive(Debug)]
struct Learned {
    /// For those who show none of their own: they are all the gateway to the upstream.
    shared: Arc<Quota>,
    /// For the others; `None` where the route puts its own credential in the place of theirs.
    by_caller: Option<Quotas>,
}

/// What the limits said to one request.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    tightest: Option<Allowance>,
    policy: Option<Policy>,
}

impl Limits {
    /// The limits that `settings` say. `callers` are the headers that tell callers apart, `replaced` those that the upstream sees another value
    /// of, or none.
    pub(super) fn new(
        settings: &RouteLimits,
        callers: &[HeaderName],
        replaced: &[HeaderName],
    ) -> Limits {
        let max_callers = settings.max_callers as usize;
        let route = settings.route.as_ref().map(policies::rate);
        let caller = settings.caller.as_ref().map(policies::rate);
        let named = [("route", route), ("caller", caller)];
        let named = named.map(|(name, rate)| Some((name, rate?)));
        let limits: Vec<_> = named.into_iter().flatten().collect();
        let own_credential = callers.iter().any(|name| replaced.contains(name));
        Limits {
            policy: (!limits.is_empty()).then(|| Policy::of(&limits)),
            route: route.map(|rate| RateLimit::new("route", rate)),
            caller: caller.map(|rate| CallerLimits::new("caller", rate, max_callers)),
            learned: settings.learn.then(|| Learned {
                shared: Arc::default(),
                by_caller: (!own_credential).then(|| Quotas::new(max_callers)),
            }),
            max_wait: settings.max_wait,
        }
    }

    /// Counts a request of `caller`, and notes in `allowances` what was said to it.
    ///
    /// # Errors
    /// A limit is reached. What the request took of the other is not given back: it was made.
    pub(super) fn check(
        &self,
        caller: &Caller,
        allowances: &mut Allowances,
    ) -> Result<(), Refusal> {
        // A caller that is over its own limit takes nothing of what all others share.
        let limits = self.caller.as_ref();
        let of_caller = limits.map(|limits| limits.check(caller.for_limits()));
        allowances.policy.clone_from(&self.policy);
        allowances.tightest = of_caller;
        refuse(Limit::Caller, of_caller)?;
        let of_route = self.route.as_ref().map(RateLimit::check);
        allowances.tightest = of_route
            .into_iter()
            .chain(of_caller)
            .reduce(Allowance::tighter);
        refuse(Limit::Route, of_route)
    }

    /// Waits for the turn of a call that `caller` wants, as far as it may.
    ///
    /// # Errors
    /// It would have to wait for longer.
    pub(super) async fn turn(&self, caller: &Caller) -> Result<CallTurn, Refusal> {
        let Some(learned) = &self.learned else {
            return Ok(CallTurn(None));
        };
        let now = Instant::now();
        let turn = CallTurn(Some(learned.of(caller, now)));
        match turn.wait(now, self.max_wait) {
            Turn::Now => Ok(turn),
            Turn::After(wait) if wait <= self.max_wait => {
                tokio::time::sleep(wait).await;
                Ok(turn)
            }
            Turn::After(retry_after) => Err(Refusal::Limited {
                limit: Limit::Quota,
                retry_after,
            }),
        }
    }
}

fn refuse(limit: Limit, said: Option<Allowance>) -> Result<(), Refusal> {
    match said.and_then(|allowance| allowance.retry_after) {
        None => Ok(()),
        Some(retry_after) => Err(Refusal::Limited { limit, retry_after }),
    }
}

impl Learned {
    fn of(&self, caller: &Caller, now: Instant) -> Arc<Quota> {
        match (&self.by_caller, caller) {
            (Some(quotas), Caller::Header(..)) => quotas.of(caller, now),
            _ => Arc::clone(&self.shared),
        }
    }
}

impl Allowances {
    /// Tells the caller (draft-ietf-httpapi-ratelimit-headers-10).
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        if let (Some(policy), Some(tightest)) = (&self.policy, &self.tightest) {
            policy.write(tightest, headers);
        }
    }
}

/// The turn of one call. Dropped before its answer, it is given back.
pub(super) struct CallTurn(Option<Arc<Quota>>);

impl CallTurn {
    fn wait(&self, now: Instant, patience: Duration) -> Turn {
        match &self.0 {
            Some(quota) => quota.turn(now, patience),
            None => Turn::Now,
        }
    }

    /// The upstream has answered at `now`.
    pub(super) fn answered(mut self, status: StatusCode, headers: &HeaderMap, now: Instant) {
        if let Some(quota) = self.0.take() {
            quota.learn(status, headers, now, SystemTime::now());
        }
    }
}

impl Drop for CallTurn {
    fn drop(&mut self) {
        if let Some(quota) = &self.0 {
            quota.gone();
        }
    }
}
