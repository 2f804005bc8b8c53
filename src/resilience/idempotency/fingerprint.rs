//! What makes two requests the same.

use std::fmt::Write;

use http::Method;
use sha2::{Digest, Sha256};

/// What a request is told apart by. Headers besides the type of its body are not: clients set some anew with each attempt.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprinted<'r> {
    /// The method.
    pub method: &'r Method,
    /// The name of the route that it takes.
    pub route: &'r str,
    /// The value of Host: a route may lead to several.
    pub host: &'r [u8],
    /// Path and query.
    pub target: &'r str,
    /// Who sends it.
    pub caller: &'r Caller,
    /// The value of Content-Type.
    pub content_type: Option<&'r [u8]>,
    /// The whole body.
    pub body: &'r [u8],
}

/// SHA-256 over all that makes a request what it is, in hexadecimal digits. Requests with one key must have one fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a request.
    pub fn of(request: &Fingerprinted<'_>) -> Fingerprint {
        let mut hash = Sha256::new();
        let (is_typed, content_type) = match request.content_type {
            Some(value) => (b"1", value),
            None => (b"0", &b""[..]),
        };
        for field in [
            request.method.as_str().as_bytes(),
            request.route.as_bytes(),
            request.host,
            request.target.as_bytes(),
            request.caller.as_str().as_bytes(),
            is_typed,
            content_type,
            request.body,
        ] {
            // With its length in front, no field can be taken for a part of the next.
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        Fingerprint(hex(&hash.finalize()))
    }

    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who sends a request, as the SHA-256 of what tells callers apart, in hexadecimal digits: that may be a credential, which
/// must not be kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller(String);

impl Caller {
    /// The caller that `identity` stands for.
    pub fn of(identity: &[u8]) -> Caller {
        Caller(hex(&Sha256::digest(identity)))
    }

    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a request, the same again, and requests that differ from it in one thing each, also in where one field ends and the
    /// next begins.
    /// Guarantees: the same request has the same fingerprint, and no other has it.
    #[test]
    fn every_difference_shows() {
        let (ann, bob) = (Caller::of(b"ann"), Caller::of(b"bob"));
        let request = Fingerprinted {
            method: &Method::POST,
            route: "stripe",
            host: b"api.stripe.com",
            target: "/v1/charges?a=1",
            caller: &ann,
            content_type: Some(b"application/json"),
            body: b"{}",
        };
        let all = [
            request,
            Fingerprinted {
                method: &Method::PATCH,
                ..request
            },
            Fingerprinted {
                route: "strip",
                target: "e/v1/charges?a=1",
                ..request
            },
            Fingerprinted {
                target: "/v1/charges?a=2",
                ..request
            },
            Fingerprinted {
                host: b"files.stripe.com",
                ..request
            },
            Fingerprinted {
                caller: &bob,
                ..request
            },
            Fingerprinted {
                content_type: None,
                ..request
            },
            Fingerprinted {
                content_type: Some(b""),
                ..request
            },
            Fingerprinted {
                content_type: Some(b"application/json{"),
                body: b"}",
                ..request
            },
            Fingerprinted {
                body: b"{ }",
                ..request
            },
        ];
        let prints: Vec<_> = all.iter().map(Fingerprint::of).collect();
        for (at, print) in prints.iter().enumerate() {
            assert_eq!(print.as_str().len(), 64);
            assert_eq!(prints.iter().position(|one| one == print), Some(at));
        }
        assert_eq!(Fingerprint::of(&request), prints[0]);
    }

    /// Scenario: a caller's credential. Guarantees: its SHA-256 (FIPS 180-4, "abc"), and nothing else of it, is what is kept.
    #[test]
    fn a_caller_is_a_hash() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Caller::of(b"abc").as_str(), expected);
    }
}
