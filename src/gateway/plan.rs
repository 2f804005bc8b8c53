//! A route as the configuration says, read once, before anything is opened.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, Uri};

use super::headers::{AnswerHeaders, RequestHeaders, header_names};
use super::host::Authority;
use super::methods::Methods;
use super::path::{BadPath, Path};
use super::prefix::Prefix;
use super::repeats::Repeats;
use super::statuses::Statuses;
use super::upstream::Upstream;
use crate::config::{EncodedSlash, RouteSettings};

/// What a route does with each of its requests.
pub(super) struct Plan {
    pub(super) name: Arc<str>,
    pub(super) settings: RouteSettings,
    /// In their one spelling. Empty: every host.
    pub(super) hosts: Vec<String>,
    pub(super) prefix: Prefix,
    pub(super) methods: Methods,
    /// What stands in front of the path at the upstream: empty, or segments.
    base_path: Box<str>,
    /// Answers that are failures of the upstream.
    pub(super) failures: Statuses,
    pub(super) repeats: Repeats,
    /// Headers that tell callers apart.
    pub(super) callers: Vec<HeaderName>,
    pub(super) request_headers: RequestHeaders,
    pub(super) answer_headers: AnswerHeaders,
    pub(super) upstream: Upstream,
}

impl Plan {
    /// The route `name` as `settings` say.
    ///
    /// # Errors
    /// What of the settings cannot be used.
    pub(super) fn of(name: &str, settings: &RouteSettings) -> Result<Plan, String> {
        let base_path = settings.upstream.base_path();
        if !base_path.is_empty() {
            Path::read(base_path).map_err(|why| format!("upstream: {why}"))?;
        }
        let hosts = settings.hosts.iter().map(|host| one_spelling(host));
        let failures = &settings.breaker.failure_status;
        Ok(Plan {
            name: name.into(),
            hosts: hosts.collect::<Result<_, _>>()?,
            prefix: Prefix::read(settings.prefix.as_deref())?,
            methods: Methods::of(&settings.methods)?,
            base_path: base_path.into(),
            failures: Statuses::read("breaker.failure_status", failures)?,
            repeats: Repeats::of(&settings.retry)?,
            callers: header_names("caller", &settings.caller)?,
            request_headers: RequestHeaders::of(settings)?,
            answer_headers: AnswerHeaders::of(settings)?,
            upstream: Upstream::new(settings).map_err(|why| format!("upstream: {why}"))?,
            settings: settings.clone(),
        })
    }

    /// The target at the upstream for a request to `path` of `uri`, which has matched.
    ///
    /// # Errors
    /// The path has encoded slashes that the route refuses.
    pub(super) fn target(&self, path: Path<'_>, uri: &Uri) -> Result<Uri, BadPath> {
        let takes_encoded_slash = self.settings.encoded_slash == EncodedSlash::Pass;
        if path.has_encoded_slash() && !takes_encoded_slash {
            return Err(BadPath::EncodedSlash);
        }
        let rest = match self.settings.strip_prefix {
            true => self.prefix.stripped_from(path.raw()),
            false => path.raw(),
        };
        if let (true, Some(whole)) = (self.keeps_paths(), uri.path_and_query()) {
            let kept = Uri::from(whole.clone());
            // Empty where the target was a host with a fragment behind it.
            if !kept.path().is_empty() {
                return Ok(kept);
            }
        }
        Ok(Uri::from(self.joined(rest, uri.query())?))
    }

    /// Whether a path at the upstream is one that requests of this route can lead to.
    pub(super) fn is_below_base(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&*self.base_path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether a path at the upstream is the one asked for.
    fn keeps_paths(&self) -> bool {
        self.base_path.is_empty() && (self.prefix.is_empty() || !self.settings.strip_prefix)
    }

    /// `rest` behind the base path. At least a slash, and nothing between the two that neither of them has.
    fn joined(&self, rest: &str, query: Option<&str>) -> Result<PathAndQuery, BadPath> {
        let query_bytes = query.map_or(0, |query| query.len() + 1);
        let mut whole = String::with_capacity(self.base_path.len() + rest.len() + query_bytes + 1);
        whole.push_str(&self.base_path);
        whole.push_str(rest);
        if whole.is_empty() {
            whole.push('/');
        }
        if let Some(query) = query {
            whole.push('?');
            whole.push_str(query);
        }
        // Both parts have been checked, so that their sum is one as well.
        PathAndQuery::from_maybe_shared(Bytes::from(whole)).map_err(|_| BadPath::Character)
    }
}

/// A configured host as requests are compared with it.
fn one_spelling(text: &str) -> Result<String, String> {
    match Authority::read(text) {
        Ok(Authority { host, port: None }) => Ok(host.to_string()),
        Ok(_) => Err(format!(
            "hosts: {text:?} names a port; write the host alone, every port matches"
        )),
        Err(_) => Err(format!(
            "hosts: {text:?} is not a host; write a name, an IPv4 address, or an IPv6 address in brackets"
        )),
    }
}
