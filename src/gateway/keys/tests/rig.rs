//! A route with keys, a store in a directory of its own, and an upstream that does as it is told.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, raw_sql};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::config::{Endpoint, IdempotencySettings, RouteSettings, StoreSettings};
use crate::gateway::keys::Keys;
use crate::gateway::{Answer, AnswerBody, Onward, Refusal, RequestBody};
use crate::store::{KeyFilter, KeyShown, Store, StoreOptions};

/// A route with keys, and what was counted of it.
pub(super) struct Rig {
    pub(super) keys: Keys,
    pub(super) store: Store,
    counted: Arc<Mutex<Vec<&'static str>>>,
    directory: TempDir,
}

/// How long the store of a rig may take.
const STORE_TIMEOUT: Duration = Duration::from_millis(300);

impl Rig {
    pub(super) async fn new() -> Rig {
        Rig::with(|_| {}).await
    }

    /// With what `change` makes of the settings.
    pub(super) async fn with(change: impl FnOnce(&mut IdempotencySettings)) -> Rig {
        let directory = TempDir::new().unwrap();
        let settings = StoreSettings {
            timeout: STORE_TIMEOUT,
            ..StoreSettings::default()
        };
        let options = StoreOptions::of(&settings, directory.path()).unwrap();
        let store = Store::open(&options).await.unwrap();
        let mut idempotency = IdempotencySettings::default();
        change(&mut idempotency);
        let endpoint = Endpoint::parse("http://upstream:1").unwrap();
        let mut route = RouteSettings::new(endpoint);
        route.timeout.send = Duration::from_millis(100);
        route.idempotency = Some(idempotency);
        let counted = Arc::new(Mutex::new(Vec::new()));
        let counting = Arc::clone(&counted);
        let count = Box::new(move |outcome| counting.lock().unwrap().push(outcome));
        Rig {
            keys: Keys::of("stripe", &route, &store, count, TaskTracker::new()).unwrap(),
            store,
            counted,
            directory,
        }
    }

    /// What a request of Ann's gets.
    pub(super) async fn ask(&self, request: Request<RequestBody>, upstream: &Upstream) -> Given {
        let answered = self
            .keys
            .around(|| b"ann".to_vec(), request, upstream.clone())
            .await;
        Given::read(answered).await
    }

    /// What became of keys since this was last asked.
    pub(super) fn counted(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.counted.lock().unwrap())
    }

    /// The only key in the store.
    pub(super) async fn shown(&self) -> Option<KeyShown> {
        let filter = KeyFilter {
            limit: 2,
            ..KeyFilter::default()
        };
        let mut keys = self.store.list_keys(&filter).await.unwrap().0;
        assert!(keys.len() < 2, "{keys:?}");
        keys.pop()
    }

    /// Keeps everybody else from writing, until it is dropped.
    pub(super) async fn lock(&self) -> SqliteConnection {
        let path = self.directory.path().join("lineside.db");
        let options = SqliteConnectOptions::new().filename(path);
        let mut connection = options.connect().await.unwrap();
        raw_sql("BEGIN EXCLUSIVE")
            .execute(&mut connection)
            .await
            .unwrap();
        connection
    }
}

/// What a caller got.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    /// Of a refusal, what it says.
    pub(super) body: Result<String, String>,
    pub(super) trailers: Option<http::HeaderMap>,
}

impl Given {
    async fn read(answered: Result<Answer, Refusal>) -> Given {
        let (answer, is_answer) = match answered {
            Ok(answer) => (answer, true),
            Err(refusal) => (refusal.answer(Some("stripe")), false),
        };
        let (head, body) = answer.into_parts();
        let headers = head.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), value.into_owned())
        });
        let headers = headers.collect();
        let collected = body.collect().await;
        let broken = |error: Box<dyn std::error::Error + Send + Sync>| error.to_string();
        let (body, trailers) = match collected.map_err(broken) {
            Ok(collected) => {
                let trailers = collected.trailers().cloned();
                let body = String::from_utf8(collected.to_bytes().to_vec()).unwrap();
                (if is_answer { Ok(body) } else { Err(body) }, trailers)
            }
            Err(error) => (Err(error), None),
        };
        Given {
            status: head.status.as_u16(),
            headers,
            body,
            trailers,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn is_replay(&self) -> bool {
        self.header("x-idempotent-replayed") == Some("true")
    }

    /// What a refusal says.
    pub(super) fn detail(&self) -> &str {
        self.body.as_ref().unwrap_err()
    }
}

type Answering = dyn Fn(Request<RequestBody>) -> Pin<Box<dyn Future<Output = Result<Answer, Refusal>> + Send>>
    + Send
    + Sync;

/// An upstream, which counts its requests.
#[derive(Clone)]
pub(super) struct Upstream {
    answering: Arc<Answering>,
    requests: Arc<AtomicUsize>,
}

impl Upstream {
    pub(super) fn new<F>(
        answering: impl Fn(Request<RequestBody>) -> F + Send + Sync + 'static,
    ) -> Upstream
    where
        F: Future<Output = Result<Answer, Refusal>> + Send + 'static,
    {
        Upstream {
            answering: Arc::new(move |request| Box::pin(answering(request))),
            requests: Arc::default(),
        }
    }

    /// One that gives the same each time.
    pub(super) fn giving(
        make: impl Fn() -> Result<Answer, Refusal> + Send + Sync + 'static,
    ) -> Upstream {
        Upstream::new(move |_| std::future::ready(make()))
    }

    /// One that answers with `status`.
    pub(super) fn answering(status: u16, body: &'static str) -> Upstream {
        Upstream::giving(move || Ok(answer(status, body)))
    }

    /// How many requests it got.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Onward for Upstream {
    async fn onward(&self, request: Request<RequestBody>) -> Result<Answer, Refusal> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        (self.answering)(request).await
    }
}

pub(super) fn answer(status: u16, body: &'static str) -> Answer {
    let mut answer = Response::new(AnswerBody::whole(body));
    *answer.status_mut() = status.try_into().unwrap();
    answer
}

/// POST /v1/charges with `key` and `body`.
pub(super) fn charge(key: &str, body: &str) -> Request<RequestBody> {
    request(Method::POST, Some(key), RequestBody::whole(body.to_owned()))
}

pub(super) fn request(
    method: Method,
    key: Option<&str>,
    body: RequestBody,
) -> Request<RequestBody> {
    let mut request = Request::builder().method(method).uri("/v1/charges");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.body(body).unwrap()
}

/// Asks `check` again and again until it answers.
pub(super) async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "not in time: {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
