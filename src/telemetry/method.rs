//! HTTP methods as values of attributes.

use http::Method;

/// The methods that HTTP defines, and one word for all others (semantic conventions for HTTP).
const NAMES: [&str; MethodName::COUNT] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "_OTHER",
];

/// A method by its place in the table of names.
#[derive(Clone, Copy)]
pub(in crate::telemetry) struct MethodName(usize);

impl MethodName {
    pub(in crate::telemetry) const COUNT: usize = 10;

    pub(in crate::telemetry) fn of(method: &Method) -> MethodName {
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

    pub(in crate::telemetry) fn index(self) -> usize {
        self.0
    }

    pub(in crate::telemetry) fn as_str(self) -> &'static str {
        NAMES[self.0]
    }
}

/// The method as attributes may show it: anyone can invent methods, and each would be a new series.
pub fn method_name(method: &Method) -> &'static str {
    MethodName::of(method).as_str()
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
