//! What an answer says about asking again.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, StatusCode};

/// Milliseconds, as Azure and OpenAI send them.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
/// `true` or `false`: Stripe's, and that of OpenAI and Anthropic.
const SHOULD_RETRY: [HeaderName; 2] = [
    HeaderName::from_static("stripe-should-retry"),
    HeaderName::from_static("x-should-retry"),
];

/// No hint is believed beyond this: what asks for more is broken or hostile.
pub const LONGEST_HINT: Duration = Duration::from_secs(24 * 3600);

/// How long the sender of `headers` wants to be left alone, as seen at `now`: `retry-after-ms` first, as it is the more exact, then
/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3). A date that has passed is zero; of several values the longest
/// counts, and a fraction is rounded up. At most [`LONGEST_HINT`]; `None` where nothing that can be read is said.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let longest = |name, read: &dyn Fn(&str) -> Option<Duration>| {
        let values = headers.get_all(name).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        texts.filter_map(|text| read(text.trim())).max()
    };
    let asked = longest(&RETRY_AFTER_MS, &|text| {
        number(text).map(Duration::from_millis)
    })
    .or_else(|| longest(&RETRY_AFTER, &|text| seconds_or_date(text, now)))?;
    Some(asked.min(LONGEST_HINT))
}

/// Whether an answer of `status` with `headers` is a reason to make the request again. `is_listed` says whether one's own list of statuses has it;
/// the sender knows better where it says so (`Stripe-Should-Retry`, `X-Should-Retry`): its `false` is always obeyed, its `true` for answers
/// that are errors (4xx, 5xx). Whether the request *may* be made again is another question, see [`Repeatable`](super::Repeatable), on which the
/// sender has no say.
pub fn asks_again(status: StatusCode, headers: &HeaderMap, is_listed: bool) -> bool {
    let is_error = status.is_client_error() || status.is_server_error();
    (is_listed || is_error) && should_retry(headers).unwrap_or(is_listed)
}

/// What the sender says about repeating the request, see [`asks_again`]; where it contradicts itself, `false`.
fn should_retry(headers: &HeaderMap) -> Option<bool> {
    let values = SHOULD_RETRY
        .into_iter()
        .flat_map(|name| headers.get_all(name));
    let words = values.filter_map(|value| match value.as_bytes() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    });
    words.min()
}

fn seconds_or_date(text: &str, now: SystemTime) -> Option<Duration> {
    if let Some(seconds) = number(text) {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

/// Digits, perhaps with a fraction. A number that is too large for its type is the largest that there is.
fn number(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.parse().unwrap_or(u64::MAX);
    let has_more = fraction.bytes().any(|digit| digit != b'0');
    Some(whole.saturating_add(u64::from(has_more)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// Names and values of headers.
    type Pairs<'a> = &'a [(&'static str, &'a str)];

    fn headers(pairs: Pairs) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        };
        pairs.iter().map(pair).collect()
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(784_111_777) // Sun, 06 Nov 1994 08:49:37 GMT
    }

    /// Scenario: hints in every form, and what is none. Guarantees: each is read as its document says; nonsense says nothing.
    #[test]
    fn hints_are_read() {
        let cases: [(Pairs, Option<u64>); 15] = [
            (&[], None),
            (&[("retry-after", "120")], Some(120_000)),
            (&[("retry-after", " 7 ")], Some(7_000)),
            (&[("retry-after", "0")], Some(0)),
            (&[("retry-after", "1.5")], Some(2_000)),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "")], None),
            (
                &[("retry-after", "Sun, 06 Nov 1994 08:49:57 GMT")],
                Some(20_000),
            ),
            (&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], Some(0)),
            (&[("retry-after-ms", "250")], Some(250)),
            (
                &[("retry-after-ms", "250"), ("retry-after", "1")],
                Some(250),
            ),
            (
                &[("retry-after-ms", "nonsense"), ("retry-after", "1")],
                Some(1_000),
            ),
            (
                &[("retry-after", "99999999999999999999999999")],
                Some(86_400_000),
            ),
            (
                &[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")],
                Some(86_400_000),
            ),
        ];
        for (given, asked) in cases {
            let asked = asked.map(Duration::from_millis);
            assert_eq!(retry_after(&headers(given), now()), asked, "{given:?}");
        }
    }

    /// Scenario: several values, as two servers in a row might send them. Guarantees: the longest that can be read counts.
    #[test]
    fn the_longest_of_several_counts() {
        let values = ["1", "-9", "30", "Sun, 06 Nov 1994 08:49:57 GMT", "soon"];
        let headers = headers(&values.map(|value| ("retry-after", value)));
        let asked = retry_after(&headers, now());
        assert_eq!(asked, Some(Duration::from_secs(30)));
    }

    /// Scenario: answers that are listed and not, with the sender's word and without. Guarantees: its `false` always counts, its `true` makes
    /// errors worth repeating and nothing else, and other words say nothing.
    #[test]
    fn the_sender_has_a_say() {
        let cases = [
            (503, true, "x-should-retry", "nothing", true),
            (500, false, "x-should-retry", "nothing", false),
            (503, true, "x-should-retry", "false", false),
            (503, true, "stripe-should-retry", "false", false),
            (409, false, "stripe-should-retry", "true", true),
            (500, false, "x-should-retry", "true", true),
            (200, false, "x-should-retry", "true", false),
            (302, true, "x-should-retry", "true", true),
            (429, true, "x-should-retry", "1", true),
        ];
        for (status, is_listed, name, word, again) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            let headers = headers(&[(name, word)]);
            let asks = asks_again(status, &headers, is_listed);
            assert_eq!(asks, again, "{status} {is_listed} {name}: {word}");
        }
        let both = headers(&[("x-should-retry", "true"), ("stripe-should-retry", "false")]);
        assert!(!asks_again(StatusCode::BAD_GATEWAY, &both, true));
        assert!(asks_again(StatusCode::BAD_GATEWAY, &HeaderMap::new(), true));
    }

    proptest! {
        /// Scenario: any bytes in both headers. Guarantees: no panic, and no wait beyond the longest that is believed.
        #[test]
        fn no_hint_is_too_long(seconds in "[ -~]{0,40}|[0-9.]{0,30}", millis in "[0-9.]{0,30}") {
            let headers = headers(&[("retry-after", &seconds), ("retry-after-ms", &millis)]);
            prop_assert!(retry_after(&headers, now()).unwrap_or_default() <= LONGEST_HINT);
        }
    }
}
