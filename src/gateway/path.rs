//! The path that a request asks for: checked in one pass, and never changed.
//!
//! An upstream may decode what the gateway only compares. What could lead elsewhere once decoded is therefore refused: dot segments
//! in every spelling, backslashes, encoded control characters. What is encoded twice is data.

use std::borrow::Cow;
use std::fmt;

/// A path that holds nothing that could lead elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path<'a> {
    raw: &'a str,
    /// It has %2F or %5C.
    has_encoded_slash: bool,
    /// It reads the same to everybody: nothing encoded, no empty segment, no parameter.
    is_plain: bool,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPath {
    /// It does not begin with a slash.
    NoSlash,
    /// A character that must be encoded stands as it is.
    Character,
    /// A percent sign without two hexadecimal digits.
    Encoding,
    /// An encoded control character.
    Control,
    /// A backslash.
    Backslash,
    /// A `.` or `..` segment, literal or encoded.
    DotSegment,
    /// %2F or %5C where the route refuses them.
    EncodedSlash,
    /// The path takes another route once it is decoded.
    OtherRoute,
}

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadPath::NoSlash => "the request's target does not begin with a slash; ask for a path",
            BadPath::Character => "the request's target holds a character that must be percent-encoded",
            BadPath::Encoding => "the path holds a percent sign that no two hexadecimal digits follow; write %25 for the sign itself",
            BadPath::Control => "the path holds an encoded control character",
            BadPath::Backslash => "the path holds a backslash; write %5C, where the route lets it pass",
            BadPath::DotSegment => "the path holds a segment . or ..; resolve it before asking",
            BadPath::EncodedSlash => "the path holds %2F or %5C; encoded_slash = \"pass\" on the route lets them through",
            BadPath::OtherRoute => "the path leads to another route once it is decoded; write the route's prefix as it is configured",
        })
    }
}

impl<'a> Path<'a> {
    /// Checks `raw`.
    pub(super) fn read(raw: &'a str) -> Result<Path<'a>, BadPath> {
        if !raw.starts_with('/') {
            return Err(BadPath::NoSlash);
        }
        let mut path = Path {
            raw,
            has_encoded_slash: false,
            is_plain: true,
        };
        let mut rest = raw.as_bytes();
        let mut segment = Segment::Before;
        while let Some((letter, length)) = Letter::first_of(rest)? {
            path.is_plain &= length == 1 && letter != Letter::Parameter;
            path.has_encoded_slash |= letter == Letter::Separator && length > 1;
            if letter == Letter::Separator {
                path.is_plain &= segment != Segment::Empty;
                segment.end()?;
            }
            segment = segment.then(letter);
            rest = &rest[length..];
        }
        segment.end()?;
        Ok(path)
    }

    /// The path as it came.
    pub(super) fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether it has %2F or %5C.
    pub(super) fn has_encoded_slash(&self) -> bool {
        self.has_encoded_slash
    }

    /// What an upstream might read: decoded once, without empty segments and parameters. `None` where that is what stands there.
    pub(super) fn as_others_read_it(&self) -> Option<String> {
        if self.is_plain {
            return None;
        }
        let decoded: Cow<'_, [u8]> = percent_encoding::percent_decode_str(self.raw).into();
        let mut read = String::with_capacity(decoded.len());
        for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
            let name = segment.split(|byte| *byte == b';').next();
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                read.push('/');
                read.push_str(&String::from_utf8_lossy(name));
            }
        }
        Some(read)
    }
}

/// What a character of a path is, decoded once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Letter {
    /// A slash, or an encoded slash or backslash.
    Separator,
    Dot,
    /// `;`, where some servers end a segment's name.
    Parameter,
    Other,
}

impl Letter {
    /// The first of `bytes`, and how many of them it takes.
    fn first_of(bytes: &[u8]) -> Result<Option<(Letter, usize)>, BadPath> {
        let letter = match *bytes {
            [] => return Ok(None),
            [b'%', high, low, ..] => (Letter::encoded(high, low)?, 3),
            [b'%', ..] => return Err(BadPath::Encoding),
            [b'/', ..] => (Letter::Separator, 1),
            [b'.', ..] => (Letter::Dot, 1),
            [b';', ..] => (Letter::Parameter, 1),
            [b'\\', ..] => return Err(BadPath::Backslash),
            [b'!'..=b'~', ..] => (Letter::Other, 1),
            _ => return Err(BadPath::Character),
        };
        Ok(Some(letter))
    }

    fn encoded(high: u8, low: u8) -> Result<Letter, BadPath> {
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(BadPath::Encoding);
        match digit(high)? << 4 | digit(low)? {
            0..=0x1f | 0x7f => Err(BadPath::Control),
            0x2e => Ok(Letter::Dot),
            0x2f | 0x5c => Ok(Letter::Separator),
            0x3b => Ok(Letter::Parameter),
            _ => Ok(Letter::Other),
        }
    }
}

/// What of a segment has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Segment {
    /// What stands before the first slash: nothing.
    Before,
    Empty,
    OneDot,
    TwoDots,
    /// One or two dots, then a parameter.
    DotsWithParameter,
    Other,
}

