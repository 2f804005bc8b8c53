//! What is sent: method, headers, body.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH,
    CONTENT_TYPE, HOST, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use url::Position;

use super::redirect::Hop;
use crate::config::{FRAMING_HEADERS, HttpProbeSettings, ProbeSettings, Secret};
use crate::dial;
use crate::probe::failure::{Failure, Reason};

const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");
/// Bodies are judged as they are; nothing is decompressed.
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
const NOTHING: HeaderValue = HeaderValue::from_static("0");

/// Headers that say nothing about who asks: other servers get them too, and answers that hold the same are shown.
const HARMLESS: [HeaderName; 6] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CACHE_CONTROL,
    CONTENT_TYPE,
    USER_AGENT,
];

/// What a probe sends, whatever the server.
#[derive(Debug)]
pub(super) struct Question {
    method: Method,
    /// As configured, credentials included; marked as sensitive.
    headers: HeaderMap,
    body: Option<Bytes>,
}

impl Question {
    /// What `settings` say to send.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot be sent.
    pub(super) fn of(
        settings: &ProbeSettings,
        http: &HttpProbeSettings,
    ) -> Result<Question, String> {
        let mut headers = HeaderMap::new();
        if let Some(credentials) = basic(settings)? {
            let value = format!("Basic {}", credentials.expose());
            headers.insert(AUTHORIZATION, sensitive("password", &value)?);
        }
        for (name, value) in &http.headers {
            let value = sensitive(&format!("http.headers.{name}"), value.expose())?;
            headers.insert(header_name("http.headers", name)?, value);
        }
        let body = http.body.as_ref();
        Ok(Question {
            method: method(&http.method)?,
            headers,
            body: body.map(|body| Bytes::copy_from_slice(body.expose().as_bytes())),
        })
    }

    /// The first request, to `url`.
    pub(super) fn first(&self, url: url::Url) -> Hop {
        Hop {
            url,
            method: self.method.clone(),
            with_body: self.body.is_some(),
            trusted: true,
        }
    }

    /// The request for `hop` in `version`, with the run's trace context.
    pub(super) fn request(
        &self,
        hop: &Hop,
        version: Version,
        trace: &HeaderMap,
    ) -> Result<Request<Bytes>, Failure> {
        let mut headers = self.headers(hop, trace);
        let authority = &hop.url[Position::BeforeHost..Position::AfterPort];
        let host = headers.remove(HOST);
        let host = host.map_or_else(|| HeaderValue::from_str(authority), Ok);
        let target = &hop.url[Position::BeforePath..Position::AfterQuery];
        let unusable = || Failure::new(Reason::Protocol, "the URL cannot be written as a request");
        let host = host.map_err(|_| unusable())?;
        let target = match version {
            // There the host stands in the URI (RFC 9113, section 8.3.1).
            Version::HTTP_2 => {
                let host = host.to_str().map_err(|_| unusable())?;
                format!("{}://{host}{target}", hop.url.scheme())
            }
            _ => {
                headers.insert(HOST, host);
                target.to_owned()
            }
        };
        let body = self.body.clone().filter(|_| hop.with_body);
        let mut request = Request::new(body.unwrap_or_default());
        *request.method_mut() = hop.method.clone();
        *request.uri_mut() = target.parse::<Uri>().map_err(|_| unusable())?;
        *request.version_mut() = version;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn headers(&self, hop: &Hop, trace: &HeaderMap) -> HeaderMap {
        let mut headers = trace.clone();
        headers.insert(USER_AGENT, dial::USER_AGENT);
        headers.insert(ACCEPT, ANYTHING);
        headers.insert(ACCEPT_ENCODING, IDENTITY);
        // RFC 9110, section 8.6: said where a body would have a meaning.
        let empty = self.body.as_ref().is_none_or(Bytes::is_empty) || !hop.with_body;
        if empty && [Method::POST, Method::PUT, Method::PATCH].contains(&hop.method) {
            headers.insert(CONTENT_LENGTH, NOTHING);
        }
        for (name, value) in &self.headers {
            let describes_body = name.as_str().starts_with("content-");
            let goes_there = hop.trusted || HARMLESS.contains(name);
            let has_body = hop.with_body || hop.method == self.method;
            if goes_there && (has_body || !describes_body) {
                headers.insert(name, value.clone());
            }
        }
        headers
    }
}

/// What of the settings no answer may bring into a message.
pub(super) fn secrets(settings: &ProbeSettings, http: &HttpProbeSettings) -> Vec<Secret> {
    let password = settings.password.iter().chain(settings.url.password());
    let mut secrets: Vec<Secret> = password.chain(&http.body).cloned().collect();
    let harmless = |name: &str| HARMLESS.iter().any(|known| known.as_str() == name);
    let headers = http.headers.iter();
    let headers = headers.filter(|(name, _)| !harmless(&name.to_ascii_lowercase()));
    secrets.extend(headers.map(|(_, value)| value.clone()));
    secrets.extend(basic(settings).ok().flatten());
    // Keys of APIs stand there, as they are sent and as they are meant.
    let target = settings.url.request_target();
    let query = target.split_once('?').map(|(_, query)| query);
    secrets.extend(query.map(Secret::new));
    let values = settings.url.options().into_iter();
    secrets.extend(values.map(|(_, value)| Secret::new(value)));
    secrets
}

/// The name of a header.
///
/// # Errors
///
/// Names the setting `key` that holds it.
pub(super) fn header_name(key: &str, name: &str) -> Result<HeaderName, String> {
    let parsed = HeaderName::from_bytes(name.as_bytes());
    let parsed = parsed.map_err(|_| format!("{key}.{name} is not the name of a header"))?;
    if key == "http.headers" && FRAMING_HEADERS.contains(&parsed.as_str()) {
        return Err(format!(
            "{key}.{name} is set by the probe itself: remove it"
        ));
    }
    Ok(parsed)
}

fn method(name: &str) -> Result<Method, String> {
    let method = Method::from_bytes(name.as_bytes());
    let method = method.map_err(|_| "http.method is not the name of a method".to_owned())?;
    match method {
        Method::CONNECT => {
            Err("http.method is CONNECT, which asks for no answer: use GET".to_owned())
        }
        method => Ok(method),
    }
}

/// User and password, encoded as Basic credentials (RFC 7617).
fn basic(settings: &ProbeSettings) -> Result<Option<Secret>, String> {
    let password = settings.login_password();
    let user = settings.url.user();
    if user.is_none() && password.is_none() {
        return Ok(None);
    }
    let user = user.unwrap_or_default();
    if user.contains(':') {
        return Err("the user in url has a colon, which HTTP cannot send".to_owned());
    }
    let both = format!("{user}:{}", password.map_or("", Secret::expose));
    Ok(Some(Secret::new(BASE64_STANDARD.encode(both))))
}

fn sensitive(key: &str, value: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_bytes(value.as_bytes());
    let mut value = value.map_err(|_| format!("{key} cannot be sent as a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
