//! What is kept of an answer's headers, and how they are written down.

use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, PROXY_AUTHENTICATE, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers that are not kept: those of one connection (RFC 9110, section 7.6.1), the length and the date, which are written anew, and
/// cookies: they are credentials, and an old one would end a newer session.
const LEFT_OUT: [HeaderName; 11] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    CONTENT_LENGTH,
    DATE,
    SET_COOKIE,
];

/// The headers and trailers of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerHead {
    /// The headers.
    pub headers: HeaderMap,
    /// The trailers.
    pub trailers: Option<HeaderMap>,
}

impl AnswerHead {
    /// What is kept of `headers` and `trailers`.
    pub fn kept(headers: &HeaderMap, trailers: Option<&HeaderMap>) -> AnswerHead {
        let nominated: Vec<_> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        let is_kept = |name: &HeaderName| {
            !LEFT_OUT.contains(name) && !nominated.iter().any(|one| one == name.as_str())
        };
        AnswerHead {
            headers: headers
                .iter()
                .filter(|(name, _)| is_kept(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            trailers: trailers.cloned(),
        }
    }

    /// One line each, `name: value`; an empty line, and the trailers behind it, where there are some. Neither names nor values can hold
    /// a line break (RFC 9110, section 5.5).
    pub fn to_lines(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        write(&mut lines, &self.headers);
        if let Some(trailers) = &self.trailers {
            lines.push(b'\n');
            write(&mut lines, trailers);
        }
        lines
    }

    /// What [`AnswerHead::to_lines`] wrote; `None` where `lines` are something else.
    pub fn of_lines(lines: &[u8]) -> Option<AnswerHead> {
        let mut head = AnswerHead::default();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n")?;
            if line.is_empty() {
                head.trailers.get_or_insert_default();
                continue;
            }
            let colon = line.windows(2).position(|pair| pair == b": ")?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            let value = HeaderValue::from_bytes(&line[colon + 2..]).ok()?;
            let AnswerHead { headers, trailers } = &mut head;
            trailers.as_mut().unwrap_or(headers).append(name, value);
        }
        Some(head)
    }
}

fn write(lines: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"] {
            lines.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static [u8])]) -> HeaderMap {
        let pairs = all.iter().map(|(name, value)| {
            let value = HeaderValue::from_bytes(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    /// Scenario: an answer with headers of every kind. Guarantees: those of the connection, those that it nominates, the length,
    /// the date and cookies are left out; everything else stays, repeated headers in their order.
    #[test]
    fn what_would_be_wrong_later_is_left_out() {
        let answered = headers(&[
            ("content-type", b"application/json"),
            ("connection", b"X-Hop, close"),
            ("x-hop", b"1"),
            ("keep-alive", b"timeout=5"),
            ("transfer-encoding", b"chunked"),
            ("content-length", b"2"),
            ("date", b"Tue, 15 Nov 1994 08:12:31 GMT"),
            ("set-cookie", b"session=1"),
            ("link", b"<a>"),
            ("link", b"<b>"),
            ("content-encoding", b"gzip"),
        ]);
        let kept = AnswerHead::kept(&answered, None).headers;
        let expected = headers(&[
            ("content-type", b"application/json"),
            ("link", b"<a>"),
            ("link", b"<b>"),
            ("content-encoding", b"gzip"),
        ]);
        assert_eq!(kept, expected);
    }

    /// Scenario: heads with nothing, with odd values, with trailers, and with trailers alone.
    /// Guarantees: what is written is read as it was.
    #[test]
    fn heads_are_written_and_read() {
        let odd = headers(&[
            ("a", b""),
            ("b", b": x: y"),
            ("c", b"\xff\xfe tab\there"),
            ("c", b"2"),
        ]);
        for head in [
            AnswerHead::default(),
            AnswerHead {
                headers: odd.clone(),
                trailers: None,
            },
            AnswerHead {
                headers: odd.clone(),
                trailers: Some(headers(&[("grpc-status", b"0")])),
            },
            AnswerHead {
                headers: HeaderMap::new(),
                trailers: Some(odd),
            },
            AnswerHead {
                headers: HeaderMap::new(),
                trailers: Some(HeaderMap::new()),
            },
        ] {
            assert_eq!(AnswerHead::of_lines(&head.to_lines()), Some(head));
        }
    }

    /// Scenario: bytes that are no head. Guarantees: none is made of them.
    #[test]
    fn other_bytes_are_no_head() {
        for lines in [&b"a: b"[..], b"a\n", b": b\n", b"a b: c\n", b"a: \x00\n"] {
            assert_eq!(AnswerHead::of_lines(lines), None, "{lines:?}");
        }
    }
}