impl Segment {
    fn then(self, letter: Letter) -> Segment {
        match (letter, self) {
            (Letter::Separator, _) => Segment::Empty,
            (Letter::Dot, Segment::Empty) => Segment::OneDot,
            (Letter::Dot, Segment::OneDot) => Segment::TwoDots,
            (Letter::Parameter, Segment::OneDot | Segment::TwoDots) => Segment::DotsWithParameter,
            (_, Segment::DotsWithParameter) => Segment::DotsWithParameter,
            _ => Segment::Other,
        }
    }

    /// Refuses it where it is a dot segment (RFC 3986, section 3.3), also where some servers see one in front of a parameter.
    fn end(self) -> Result<(), BadPath> {
        match self {
            Segment::OneDot | Segment::TwoDots | Segment::DotsWithParameter => {
                Err(BadPath::DotSegment)
            }
            Segment::Before | Segment::Empty | Segment::Other => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Scenario: paths that lead where they say.
    /// Guarantees: each is passed on as it came, and what others may read in it is known.
    #[test]
    fn honest_paths_pass() {
        let cases = [
            ("/", None),
            ("/stripe/v1/charges", None),
            ("/a/", None),
            ("/...", None),
            ("/.a/..b/c..", None),
            ("/.well-known/x", None),
            ("/a:b@c,d=e&f$g!h'(i)*+", None),
            ("//a", Some("/a")),
            ("/a//b/", Some("/a/b")),
            ("/%73tripe", Some("/stripe")),
            ("/a%2Fb", Some("/a/b")),
            ("/a%5cb", Some("/a/b")),
            ("/%252e%252e/a", Some("/%2e%2e/a")),
            ("/%25%32%65", Some("/%2e")),
            ("/a;v=1/b", Some("/a/b")),
            ("/a%3bv=1", Some("/a")),
            ("/;/a", Some("/a")),
            ("/%C3%A4", Some("/ä")),
            ("/%ff", Some("/\u{fffd}")),
        ];
        for (text, read) in cases {
            let path = Path::read(text).unwrap();
            assert_eq!(path.raw(), text);
            assert_eq!(path.as_others_read_it().as_deref(), read, "{text}");
        }
    }

    /// Scenario: paths that lead elsewhere once somebody decodes or tidies them.
    /// Guarantees: refused, with the reason.
    #[test]
    fn dishonest_paths_are_refused() {
        let cases = [
            ("", BadPath::NoSlash),
            ("a", BadPath::NoSlash),
            ("*", BadPath::NoSlash),
            ("%2f", BadPath::NoSlash),
            ("/..", BadPath::DotSegment),
            ("/.", BadPath::DotSegment),
            ("/a/../b", BadPath::DotSegment),
            ("/a/./b", BadPath::DotSegment),
            ("/a/..", BadPath::DotSegment),
            ("/%2e%2e/a", BadPath::DotSegment),
            ("/%2E./a", BadPath::DotSegment),
            ("/.%2e", BadPath::DotSegment),
            ("/%2e", BadPath::DotSegment),
            ("/a%2f..%2fb", BadPath::DotSegment),
            ("/a%5c..%5cb", BadPath::DotSegment),
            ("/a/..%2fb", BadPath::DotSegment),
            ("/..;/b", BadPath::DotSegment),
            ("/..;x=1/b", BadPath::DotSegment),
            ("/..%3bx/b", BadPath::DotSegment),
            ("/.;", BadPath::DotSegment),
            ("/a\\b", BadPath::Backslash),
            ("/\\", BadPath::Backslash),
            ("/a%00", BadPath::Control),
            ("/a%0d%0ab", BadPath::Control),
            ("/%7F", BadPath::Control),
            ("/%1f", BadPath::Control),
            ("/%", BadPath::Encoding),
            ("/%2", BadPath::Encoding),
            ("/%zz", BadPath::Encoding),
            ("/%+1", BadPath::Encoding),
            ("/%u002e", BadPath::Encoding),
            ("/ä", BadPath::Character),
            ("/a b", BadPath::Character),
            ("/a\tb", BadPath::Character),
            ("/\u{7f}", BadPath::Character),
        ];
        for (text, why) in cases {
            assert_eq!(Path::read(text), Err(why), "{text:?}");
        }
    }

    /// Scenario: an encoded slash, and none.
    /// Guarantees: the route can tell.
    #[test]
    fn encoded_slashes_are_seen() {
        for (text, seen) in [
            ("/a%2fb", true),
            ("/a%5Cb", true),
            ("/a/b", false),
            ("/%252f", false),
        ] {
            assert_eq!(
                Path::read(text).unwrap().has_encoded_slash(),
                seen,
                "{text}"
            );
        }
    }

    proptest! {
        /// Scenario: any text, made of what paths are attacked with.
        /// Guarantees: in what passes nobody finds a dot segment, however often it is decoded once, nor a control character.
        #[test]
        fn what_passes_has_no_dot_segment(
            parts in proptest::collection::vec("/|//|\\.|%2e|%2E|%2f|%5c|;|%3b|\\\\|%25|%00|%|a|2e|ä", 0..12)
        ) {
            let text = parts.concat();
            if let Ok(path) = Path::read(&text) {
                let decoded = percent_encoding::percent_decode_str(path.raw()).decode_utf8_lossy();
                for segment in decoded.split(['/', '\\']) {
                    let name = segment.split(';').next().unwrap();
                    prop_assert!(name != "." && name != "..", "{}", text);
                }
                prop_assert!(!decoded.contains(|letter: char| letter.is_ascii_control()));
            }
        }
    }
}
