//! Texts that must have a shape: tokens, origins, header names, log directives.

use http::HeaderName;
use tracing_subscriber::EnvFilter;

use crate::config::problem::Problems;
use crate::config::secret::Secret;
use crate::config::settings::{ReceiveSettings, Settings};
use crate::config::suggest::nearest;

/// The levels that `telemetry.log` may name alone.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// No `service.name` is longer, in bytes.
const MAX_SERVICE_NAME: usize = 255;

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    let receive = &settings.receive.bearer_token;
    token("receive.bearer_token", receive.as_ref(), problems);
    token("api.token", settings.api.token.as_ref(), problems);
    cors(&settings.receive, problems);
    service_name(&settings.telemetry.service_name, problems);
    log(&settings.telemetry.log, problems);
}

fn token(key: &str, token: Option<&Secret>, problems: &mut Problems) {
    // RFC 6750, section 2.1: a bearer token is visible ASCII without spaces.
    let illegal = |token: &Secret| !token.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if token.is_some_and(illegal) {
        let problem =
            "the token holds a space, a control character or a character that is not ASCII";
        problems.error(
            &key.into(),
            problem,
            "Use visible ASCII characters only, without \"Bearer \" in front",
        );
    }
}

fn cors(receive: &ReceiveSettings, problems: &mut Problems) {
    for origin in receive
        .cors
        .allowed_origins
        .iter()
        .filter(|origin| !is_origin(origin))
    {
        let problem = format!("\"{}\" is not an origin", origin.escape_debug());
        problems.error(
            &"receive.cors.allowed_origins".into(),
            problem,
            "Write scheme://host[:port] without a path or trailing slash, or \"*\"",
        );
    }
    let headers = receive.cors.allowed_headers.iter();
    for name in headers.filter(|name| HeaderName::from_bytes(name.as_bytes()).is_err()) {
        let problem = format!("\"{}\" is not a header name", name.escape_debug());
        problems.error(
            &"receive.cors.allowed_headers".into(),
            problem,
            "Write names of letters, digits and hyphens",
        );
    }
}

/// RFC 6454, section 7: a scheme, a host and perhaps a port, nothing more.
fn is_origin(text: &str) -> bool {
    let sane = |host: &str| {
        !host.is_empty()
            && !host.contains(['/', '@', '?', '#'])
            && host.bytes().all(|byte| byte.is_ascii_graphic())
    };
    text == "*"
        || text
            .split_once("://")
            .is_some_and(|(scheme, host)| !scheme.is_empty() && sane(host))
}

fn service_name(name: &str, problems: &mut Problems) {
    let sane = !name.trim().is_empty() && name.trim() == name && !name.contains(char::is_control);
    if !sane || name.len() > MAX_SERVICE_NAME {
        let problem =
            "the name is empty, longer than 255 bytes, or holds control characters or outer spaces";
        problems.error(
            &"telemetry.service_name".into(),
            problem,
            "Write a short name, as \"lineside\"",
        );
    }
}

fn log(directives: &str, problems: &mut Problems) {
    let key = "telemetry.log".into();
    if let Err(error) = EnvFilter::try_new(directives) {
        problems.error(
            &key,
            format!("the directives cannot be read: {error}"),
            "Write a level, or target=level with commas between",
        );
    }
    // A misspelled level is legal: it reads as the name of a target, and everything else falls silent.
    for word in directives
        .split(',')
        .map(str::trim)
        .filter(|word| !word.contains(['=', ':', '[']))
    {
        let near = nearest(word, LEVELS).filter(|level| !level.eq_ignore_ascii_case(word));
        if let Some(level) = near {
            problems.error(
                &key,
                format!("\"{}\" is not a level", word.escape_debug()),
                format!("Did you mean {level}?"),
            );
        }
    }
}
