//! HTTP methods as values of attributes.

use http::Method;

/// The methods that HTTP defines, and one word for all others (semantic conventions for HTTP).
const NAMES: [&str; MethodName::COUNT] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "_OTHER",
];

/// A method by its place in the table of names.
#[derive(Clone, Copy)]
pub(super) struct MethodName(usize);

impl MethodName {
    pub(super) const COUNT: usize = 10;

    pub(super) fn of(method: &Method) -> MethodName {
        MethodName(match *method {
            Method::GET => 0,
            Method::HEAD => 1,
            Method::POST => 2,
            Method::PUT => 3,
            Method::DELETE => 4,
            Method::CONNECT => 5,
            Method::OPTIONS => 6,
            Method::TRACE => 7,
            Method::PATCH => 8,
            _ => 9,
        })
    }

    pub(super) fn index(self) -> usize {
        self.0
    }

    pub(super) fn as_str(self) -> &'static str {
        NAMES[self.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every method that HTTP defines, and one that it does not.
    /// Guarantees: each has its own name, and the unknown one shares `_OTHER`.
    #[test]
    fn methods_have_their_names() {
        for name in &NAMES[..9] {
            let method: Method = name.parse().unwrap();
            assert_eq!(MethodName::of(&method).as_str(), *name);
        }
        let unknown: Method = "BREW".parse().unwrap();
        assert_eq!(MethodName::of(&unknown).as_str(), "_OTHER");
    }
}
