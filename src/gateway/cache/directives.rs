//! `Cache-Control` (RFC 9111, section 5.2), of requests and answers.

use std::time::Duration;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};

/// The greatest number of seconds that is told apart (RFC 9111, section 1.2.2).
const MAX_SECONDS: u64 = 1 << 31;

/// The directives of a message, their names in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives {
    list: Vec<(String, Option<String>)>,
    /// Whether a line could not be read: it may forbid anything.
    is_broken: bool,
}

impl Directives {
    /// Those of `headers`. `Pragma: no-cache` counts where there is no `Cache-Control` (RFC 9111, section 5.4).
    pub(super) fn of(headers: &HeaderMap) -> Directives {
        let mut directives = Directives::default();
        for line in headers.get_all(CACHE_CONTROL) {
            match line.to_str() {
                Ok(text) => directives.read(text),
                Err(_) => directives.is_broken = true,
            }
        }
        let is_pragma = !headers.contains_key(CACHE_CONTROL)
            && headers
                .get_all(PRAGMA)
                .iter()
                .any(|line| line.as_bytes().eq_ignore_ascii_case(b"no-cache"));
        if is_pragma {
            directives.list.push(("no-cache".to_owned(), None));
        }
        directives
    }

    /// Whether there is no telling what they say.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether `name` stands there, with or without a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|(one, _)| one == name)
    }

    /// The time that `name` gives; zero where its value is none, so that nothing counts as fresh by mistake.
    pub(super) fn time(&self, name: &str) -> Option<Duration> {
        let (_, value) = self.list.iter().find(|(one, _)| one == name)?;
        let seconds = value.as_deref().map_or(0, seconds);
        Some(Duration::from_secs(seconds))
    }

    /// Whether `name` stands there without a value.
    pub(super) fn is_bare(&self, name: &str) -> bool {
        self.list
            .iter()
            .any(|(one, value)| one == name && value.is_none())
    }

    /// The same in one line of plain tokens, without those that `leave_out` names.
    pub(super) fn plain(&self, leave_out: &[&str]) -> String {
        let mut line = String::new();
        let kept = self.list.iter();
        for (name, value) in kept.filter(|(name, _)| !leave_out.contains(&name.as_str())) {
            if !line.is_empty() {
                line.push_str(", ");
            }
            line.push_str(name);
            if value.is_some() {
                line.push('=');
                line.push_str(&value.as_deref().map_or(0, seconds).to_string());
            }
        }
        line
    }

    /// Takes `text` apart: `name`, `name=token`, `name="quoted, text"`.
    fn read(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let (directive, behind) = rest.split_at(end_of_element(rest));
            rest = behind.strip_prefix(',').unwrap_or(behind);
            let (name, value) = match directive.split_once('=') {
                Some((name, value)) => (name, Some(unquoted(value.trim()))),
                None => (directive, None),
            };
            let name = name.trim().to_ascii_lowercase();
            if !name.is_empty() && name.bytes().all(is_token) {
                self.list.push((name, value));
            }
        }
    }
}

/// Where the first element of a list ends: at a comma that stands in no quotes (RFC 9110, section 5.6.1).
pub(super) fn end_of_element(text: &str) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn unquoted(value: &str) -> String {
    let inside = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    inside.unwrap_or(value).to_owned()
}

/// The number; too large ones are the largest, and what is no number is zero.
fn seconds(value: &str) -> u64 {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match is_number {
        true => value.parse().unwrap_or(MAX_SECONDS).min(MAX_SECONDS),
        false => 0,
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What a request asks of caches (RFC 9111, section 5.2.1; RFC 5861, section 4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// Nothing that the upstream has not just confirmed.
    pub(super) no_cache: bool,
    /// Nothing of it is to be kept.
    pub(super) no_store: bool,
    /// An answer that is kept, or none.
    pub(super) only_if_cached: bool,
    /// Nothing older.
    pub(super) max_age: Option<Duration>,
    /// Nothing that is not fresh for so long.
    pub(super) min_fresh: Duration,
    /// How long it may have been stale.
    pub(super) max_stale: Duration,
    /// As long as that when the upstream fails.
    pub(super) stale_if_error: Duration,
}

impl Wishes {
    /// Those of a request with `headers`.
    pub(super) fn of(headers: &HeaderMap) -> Wishes {
        let directives = Directives::of(headers);
        let time = |name| directives.time(name).unwrap_or_default();
        Wishes {
            no_cache: directives.has("no-cache") || directives.is_broken(),
            no_store: directives.has("no-store"),
            only_if_cached: directives.has("only-if-cached"),
            max_age: directives.time("max-age"),
            min_fresh: time("min-fresh"),
            max_stale: match directives.is_bare("max-stale") {
                true => Duration::MAX,
                false => time("max-stale"),
            },
            stale_if_error: time("stale-if-error"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[&'static [u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, HeaderValue::from_bytes(line).expect("text"));
        }
        headers
    }

    /// Scenario: lists of every form: several lines, capitals, quotes with commas in them, empty elements, text that is no directive.
    /// Guarantees: names are found in lower case; what stands in quotes is no directive.
    #[test]
    fn directives_are_found() {
        for (lines, plain) in [
            (&["No-Store"][..], "no-store"),
            (&["max-age=60", ", Public ,"], "max-age=60, public"),
            (&["private=\"set-cookie, no-store\", a"], "private=0, a"),
            (&["s-maxage=\"30\""], "s-maxage=30"),
            (&["x=\"a\\\", no-store\", max-age=1"], "x=0, max-age=1"),
            (&["max age=1, =2, \u{7f}"], ""),
            (&["x=\"open, no-store"], "x=0"),
            (&[""], ""),
        ] {
            let mut directives = Directives::default();
            lines.iter().for_each(|line| directives.read(line));
            assert_eq!(directives.plain(&[]), plain, "{lines:?}");
        }
    }

    /// Scenario: times that are absurd, negative, missing or no number. Guarantees: the largest, or zero.
    #[test]
    fn times_are_bounded() {
        for (text, seconds) in [
            ("a=7", Some(7)),
            ("a=99999999999999999999999", Some(MAX_SECONDS)),
            ("a=-1", Some(0)),
            ("a=+1", Some(0)),
            ("a", Some(0)),
            ("a=1.5", Some(0)),
            ("b=1", None),
        ] {
            let mut directives = Directives::default();
            directives.read(text);
            let time = directives.time("a").map(|time| time.as_secs());
            assert_eq!(time, seconds, "{text}");
        }
    }

    /// Scenario: a line that is no text. Guarantees: nobody relies on the others; a request is taken to ask for a confirmed answer.
    #[test]
    fn what_cannot_be_read_forbids() {
        let headers = headers(&[b"max-age=5", b"\xffno-store"]);
        assert!(Directives::of(&headers).is_broken());
        assert!(Wishes::of(&headers).no_cache);
    }

    /// Scenario: `Pragma: no-cache` with and without `Cache-Control`. Guarantees: it counts only alone.
    #[test]
    fn pragma_counts_alone() {
        let mut alone = HeaderMap::new();
        alone.insert(PRAGMA, HeaderValue::from_static("No-Cache"));
        assert!(Wishes::of(&alone).no_cache);
        let mut both = headers(&[b"max-stale"]);
        both.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        let wishes = Wishes::of(&both);
        assert!(!wishes.no_cache);
        assert_eq!(wishes.max_stale, Duration::MAX);
    }
}
