//! The circuit breakers of routes and exports: who is told when one changes, what is shown of them, and setting them by hand.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use serde_json::json;

use crate::config::Settings;
use crate::export::ExportStatus;
use crate::resilience::{Breaker, BreakerState, Breakers, Listener, Transition};
use crate::serve::{
    Ask, BREAKERS, BreakerOrder, BreakerView, Check, CheckStatus, Feed, OrderBreaker, tell_change,
};
use crate::telemetry::{Instruments, Telemetry};

/// Every breaker of the agent. Cloning shares it.
#[derive(Clone)]
pub(super) struct Watch(Arc<Inner>);

struct Inner {
    /// By service, in ascending order.
    watched: BTreeMap<Arc<str>, Watched>,
    /// The last change of each that changed.
    changes: Arc<Changes>,
    feed: Feed,
}

struct Watched {
    breaker: Breaker,
    guards: Guarded,
}

type Changes = Mutex<HashMap<Arc<str>, Transition>>;

/// What a breaker guards.
enum Guarded {
    /// A route, to this upstream.
    Route(String),
    Export,
}

impl Watch {
    /// Watches the breakers of `routes` and of `exports`, whose services have names of their own each.
    pub(super) fn new(
        settings: &Settings,
        telemetry: &Telemetry,
        routes: &Breakers,
        exports: &[ExportStatus],
    ) -> Watch {
        let (changes, feed) = (Arc::<Changes>::default(), Feed::default());
        let instruments = telemetry.instruments();
        let told = listener(Arc::clone(&instruments), Arc::clone(&changes), feed.clone());
        // Exports say themselves when they begin to fail and when they work again; theirs is tried every few seconds meanwhile.
        let told_of_exports = Arc::clone(&told);
        let told_of_routes: Listener = Arc::new(move |change: &Transition| {
            instruments.log_breaker_change(change);
            told(change);
        });
        let upstream = |service: &str| {
            let route = settings.route.get(service);
            route.map_or_else(String::new, |route| route.upstream.to_string())
        };
        let routes = routes.all().into_iter().map(|breaker| {
            let guards = Guarded::Route(upstream(breaker.service()));
            (breaker, guards)
        });
        let exports = exports
            .iter()
            .map(|export| (export.breaker().clone(), Guarded::Export));
        let watched = exports.chain(routes).map(|(breaker, guards)| {
            let listener = match guards {
                Guarded::Route(_) => &told_of_routes,
                Guarded::Export => &told_of_exports,
            };
            let breaker = breaker.with_listener(Arc::clone(listener));
            (Arc::clone(breaker.service()), Watched { breaker, guards })
        });
        let watch = Watch(Arc::new(Inner {
            watched: watched.collect(),
            changes,
            feed,
        }));
        let observed = watch.clone();
        let instruments = telemetry.instruments();
        instruments.observe_breakers(move || {
            let now = Instant::now();
            let watched = observed.0.watched.values();
            watched.map(|one| one.breaker.status(now)).collect()
        });
        watch
    }

    /// The changes as they happen.
    pub(super) fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// Every breaker as it stands when asked.
    pub(super) fn views(&self) -> Ask<Vec<BreakerView>> {
        let watch = self.clone();
        Arc::new(move || watch.all().collect())
    }

    /// Sets one by hand.
    pub(super) fn orders(&self) -> OrderBreaker {
        let watch = self.clone();
        Arc::new(move |service, order| {
            let watched = watch.0.watched.get(service)?;
            obey(&watched.breaker, order, Instant::now());
            Some(watch.view(watched))
        })
    }

    /// A check for the breaker of every route. Those of exports are part of their own checks.
    pub(super) fn checks(&self) -> impl Iterator<Item = Check> {
        let watched = self.0.watched.values();
        watched.filter_map(|watched| match &watched.guards {
            Guarded::Route(upstream) => Some(check(&self.view(watched), upstream)),
            Guarded::Export => None,
        })
    }

    fn all(&self) -> impl Iterator<Item = BreakerView> {
        self.0.watched.values().map(|watched| self.view(watched))
    }

    fn view(&self, watched: &Watched) -> BreakerView {
        BreakerView {
            status: watched.breaker.status(Instant::now()),
            guards: match watched.guards {
                Guarded::Route(_) => "route",
                Guarded::Export => "export",
            },
            last_change: self.last_change(watched.breaker.service()),
        }
    }

    fn last_change(&self, service: &str) -> Option<Transition> {
        let changes = self.0.changes.lock();
        let changes = changes.unwrap_or_else(PoisonError::into_inner);
        changes.get(service).cloned()
    }
}

/// Passes changes on to spans and meters, and to who listens to the feed.
fn listener(instruments: Arc<Instruments>, changes: Arc<Changes>, feed: Feed) -> Listener {
    Arc::new(move |change| {
        instruments.breaker_changed(change);
        remember(&changes, change);
        tell_change(&feed, change);
    })
}

