//! A stage with an upstream that does what a test says, on a clock that stands still.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;

use crate::config::{ByteSize, CacheSettings, Endpoint, RouteCache, RouteSettings};
use crate::gateway::cache::{Cache, CacheStage};
use crate::gateway::{Answer, AnswerBody, Onward, Refusal, RequestBody};

/// What a scripted upstream does with its n-th request, counted from 0.
type Script = dyn Fn(usize, Request<RequestBody>) -> Pin<Box<dyn Future<Output = Result<Answer, Refusal>> + Send>>
    + Send
    + Sync;

/// An upstream, and what it was asked.
pub(super) struct Upstream {
    script: Box<Script>,
    calls: AtomicUsize,
    asked: Mutex<Vec<HeaderMap>>,
}

impl Onward for Upstream {
    async fn onward(&self, request: Request<RequestBody>) -> Result<Answer, Refusal> {
        let call = self.calls.fetch_add(1, SeqCst);
        self.asked.lock().unwrap().push(request.headers().clone());
        (self.script)(call, request).await
    }
}

impl Upstream {
    /// One that takes its time.
    pub(super) fn later<F>(
        script: impl Fn(usize, Request<RequestBody>) -> F + Send + Sync + 'static,
    ) -> Arc<Upstream>
    where
        F: Future<Output = Result<Answer, Refusal>> + Send + 'static,
    {
        Arc::new(Upstream {
            script: Box::new(move |call, request| Box::pin(script(call, request))),
            calls: AtomicUsize::new(0),
            asked: Mutex::default(),
        })
    }

    /// One that answers at once.
    pub(super) fn new(
        script: impl Fn(usize, &Request<RequestBody>) -> Result<Answer, Refusal> + Send + Sync + 'static,
    ) -> Arc<Upstream> {
        Upstream::later(move |call, request| std::future::ready(script(call, &request)))
    }

    /// One whose n-th answer has these headers and "n" for a body.
    pub(super) fn saying(headers: &'static [(&'static str, &'static str)]) -> Arc<Upstream> {
        Upstream::new(move |call, _| Ok(answer(200, headers, call.to_string())))
    }

    /// How many requests came.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    /// The header `name` of the last request.
    pub(super) fn last(&self, name: &str) -> Option<String> {
        let asked = self.asked.lock().unwrap();
        let value = asked.last()?.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }
}

/// An answer of an upstream.
pub(super) fn answer(
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: impl Into<Bytes>,
) -> Answer {
    let mut answer = Response::new(AnswerBody::whole(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        answer.headers_mut().append(*name, value.parse().unwrap());
    }
    answer
}

/// A request without a body.
pub(super) fn request(
    method: Method,
    path: &str,
    headers: &[(&'static str, &'static str)],
) -> Request<RequestBody> {
    let mut request = Request::new(RequestBody::whole(Bytes::new()));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

/// What a caller got.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Got {
    /// The header, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// What the cache says that it did.
    pub(super) fn cache(&self) -> &str {
        self.header("cache-status")
    }
}

/// The settings of a route with a cache.
pub(super) fn route(cache: RouteCache) -> RouteSettings {
    let upstream = Endpoint::parse("http://up.example:8080").unwrap();
    RouteSettings {
        cache: Some(cache),
        ..RouteSettings::new(upstream)
    }
}

/// A stage of a cache of 1 MiB, in memory alone.
pub(super) struct Rig {
    pub(super) cache: Arc<Cache>,
    pub(super) stage: Arc<CacheStage>,
}

impl Rig {
    pub(super) fn new() -> Rig {
        Rig::with(RouteCache::default())
    }

    pub(super) fn with(settings: RouteCache) -> Rig {
        Rig::of(&route(settings))
    }

    pub(super) fn of(route: &RouteSettings) -> Rig {
        let settings = CacheSettings {
            memory: ByteSize::mib(1),
            ..CacheSettings::default()
        };
        let cache = Cache::start(&settings, 64 << 10).unwrap();
        let mut cache = Arc::into_inner(cache).unwrap();
        cache.clock = now;
        let cache = Arc::new(cache);
        Rig {
            stage: Arc::new(cache.stage("r", route).unwrap()),
            cache,
        }
    }

    /// What a caller of `request` gets, read to its end.
    pub(super) async fn ask(
        &self,
        request: Request<RequestBody>,
        upstream: &Arc<Upstream>,
    ) -> Result<Got, Refusal> {
        got(self.stage.call(request, &**upstream).await?).await
    }

    /// What a GET of `/` with these headers gets.
    pub(super) async fn get(
        &self,
        headers: &[(&'static str, &'static str)],
        upstream: &Arc<Upstream>,
    ) -> Got {
        let request = request(Method::GET, "/", headers);
        self.ask(request, upstream).await.unwrap()
    }
}

/// An answer, read to its end.
pub(super) async fn got(answer: Answer) -> Result<Got, Refusal> {
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Ok(Got {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    })
}

/// The time by the runtime's clock, which tests turn on.
pub(super) fn now() -> SystemTime {
    thread_local! {
        static BEGAN: tokio::time::Instant = tokio::time::Instant::now();
    }
    let passed = BEGAN.with(|began| began.elapsed());
    UNIX_EPOCH + Duration::from_secs(1_700_000_000) + passed
}

/// Turns the clock on.
pub(super) async fn after_s(seconds: u64) {
    // The clock begins with the first look at it.
    now();
    tokio::time::advance(Duration::from_secs(seconds)).await;
}
