//! Routes of the gateway: what they take, where they lead, and what guards them.

mod guards;
mod taken;
mod twins;
mod upstream;

use http::{HeaderName, Method};

use super::{headers, names};
use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::settings::{RouteSettings, Settings};
use crate::config::status_range::StatusRange;

/// Each route has meters, a breaker and a pool of its own.
const MAX_ROUTES: usize = 1000;

/// What a request cannot be sent without, and what the gateway itself says in it.
const HOST: &str = "host";

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    let above = KeyPath::from("route");
    names::check(&above, "route", settings.route.keys(), problems);
    if settings.route.len() > MAX_ROUTES {
        let problem = format!("there are {} routes", settings.route.len());
        problems.error(&above, problem, format!("Name {MAX_ROUTES} at most"));
    }
    for (name, route) in &settings.route {
        let key = above.child(name);
        taken::check(&key, route, problems);
        upstream::check(&key, route, settings, problems);
        sent(&key, route, problems);
        guards::check(&key, route, settings, problems);
    }
    twins::check(settings, problems);
}

/// Headers that are added, taken away, or read.
fn sent(key: &KeyPath, route: &RouteSettings, problems: &mut Problems) {
    let reserved = [&headers::FRAMING[..], &[HOST]].concat();
    let added = key.child("headers");
    headers::check(&added, &route.headers, &reserved, problems);
    let of_requests = &route.drop_request_headers;
    let key_of = |name: &str| key.child(name);
    let dropped = key_of("drop_request_headers");
    header_names(&dropped, of_requests, &reserved, problems);
    let dropped = key_of("drop_answer_headers");
    header_names(
        &dropped,
        &route.drop_answer_headers,
        &headers::FRAMING,
        problems,
    );
    header_names(&key_of("caller"), &route.caller, &[], problems);
}

fn header_names(key: &KeyPath, names: &[String], needed: &[&str], problems: &mut Problems) {
    for (at, name) in names.iter().enumerate() {
        let (shown, lower) = (name.escape_debug(), name.to_lowercase());
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            let problem = format!("\"{shown}\" is not a header name");
            problems.error(key, problem, "Write letters, digits and hyphens");
        }
        if needed.contains(&lower.as_str()) {
            let problem = format!("\"{shown}\" is a header that the transport needs");
            problems.error(key, problem, "Remove it from the list");
        }
        if names[..at]
            .iter()
            .any(|other| other.eq_ignore_ascii_case(name))
        {
            let problem = format!("\"{shown}\" is named more than once");
            problems.error(key, problem, "Name each header once");
        }
    }
}

fn methods(key: &KeyPath, names: &[String], problems: &mut Problems) {
    for (at, name) in names.iter().enumerate() {
        let shown = name.escape_debug();
        let upper = name.to_ascii_uppercase();
        let fix = "Write GET, POST or another";
        match Method::from_bytes(name.as_bytes()) {
            Err(_) => problems.error(key, format!("\"{shown}\" is not a method"), fix),
            Ok(Method::CONNECT | Method::TRACE) => {
                let problem = format!("{shown} never passes the gateway");
                problems.error(key, problem, "Remove it from the list");
            }
            // Methods are case-sensitive (RFC 9110, section 9.1).
            Ok(_) if *name != upper && is_common(&upper) => {
                let problem =
                    format!("\"{shown}\" is another method than {upper}, and nobody asks for it");
                problems.error(key, problem, format!("Write {upper}"));
            }
            Ok(_) if names[..at].contains(name) => {
                let problem = format!("{shown} is named more than once");
                problems.error(key, problem, "Name each method once");
            }
            Ok(_) => {}
        }
    }
}

/// Whether it is one of those that RFC 9110, section 9.3, and RFC 5789 define.
fn is_common(method: &str) -> bool {
    let common = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE",
    ];
    common.contains(&method)
}

fn statuses(key: &KeyPath, statuses: &[String], problems: &mut Problems) {
    for status in statuses {
        if let Err(reason) = StatusRange::parse(status) {
            let problem = format!("\"{}\" {reason}", status.escape_debug());
            let fix = "Write each as \"502\", \"5xx\" or \"500-504\"";
            problems.error(key, problem, fix);
        }
    }
}
