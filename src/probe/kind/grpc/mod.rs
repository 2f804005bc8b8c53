//! Whether a server, or one service of it, says that it serves: one call of `grpc.health.v1.Health/Check`
//! (<https://github.com/grpc/grpc/blob/master/doc/health-checking.md>).

mod call;
mod message;
mod status;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use opentelemetry::KeyValue;

use super::Check;
use crate::config::{ProbeSettings, Secret};
use crate::dial;
use crate::probe::certificate;
use crate::probe::connection::Address;
use crate::probe::failure::Failure;
use crate::probe::run::Run;
use crate::telemetry::names;

/// The method, as semantic conventions name it.
const METHOD: &str = "grpc.health.v1.Health/Check";
const PATH: &str = "/grpc.health.v1.Health/Check";

/// Shorter values would be found in any sentence, and are no secrets.
const MIN_SECRET_BYTES: usize = 4;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Asks for the health of one service of one server.
#[derive(Debug)]
pub(super) struct GrpcCheck {
    address: Address,
    uri: Uri,
    /// What the configuration says to send; marked as sensitive.
    metadata: HeaderMap,
    service: String,
    question: Bytes,
    settings: ProbeSettings,
}

impl GrpcCheck {
    /// The check that `settings` ask for.
    ///
    /// # Errors
    ///
    /// Says which of the settings cannot be sent, or what of the TLS settings could not be used.
    pub(super) fn new(settings: &ProbeSettings) -> Result<GrpcCheck, String> {
        let asked = settings.grpc.clone().unwrap_or_default();
        let address = Address::of(settings, &[b"h2"])?;
        let scheme = match settings.url.is_tls() {
            true => Scheme::HTTPS,
            false => Scheme::HTTP,
        };
        Ok(GrpcCheck {
            uri: uri(scheme, &address)?,
            address,
            metadata: metadata(&asked.metadata)?,
            question: message::question(&asked.service)?,
            service: asked.service,
            settings: settings.clone(),
        })
    }

    /// The head of a call that may take until `timeout` ends.
    fn request(&self, run: &Run) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = Version::HTTP_2;
        let headers = request.headers_mut();
        headers.extend(run.trace().clone());
        headers.extend(self.metadata.clone());
        headers.insert(CONTENT_TYPE, GRPC);
        headers.insert(TE, TRAILERS);
        headers.insert(USER_AGENT, dial::USER_AGENT);
        let left = run.timeout().saturating_sub(run.elapsed());
        headers.insert(GRPC_TIMEOUT, timeout(left));
        request
    }

    async fn ask(&self, run: &Run) -> Result<(), Failure> {
        let stream = self.address.open(run).await?;
        let answer = call::call(run, stream, self.request(run), self.question.clone()).await?;
        let answered = status::of(&answer);
        if let Some(status) = &answered.code {
            run.attribute(KeyValue::new(names::RPC_STATUS, status.name()));
        }
        let health = answered.health?;
        run.fact("serving_status", health.name());
        status::judge(health, &self.service)?;
        certificate::judge(run, &self.settings, SystemTime::now())
    }

    /// A server may repeat what it was sent; what it was sent may be a secret.
    fn without_secrets(&self, mut failure: Failure) -> Failure {
        for value in self.metadata.values() {
            let value = value.to_str().unwrap_or_default();
            // "Bearer 1234" is repeated as a whole, or without the word in front.
            let last = value.rsplit(' ').next().unwrap_or_default();
            for secret in [value, last] {
                if secret.len() >= MIN_SECRET_BYTES {
                    failure.message = failure.message.replace(secret, "[secret]");
                }
            }
        }
        failure
    }
}

#[async_trait]
impl Check for GrpcCheck {
    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = self.address.attributes().to_vec();
        attributes.push(KeyValue::new(names::RPC_SYSTEM, "grpc"));
        attributes.push(KeyValue::new(names::RPC_METHOD, METHOD));
        attributes
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        let asked = self.ask(run).await;
        asked.map_err(|failure| self.without_secrets(failure))
    }
}

fn uri(scheme: Scheme, address: &Address) -> Result<Uri, String> {
    let authority = match address.host().contains(':') {
        true => format!("[{}]:{}", address.host(), address.port()),
        false => format!("{}:{}", address.host(), address.port()),
    };
    let uri = Uri::builder().scheme(scheme).authority(authority);
    let uri = uri.path_and_query(PATH).build();
    uri.map_err(|error| format!("the host in url cannot be sent in a request: {error}"))
}

/// Metadata as headers. Names are those of gRPC ("Custom-Metadata"), of which "grpc-" is not ours to send; a value under
/// a name that ends in "-bin" is base64 already.
fn metadata(configured: &BTreeMap<String, Secret>) -> Result<HeaderMap, String> {
    let mut metadata = HeaderMap::new();
    for (name, value) in configured {
        let refused = |why: &str| format!("grpc.metadata.{name} cannot be sent: {why}");
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| refused("its name may hold letters, digits, \"-\", \"_\" and \".\""))?;
        if header.as_str().starts_with("grpc-") {
            return Err(refused("names that begin with \"grpc-\" are gRPC's own"));
        }
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| refused("its value may hold printable ASCII only"))?;
        value.set_sensitive(true);
        metadata.insert(header, value);
    }
    Ok(metadata)
}

/// As `grpc-timeout` writes it ("TimeoutValue": eight digits at most). No run may take so long that they do not do.
fn timeout(left: Duration) -> HeaderValue {
    let millis = left.as_millis().clamp(1, 99_999_999);
    HeaderValue::try_from(format!("{millis}m")).unwrap_or(HeaderValue::from_static("99999999m"))
}

#[cfg(test)]
mod tests;
