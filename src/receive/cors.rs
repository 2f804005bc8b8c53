//! Cross-origin requests, so that browser SDKs can send (Fetch standard, "CORS protocol").

use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request};

/// Headers that OTLP/HTTP senders set themselves.
const OTLP_HEADERS: &str = "content-type, content-encoding, authorization, traceparent, tracestate";

/// Which origins may send from a web page. The default allows none.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    any_origin: bool,
    origins: Vec<String>,
    headers: String,
    max_age: Duration,
}

impl Cors {
    /// Allows `origins` ("*" = every origin) to send `headers` besides those of OTLP; browsers may
    /// remember the permission for `max_age`.
    pub fn new(origins: Vec<String>, headers: &[String], max_age: Duration) -> Cors {
        let headers = headers
            .iter()
            .fold(OTLP_HEADERS.to_owned(), |all, header| all + ", " + header);
        Cors {
            any_origin: origins.iter().any(|origin| origin == "*"),
            origins,
            headers,
            max_age,
        }
    }

    /// The headers to add to an answer to `request`; `None` unless its origin is allowed.
    pub(super) fn grant(&self, request: &HeaderMap) -> Option<HeaderMap> {
        let origin = request.get(ORIGIN)?;
        let allowed = self.any_origin || self.origins.iter().any(|one| one.as_bytes() == origin);
        allowed.then(|| {
            HeaderMap::from_iter([
                (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
                (VARY, HeaderValue::from_static("Origin")),
            ])
        })
    }

    /// The headers that answer a preflight; `None` unless `request` is one from an allowed origin.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<HeaderMap> {
        let asks = request.method() == Method::OPTIONS
            && request
                .headers()
                .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let mut headers = asks.then(|| self.grant(request.headers())).flatten()?;
        let mut put = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put(ACCESS_CONTROL_ALLOW_METHODS, "POST");
        put(ACCESS_CONTROL_ALLOW_HEADERS, &self.headers);
        put(ACCESS_CONTROL_MAX_AGE, &self.max_age.as_secs().to_string());
        Some(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, origin: &str) -> Request<()> {
        Request::builder()
            .method(method)
            .header(ORIGIN, origin)
            .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .body(())
            .expect("a valid request")
    }

    fn shop() -> Cors {
        let origins = vec!["https://shop.example".to_owned()];
        Cors::new(origins, &["x-tenant".to_owned()], Duration::from_secs(60))
    }

    /// Scenario: a preflight from an allowed origin and one from another. Guarantees: the first is
    /// told what it may do, the second gets no permission at all.
    #[test]
    fn only_named_origins_are_granted() {
        let headers = shop().preflight(&request(Method::OPTIONS, "https://shop.example"));
        let headers = headers.expect("granted");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://shop.example");
        assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], "60");
        assert!(
            headers[ACCESS_CONTROL_ALLOW_HEADERS]
                .to_str()
                .is_ok_and(|h| h.ends_with("x-tenant"))
        );
        assert!(
            shop()
                .preflight(&request(Method::OPTIONS, "https://evil.example"))
                .is_none()
        );
        assert!(
            shop()
                .preflight(&request(Method::POST, "https://shop.example"))
                .is_none()
        );
    }

    /// Scenario: no CORS settings. Guarantees: nobody is granted anything.
    #[test]
    fn the_default_grants_nothing() {
        assert!(
            Cors::default()
                .grant(request(Method::POST, "https://a").headers())
                .is_none()
        );
    }
}
