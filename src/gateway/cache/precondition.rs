//! Requests that want a body only if it is another one (RFC 9110, section 13).

use http::header::{
    ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED,
    RANGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::directives::end_of_element;
use super::entry::{Entry, weak};

/// Whether the upstream alone can answer: a part of a body is asked for, or a state that only the upstream knows.
pub(super) fn is_for_upstream(headers: &HeaderMap) -> bool {
    [RANGE, IF_RANGE, IF_MATCH, IF_UNMODIFIED_SINCE]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// What the caller has already.
#[derive(Clone, Debug, Default)]
pub(super) struct Had {
    if_none_match: Vec<HeaderValue>,
    if_modified_since: Option<HeaderValue>,
}

impl Had {
    /// What a request with `headers` says of that.
    pub(super) fn of(headers: &HeaderMap) -> Had {
        Had {
            if_none_match: headers.get_all(IF_NONE_MATCH).iter().cloned().collect(),
            if_modified_since: headers.get(IF_MODIFIED_SINCE).cloned(),
        }
    }

    /// Whether an answer with `status` and `headers` is what the caller has (RFC 9110, section 13.2.2).
    pub(super) fn is(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        if !status.is_success() {
            return false;
        }
        if !self.if_none_match.is_empty() {
            return self.matches(headers.get(ETAG));
        }
        let date = |value: Option<&HeaderValue>| {
            let text = value?.to_str().ok()?;
            httpdate::parse_http_date(text).ok()
        };
        let since = date(self.if_modified_since.as_ref());
        let modified = date(headers.get(LAST_MODIFIED));
        since
            .zip(modified)
            .is_some_and(|(since, modified)| modified <= since)
    }

    fn matches(&self, etag: Option<&HeaderValue>) -> bool {
        let etag = etag.map(|etag| weak(etag.as_bytes()));
        let lines = self.if_none_match.iter();
        lines.filter_map(|line| line.to_str().ok()).any(|line| {
            let mut rest = line;
            while !rest.is_empty() {
                let (tag, behind) = rest.split_at(end_of_element(rest));
                rest = behind.strip_prefix(',').unwrap_or(behind);
                let tag = tag.trim();
                if tag == "*" || (!tag.is_empty() && etag == Some(weak(tag.as_bytes()))) {
                    return true;
                }
            }
            false
        })
    }
}

/// Asks for a body in any case.
pub(super) fn make_unconditional(headers: &mut HeaderMap) {
    headers.remove(IF_NONE_MATCH);
    headers.remove(IF_MODIFIED_SINCE);
}

/// Asks whether `entry` is still what the upstream would answer (RFC 9111, section 4.3.1).
pub(super) fn make_confirming(headers: &mut HeaderMap, entry: &Entry) {
    make_unconditional(headers);
    if let Some(etag) = entry.headers.get(ETAG) {
        headers.insert(IF_NONE_MATCH, etag.clone());
    }
    if let Some(modified) = entry.headers.get(LAST_MODIFIED) {
        headers.insert(IF_MODIFIED_SINCE, modified.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NEW: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    /// Scenario: what callers have, in every form, against an answer. Guarantees: the weak comparison of tags; a tag decides
    /// over a date; an answer without either is never taken for what the caller has.
    #[test]
    fn what_the_caller_has_is_known() {
        let answer = headers(&[("etag", "\"a,b\""), ("last-modified", OLD)]);
        for (asked, is_same) in [
            (&[][..], false),
            (&[("if-none-match", "\"a,b\"")], true),
            (&[("if-none-match", "W/\"a,b\"")], true),
            (&[("if-none-match", "\"x\", \"a,b\"")], true),
            (&[("if-none-match", "\"x\""), ("if-none-match", "*")], true),
            (&[("if-none-match", "\"a"), ("if-none-match", "b\"")], false),
            (
                &[("if-none-match", "\"x\""), ("if-modified-since", NEW)],
                false,
            ),
            (&[("if-modified-since", NEW)], true),
            (&[("if-modified-since", OLD)], true),
            (&[("if-modified-since", "yesterday")], false),
        ] {
            let had = Had::of(&headers(asked));
            assert_eq!(had.is(StatusCode::OK, &answer), is_same, "{asked:?}");
            assert!(!had.is(StatusCode::NOT_FOUND, &answer), "{asked:?}");
        }
        let newer = headers(&[("last-modified", NEW)]);
        let had = Had::of(&headers(&[("if-modified-since", OLD)]));
        assert!(!had.is(StatusCode::OK, &newer));
        assert!(!had.is(StatusCode::OK, &HeaderMap::new()));
    }
}
