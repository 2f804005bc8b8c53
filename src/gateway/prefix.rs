//! The segments that a route's requests begin with.

use super::path::Path;

/// Segments that a path begins with: empty, or `/a/b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix(Box<str>);

impl Prefix {
    /// Reads what the configuration says. A slash at the end makes no difference.
    ///
    /// # Errors
    /// It is no path, or one that no request may ask for.
    pub(super) fn read(text: Option<&str>) -> Result<Prefix, String> {
        let text = text.unwrap_or_default().trim_end_matches('/');
        if !text.is_empty() {
            let path = Path::read(text).map_err(|why| format!("prefix: {why}"))?;
            if path.as_others_read_it().is_some() {
                return Err("prefix: it holds something encoded, an empty segment or a parameter; write plain segments".to_owned());
            }
        }
        Ok(Prefix(text.into()))
    }

    /// Whether every path begins with it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As `http.route` has it: `/a/b`, or `/*` for every path.
    pub(super) fn http_route(&self) -> &str {
        if self.is_empty() { "/*" } else { &self.0 }
    }

    /// `/a/b`, or nothing.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path` begins with these segments, byte for byte.
    pub(super) fn fits(&self, path: &str) -> bool {
        path.strip_prefix(&*self.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// What follows it in a path that it fits.
    pub(super) fn stripped_from<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix(&*self.0).unwrap_or(path)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Scenario: prefixes with paths that begin with them, and with paths that only seem to.
    /// Guarantees: whole segments fit, byte for byte, and nothing else.
    #[test]
    fn whole_segments_fit() {
        let cases = [
            ("/stripe", "/stripe", Some("")),
            ("/stripe", "/stripe/", Some("/")),
            ("/stripe/", "/stripe/v1", Some("/v1")),
            ("/stripe", "/stripe//v1", Some("//v1")),
            ("/a/b", "/a/b/c", Some("/c")),
            ("", "/anything", Some("/anything")),
            ("/", "/", Some("/")),
            ("/stripe", "/stripes", None),
            ("/stripe", "/Stripe", None),
            ("/stripe", "/%73tripe", None),
            ("/stripe", "//stripe", None),
            ("/stripe", "/stripe;v=1", None),
            ("/a/b", "/a", None),
        ];
        for (prefix, path, rest) in cases {
            let prefix = Prefix::read(Some(prefix)).unwrap();
            assert_eq!(prefix.fits(path), rest.is_some(), "{path}");
            if let Some(rest) = rest {
                assert_eq!(prefix.stripped_from(path), rest);
            }
        }
    }

    /// Scenario: prefixes that no request may ask for, or that are written in more than one way.
    /// Guarantees: refused when the configuration is read.
    #[test]
    fn doubtful_prefixes_are_refused() {
        for text in [
            "stripe", "/a/../b", "/%61", "/a//b", "/a;b", "/a b", "/ä", "//",
        ] {
            let read = Prefix::read(Some(text));
            assert_eq!(read.is_err(), text != "//", "{text}");
        }
        assert_eq!(Prefix::read(None).unwrap().http_route(), "/*");
        assert_eq!(Prefix::read(Some("/a/")).unwrap().http_route(), "/a");
    }
}
