//! The key of a request.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header of the draft, section 2.1.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header that services used before the draft. Answers carry it as well.
pub const X_IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");

/// No key is longer, in characters.
const MAX_CHARS: usize = 255;

/// A key: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

/// Why a header holds no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It holds nothing.
    #[error("the key is empty")]
    Empty,
    /// It holds more than 255 characters.
    #[error("the key is longer than {MAX_CHARS} characters")]
    TooLong,
    /// It holds a space, a control character or something beyond ASCII.
    #[error("the key holds something else than visible ASCII characters")]
    NotVisible,
    /// Its quotes or escapes are not those of a string (RFC 9651, section 3.3.3).
    #[error("the key begins with a quote and is not a string in quotes")]
    Quotes,
    /// The headers hold different keys.
    #[error("the request has several keys that differ")]
    Several,
}

impl Key {
    /// The key that `headers` carry: as `Idempotency-Key`, as `X-Idempotency-Key`, or the same in both.
    ///
    /// # Errors
    ///
    /// A header holds no key, or several hold different ones.
    pub fn of(headers: &HeaderMap) -> Result<Option<Key>, KeyError> {
        let values = [IDEMPOTENCY_KEY, X_IDEMPOTENCY_KEY];
        let values = values.iter().flat_map(|name| headers.get_all(name));
        let mut found: Option<Key> = None;
        for value in values {
            let key = Key::parse(value.as_bytes())?;
            if found.as_ref().is_some_and(|found| *found != key) {
                return Err(KeyError::Several);
            }
            found = Some(key);
        }
        Ok(found)
    }

    /// The key in the value of a header: a string in quotes, as the draft has it (RFC 9651, section 3.3.3), or the bare characters,
    /// as most clients send them. Both give the same key. Parameters behind the string are not taken: none are defined.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(value: &[u8]) -> Result<Key, KeyError> {
        let text = match value.strip_prefix(b"\"") {
            Some(quoted) => unquoted(quoted)?,
            None => value.to_vec(),
        };
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.len() > MAX_CHARS {
            return Err(KeyError::TooLong);
        }
        if !text.iter().all(u8::is_ascii_graphic) {
            return Err(KeyError::NotVisible);
        }
        let text = String::from_utf8(text).map_err(|_| KeyError::NotVisible)?;
        Ok(Key(text.into()))
    }

    /// The key without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as the value of a header, without quotes.
    pub fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands in a string, of which `rest` is all behind the first quote.
fn unquoted(rest: &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut text = Vec::with_capacity(rest.len());
    let mut bytes = rest.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' if bytes.as_slice().is_empty() => return Ok(text),
            b'"' => return Err(KeyError::Quotes),
            b'\\' => match bytes.next() {
                Some(&escaped @ (b'"' | b'\\')) => text.push(escaped),
                _ => return Err(KeyError::Quotes),
            },
            other => text.push(other),
        }
    }
    Err(KeyError::Quotes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: keys in quotes and bare, short, long, and such as are none.
    /// Guarantees: 1 to 255 visible ASCII characters are a key, and quotes make no difference.
    #[test]
    fn keys_are_read() {
        let long = "k".repeat(255);
        let too_long = "k".repeat(256);
        let quoted_long = format!("\"{long}\"");
        let cases: [(&[u8], Result<&str, KeyError>); 20] = [
            (b"8e03978e-40d5", Ok("8e03978e-40d5")),
            (b"\"8e03978e-40d5\"", Ok("8e03978e-40d5")),
            (b"!~", Ok("!~")),
            (b"a\"b", Ok("a\"b")),
            (br#""a\"b\\c""#, Ok(r#"a"b\c"#)),
            (br"a\b", Ok(r"a\b")),
            (long.as_bytes(), Ok(&long)),
            (quoted_long.as_bytes(), Ok(&long)),
            (too_long.as_bytes(), Err(KeyError::TooLong)),
            (b"", Err(KeyError::Empty)),
            (b"\"\"", Err(KeyError::Empty)),
            (b"a b", Err(KeyError::NotVisible)),
            (b"\"a b\"", Err(KeyError::NotVisible)),
            (b"a\tb", Err(KeyError::NotVisible)),
            ("schlüssel".as_bytes(), Err(KeyError::NotVisible)),
            (b"a\xff", Err(KeyError::NotVisible)),
            (b"\"a", Err(KeyError::Quotes)),
            (b"\"", Err(KeyError::Quotes)),
            (b"\"a\";b=1", Err(KeyError::Quotes)),
            (br#""a\n""#, Err(KeyError::Quotes)),
        ];
        for (value, expected) in cases {
            let key = Key::parse(value);
            let shown = String::from_utf8_lossy(value);
            assert_eq!(
                key.as_ref().map(Key::as_str),
                expected.as_ref().map(|text| *text),
                "{shown}"
            );
        }
    }

    /// Scenario: requests with no key, one, the same twice, and two that differ, in one header or in both.
    /// Guarantees: only a request that means one key has one.
    #[test]
    fn a_request_has_one_key_or_none() {
        let headers = |all: &[(&HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in all {
                headers.append(*name, HeaderValue::from_static(value));
            }
            Key::of(&headers).map(|key| key.map(|key| key.to_string()))
        };
        let (new, old) = (&IDEMPOTENCY_KEY, &X_IDEMPOTENCY_KEY);
        let a = Ok(Some("a".to_owned()));
        assert_eq!(headers(&[]), Ok(None));
        assert_eq!(headers(&[(new, "\"a\"")]), a);
        assert_eq!(headers(&[(old, "a")]), a);
        assert_eq!(headers(&[(new, "\"a\""), (old, "a")]), a);
        assert_eq!(headers(&[(new, "a"), (new, "a")]), a);
        assert_eq!(headers(&[(new, "a"), (new, "b")]), Err(KeyError::Several));
        assert_eq!(headers(&[(new, "a"), (old, "b")]), Err(KeyError::Several));
        assert_eq!(headers(&[(new, ""), (old, "b")]), Err(KeyError::Empty));
    }
}
