//! What guards a route: breaker, retry, limits, keys, cache.

use std::time::Duration;

use super::{methods, statuses};
use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::settings::{
    BreakerPreset, IdempotencySettings, RateSettings, RouteBreaker, RouteCache, RouteRetry,
    RouteSettings, Settings,
};
use crate::config::units::show_duration;
use crate::config::validate::agreement::at_least;

pub(super) fn check(
    key: &KeyPath,
    route: &RouteSettings,
    settings: &Settings,
    problems: &mut Problems,
) {
    breaker(&key.child("breaker"), &route.breaker, problems);
    slow_calls(key, route, problems);
    retry(&key.child("retry"), &route.retry, problems);
    limits(&key.child("limit"), route, problems);
    if let Some(idempotency) = &route.idempotency {
        self::idempotency(&key.child("idempotency"), idempotency, route, problems);
    }
    if let Some(cache) = &route.cache {
        self::cache(&key.child("cache"), cache, route, settings, problems);
    }
}

fn breaker(key: &KeyPath, breaker: &RouteBreaker, problems: &mut Problems) {
    let open_for = breaker.open_for.unwrap_or(preset_open_for(breaker.preset));
    let (longest, open) = (key.child("max_open_for"), key.child("open_for"));
    at_least(
        problems,
        (&longest.to_string(), breaker.max_open_for),
        (&open.to_string(), open_for),
    );
    let rates = [
        ("failure_rate", breaker.failure_rate),
        ("slow_rate", breaker.slow_rate),
    ];
    for (name, _) in rates.iter().filter(|(_, rate)| *rate == Some(0.0)) {
        let problem = "a rate of 0 is reached by the first call of its kind";
        let fix = "Write a share above 0, as 0.5, or \"none\"";
        problems.error(&key.child(name), problem, fix);
    }
    let has_rates = rates.iter().any(|(_, rate)| rate.is_some());
    if has_rates && breaker.window_time.is_none() {
        window(key, breaker, problems);
    }
    statuses(
        &key.child("failure_status"),
        &breaker.failure_status,
        problems,
    );
}

/// What the presets say of it.
fn preset_open_for(preset: Option<BreakerPreset>) -> Duration {
    Duration::from_secs(match preset {
        None | Some(BreakerPreset::Stripe | BreakerPreset::Openai) => 30,
        Some(BreakerPreset::Twilio) => 60,
        Some(BreakerPreset::Namesilo) => 120,
    })
}

fn window(key: &KeyPath, breaker: &RouteBreaker, problems: &mut Problems) {
    let (window, least) = (key.child("window_calls"), key.child("minimum_calls"));
    at_least(
        problems,
        (&window.to_string(), breaker.window_calls),
        (&least.to_string(), breaker.minimum_calls),
    );
}

/// A call that has not been answered by then has failed, and is no slow one.
fn slow_calls(key: &KeyPath, route: &RouteSettings, problems: &mut Problems) {
    let limit = route
        .timeout
        .total
        .unwrap_or(Duration::MAX)
        .min(route.timeout.first_byte);
    let slow_after = route.breaker.slow_after;
    if route.breaker.slow_rate.is_some() && slow_after >= limit {
        let text = format!(
            "no answer is ever as slow ({}): it is waited for no longer than {}",
            show_duration(slow_after),
            show_duration(limit)
        );
        problems.warn(&key.child("breaker").child("slow_after"), text);
    }
}

fn retry(key: &KeyPath, retry: &RouteRetry, problems: &mut Problems) {
    let (max, base) = (key.child("max"), key.child("base"));
    at_least(
        problems,
        (&max.to_string(), retry.max),
        (&base.to_string(), retry.base),
    );
    statuses(&key.child("status"), &retry.status, problems);
}

fn limits(key: &KeyPath, route: &RouteSettings, problems: &mut Problems) {
    let limits = &route.limit;
    for (name, rate) in [("route", &limits.route), ("caller", &limits.caller)] {
        if let Some(rate) = rate {
            self::rate(&key.child(name), rate, problems);
        }
    }
    let (Some(all), Some(caller)) = (&limits.route, &limits.caller) else {
        return;
    };
    if per_second(caller) > per_second(all) && burst(caller) >= burst(all) {
        let text =
            "one caller may make more requests than all together: this limit is never reached";
        problems.warn(&key.child("caller"), text);
    }
}

fn rate(key: &KeyPath, rate: &RateSettings, problems: &mut Problems) {
    let key = key.child("requests");
    if rate.requests == 0 {
        let problem = "with 0 requests, none is let through";
        problems.error(
            &key,
            problem,
            "Raise it, or set enabled = false on the route",
        );
    }
    if u128::from(rate.requests) > rate.per.as_nanos() {
        let problem = format!(
            "more than one request in a nanosecond ({} in {})",
            rate.requests,
            show_duration(rate.per)
        );
        problems.error(&key, problem, "Lower it, or remove the limit");
    }
}

fn per_second(rate: &RateSettings) -> f64 {
    f64::from(rate.requests) / rate.per.as_secs_f64()
}

fn burst(rate: &RateSettings) -> u32 {
    rate.burst.unwrap_or(rate.requests)
}

/// Whether the route lets a method through.
fn passes(route: &RouteSettings, method: &str) -> bool {
    route.methods.is_empty() || route.methods.iter().any(|one| one == method)
}

fn idempotency(
    key: &KeyPath,
    idempotency: &IdempotencySettings,
    route: &RouteSettings,
    problems: &mut Problems,
) {
    let (key, names) = (key.child("methods"), &idempotency.methods);
    methods(&key, names, problems);
    if names.is_empty() {
        let problem = "the list is empty, so no key would count";
        problems.error(
            &key,
            problem,
            "Write [\"POST\", \"PATCH\"], or remove the table",
        );
    } else if !names.iter().any(|name| passes(route, name)) {
        let problem = "none of these methods passes the route";
        problems.error(
            &key,
            problem,
            "Name one that stands in `methods`, or remove the table",
        );
    }
}

fn cache(
    key: &KeyPath,
    cache: &RouteCache,
    route: &RouteSettings,
    settings: &Settings,
    problems: &mut Problems,
) {
    if let Some(default_ttl) = cache.default_ttl {
        let (max, default) = (key.child("max_ttl"), key.child("default_ttl"));
        at_least(
            problems,
            (&max.to_string(), cache.max_ttl),
            (&default.to_string(), default_ttl),
        );
    }
    let entry = key.child("max_entry").to_string();
    let memory = ("cache.memory", settings.cache.memory);
    at_least(problems, memory, (&entry, cache.max_entry));
    if !["GET", "HEAD"]
        .into_iter()
        .any(|method| passes(route, method))
    {
        let problem = "neither GET nor HEAD passes the route, and no other answers are kept";
        problems.error(key, problem, "Add GET to `methods`, or remove the table");
    }
}
