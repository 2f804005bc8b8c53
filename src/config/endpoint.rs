//! The address of an export's destination.

use std::fmt;

use http::Uri;

/// An `http://` or `https://` base URL with a host, without user name, password, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Uri);

impl Endpoint {
    /// Checks `text` and keeps it as a URL.
    ///
    /// # Errors
    ///
    /// Says what is wrong and what to write. The text itself is never repeated: it may hold a password.
    pub fn parse(text: &str) -> Result<Endpoint, String> {
        refuse_extras(text)?;
        let uri: Uri = text.parse().map_err(|error| {
            format!("is not a URL ({error}): write http://host:port or https://host:port")
        })?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => valid_port(uri).map(Endpoint),
            (Some("http" | "https"), _) => Err("has no host: write http://host:port or https://host:port".to_owned()),
            (Some(_), _) => Err("has a scheme that is neither http nor https: write http://host:port or https://host:port".to_owned()),
            (None, _) => Err("has no scheme: write http:// (plain) or https:// (TLS) in front of host:port".to_owned()),
        }
    }

    /// The URL.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether the connection is TLS.
    pub fn is_tls(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        let host = self.0.host().unwrap_or_default();
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// The port; 80 or 443 where the URL names none.
    pub fn port(&self) -> u16 {
        self.0
            .port_u16()
            .unwrap_or(if self.is_tls() { 443 } else { 80 })
    }

    /// The path without a trailing slash: empty, or what stands before `/v1/traces`.
    pub fn base_path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// Whether the host is this machine: `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        let address = self.host().parse::<std::net::IpAddr>();
        address.map_or_else(
            |_| self.host().eq_ignore_ascii_case("localhost"),
            |address| address.is_loopback(),
        )
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}{}", self.base_path())
    }
}

fn refuse_extras(text: &str) -> Result<(), String> {
    if text.contains('@') {
        return Err("holds a user name or password: put credentials in `headers`".to_owned());
    }
    if text.contains(['?', '#']) {
        return Err("holds a query or fragment: write only scheme, host, port and path".to_owned());
    }
    Ok(())
}

fn valid_port(uri: Uri) -> Result<Uri, String> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let written = authority
        .rsplit_once(':')
        .map(|(_, port)| port)
        .filter(|port| !port.ends_with(']'));
    match written {
        Some(_) if uri.port_u16().is_none_or(|port| port == 0) => {
            Err("has a port that is not between 1 and 65535".to_owned())
        }
        _ => Ok(uri),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Scenario: endpoints of every legal form.
    /// Guarantees: host, port, TLS and base path are what the URL says or implies.
    #[test]
    fn endpoints_are_taken_apart() {
        let cases = [
            ("http://collector:4317", "collector", 4317, false, ""),
            ("https://otlp.example/", "otlp.example", 443, true, ""),
            ("http://[::1]/otlp/", "::1", 80, false, "/otlp"),
            ("HTTP://a.b:1", "a.b", 1, false, ""),
        ];
        for (text, host, port, tls, path) in cases {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port));
            assert_eq!((endpoint.is_tls(), endpoint.base_path()), (tls, path));
        }
    }

    /// Scenario: texts that are no usable endpoint, some with a password.
    /// Guarantees: each is refused, and no message repeats the text.
    #[test]
    fn what_is_no_endpoint_is_refused() {
        let cases = [
            ("collector:4317", "scheme"),
            ("localhost", "scheme"),
            ("ftp://host", "scheme"),
            ("http://", ""),
            ("http:///path", ""),
            ("http://:4317", "host"),
            ("http://host:0", "port"),
            ("http://host:65536", "port"),
            ("http://host:", "port"),
            ("http://me:hunter2@host", "headers"),
            ("http://host?x=hunter2", "query"),
            ("http://host/#hunter2", "query"),
            ("hunter2 hunter2", ""),
            ("", ""),
        ];
        for (text, reason) in cases {
            let error = Endpoint::parse(text).unwrap_err();
            assert!(
                error.contains(reason) && !error.contains("hunter2"),
                "{text}: {error}"
            );
        }
    }

    /// Scenario: this machine under its names, and others.
    /// Guarantees: loopback is recognized without looking names up.
    #[test]
    fn loopback_is_recognized() {
        let loopback = |text: &str| Endpoint::parse(text).unwrap().is_loopback();
        assert!(
            ["http://localhost:1", "http://127.8.0.1:1", "http://[::1]:1"]
                .into_iter()
                .all(loopback)
        );
        assert!(
            ![
                "http://collector:1",
                "http://10.0.0.1:1",
                "http://[2001:db8::1]:1"
            ]
            .into_iter()
            .any(loopback)
        );
    }
}