/// Changes in quick succession may come in the other order.
fn remember(changes: &Changes, change: &Transition) {
    let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
    let known = changes.get(&change.service);
    if known.is_none_or(|known| known.number < change.number) {
        changes.insert(Arc::clone(&change.service), change.clone());
    }
}

fn obey(breaker: &Breaker, order: BreakerOrder, now: Instant) {
    match order {
        BreakerOrder::Open => breaker.force_open(now),
        BreakerOrder::Reset => breaker.reset(now),
        BreakerOrder::Disable => breaker.disable(now),
        BreakerOrder::MetricsOnly => breaker.metrics_only(now),
    }
}

/// A breaker as health knows it. One that holds calls back does what it is there for: that is a warning, never a failure.
fn check(view: &BreakerView, upstream: &str) -> Check {
    let (breaker, now) = (&view.status, SystemTime::now());
    Check {
        name: format!("breaker-{}", breaker.service),
        kind: "breaker",
        groups: vec![BREAKERS.to_owned()],
        required: false,
        status: match breaker.state {
            BreakerState::Open | BreakerState::ForcedOpen | BreakerState::HalfOpen => {
                CheckStatus::Warn
            }
            BreakerState::Closed | BreakerState::Disabled | BreakerState::MetricsOnly => {
                CheckStatus::Pass
            }
        },
        excused: None,
        message: view.sentence(),
        advice: view.advice(),
        target: upstream.to_owned(),
        // The sentence says for how long.
        since: None,
        last_run: None,
        next_run: breaker.open_for.and_then(|left| now.checked_add(left)),
        certificate_ends: None,
        facts: BTreeMap::from([
            ("state", json!(breaker.state.name())),
            ("failures", json!(breaker.failures)),
            ("successes", json!(breaker.successes)),
            ("held_back", json!(breaker.held_back)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::resilience::BreakerPolicy;
    use crate::telemetry;

    fn watch(breakers: &[&Breaker]) -> (Watch, Telemetry) {
        let telemetry = Telemetry::build(&telemetry::Settings {
            otlp: false,
            ..telemetry::Settings::default()
        });
        let (telemetry, routes) = (telemetry.unwrap(), Breakers::default());
        for breaker in breakers {
            routes.insert((*breaker).clone());
        }
        let watch = Watch::new(&Settings::default(), &telemetry, &routes, &[]);
        (watch, telemetry)
    }

    fn stripe() -> Breaker {
        Breaker::new(
            "stripe",
            BreakerPolicy::consecutive(1, Duration::from_secs(30)),
        )
    }

    /// Scenario: the breaker of a route fails once, which opens it, is set by hand to everything, and begins anew.
    /// Guarantees: its check warns while calls are held back and passes otherwise, never fails, and says why and when it is tried
    /// again; the meters follow.
    #[test]
    fn a_breaker_is_a_check_that_never_fails() {
        let breaker = stripe();
        let (watch, telemetry) = watch(&[&breaker]);
        let the_check = || watch.checks().next().unwrap();
        assert_eq!(the_check().status, CheckStatus::Pass);
        let now = Instant::now();
        breaker.admit(now).unwrap().failure(now);
        let open = the_check();
        assert_eq!(
            (open.name.as_str(), open.status, open.required),
            ("breaker-stripe", CheckStatus::Warn, false)
        );
        let words = "stripe has been held back for 0s: a call failed; next try in ";
        assert!(open.message.starts_with(words), "{}", open.message);
        assert!(open.next_run.is_some() && open.advice.is_some());
        for (order, status) in [
            (BreakerOrder::Open, CheckStatus::Warn),
            (BreakerOrder::Disable, CheckStatus::Pass),
            (BreakerOrder::MetricsOnly, CheckStatus::Pass),
            (BreakerOrder::Reset, CheckStatus::Pass),
        ] {
            let view = watch.orders()("stripe", order).unwrap();
            assert_eq!(view.status.state, breaker.state());
            assert_eq!(the_check().status, status, "{order:?}");
        }
        assert!(watch.orders()("twilio", BreakerOrder::Open).is_none());
        let text = telemetry.scrape();
        for expected in [
            r#"circuit_breaker_state{service="stripe"} 0"#,
            r#"circuit_breaker_calls_total{outcome="failure",service="stripe"} 1"#,
            r#"circuit_breaker_transitions_total{reason="consecutive_failures",service="stripe",to="open"} 1"#,
        ] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
    }

    /// Scenario: two changes of one breaker whose listeners are called in the other order.
    /// Guarantees: the later one is remembered.
    #[test]
    fn the_last_change_is_remembered() {
        let breaker = stripe();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (keep, now) = (Arc::clone(&seen), Instant::now());
        let listener: Listener =
            Arc::new(move |change: &Transition| keep.lock().unwrap().push(change.clone()));
        let breaker = breaker.with_listener(listener);
        breaker.admit(now).unwrap().failure(now);
        breaker.reset(now);
        let changes = Changes::default();
        for change in seen.lock().unwrap().iter().rev() {
            remember(&changes, change);
        }
        let to = changes.lock().unwrap()["stripe"].to;
        assert_eq!(to, BreakerState::Closed);
    }
}
