//! Which requests run, and what repeated ones get.

use http::header::{CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body_util::{BodyExt, Full};

use super::rig::{Rig, Upstream, answer, charge, request};
use crate::gateway::{AnswerBody, RequestBody};

/// Scenario: a request with a key, in quotes; the same again, with the key bare and in the older header.
/// Guarantees: the upstream gets it once, whole and with its key as it was; the others get the same status, headers and body, told to be
/// replayed; each is told the key; a cookie is given once.
#[tokio::test]
async fn a_repeated_request_gets_the_same_answer() {
    let rig = Rig::new().await;
    let upstream = Upstream::new(async |request| {
        assert_eq!(request.headers()["idempotency-key"], "\"k1\"");
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "amount=1");
        let mut answer = answer(201, "{\"id\":1}");
        let headers = answer.headers_mut();
        headers.insert("location", HeaderValue::from_static("/v1/charges/1"));
        headers.insert(SET_COOKIE, HeaderValue::from_static("session=1"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("8"));
        Ok(answer)
    });
    let first = rig.ask(charge("\"k1\"", "amount=1"), &upstream).await;
    assert_eq!((first.status, first.is_replay()), (201, false));
    assert_eq!(first.header("x-idempotency-key"), Some("k1"));
    assert_eq!(first.header("set-cookie"), Some("session=1"));
    let mut older = charge("k1", "amount=1");
    let value = older.headers_mut().remove("idempotency-key").unwrap();
    older.headers_mut().insert("x-idempotency-key", value);
    for request in [charge("k1", "amount=1"), older] {
        let again = rig.ask(request, &upstream).await;
        assert_eq!((again.status, again.is_replay()), (201, true), "{again:?}");
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("location"), Some("/v1/charges/1"));
        assert_eq!(again.header("x-idempotency-key"), Some("k1"));
        assert_eq!(again.header("set-cookie"), None);
    }
    assert_eq!(upstream.requests(), 1);
    assert_eq!(rig.counted(), ["run", "replayed", "replayed"]);
}

/// Scenario: requests without a key, with something else for one, and with a method for which keys do not count, on routes that
/// want a key and that do not.
/// Guarantees: a key counts where the route says so; one that is wanted and missing, or malformed, is refused with 400, and nothing runs.
#[tokio::test]
async fn keys_are_wanted_where_the_route_says_so() {
    for required in [false, true] {
        let rig = Rig::with(|settings| settings.required = required).await;
        let upstream = Upstream::answering(200, "");
        let ask = async |method, key| {
            let request = request(method, key, RequestBody::whole(""));
            rig.ask(request, &upstream).await
        };
        let without = ask(Method::POST, None).await;
        assert_eq!(without.status, if required { 400 } else { 200 });
        assert_eq!(without.header("x-idempotency-key"), None);
        let malformed = ask(Method::PATCH, Some("two words")).await;
        assert_eq!(malformed.status, 400);
        assert!(
            malformed.detail().contains("visible ASCII"),
            "{malformed:?}"
        );
        assert_eq!(ask(Method::GET, Some("two words")).await.status, 200);
        assert_eq!(ask(Method::PUT, None).await.status, 200);
        assert_eq!(upstream.requests(), if required { 2 } else { 3 });
        let counted: &[_] = if required {
            &["missing", "malformed"]
        } else {
            &["malformed"]
        };
        assert_eq!(rig.counted(), counted);
        assert_eq!(rig.shown().await, None);
    }
}

/// Scenario: the same key with another body, another path, another method, from another caller.
/// Guarantees: 422 for each but the last, which runs; nothing else reaches the upstream.
#[tokio::test]
async fn a_key_stands_for_one_request() {
    let rig = Rig::new().await;
    let upstream = Upstream::answering(200, "done");
    assert_eq!(rig.ask(charge("k", "a"), &upstream).await.status, 200);
    let mut elsewhere = charge("k", "a");
    *elsewhere.uri_mut() = "/v1/charges?expand=1".parse().unwrap();
    let method = request(Method::PATCH, Some("k"), RequestBody::whole("a"));
    for other in [charge("k", "b"), elsewhere, method] {
        let given = rig.ask(other, &upstream).await;
        assert_eq!(given.status, 422, "{given:?}");
        assert!(
            given.detail().contains("\"guard\":\"idempotency\""),
            "{given:?}"
        );
    }
    let of_bob = rig
        .keys
        .around(|| b"bob".to_vec(), charge("k", "a"), upstream.clone())
        .await;
    assert_eq!(of_bob.unwrap().status(), 200);
    assert_eq!(upstream.requests(), 2);
    assert_eq!(
        rig.counted(),
        ["run", "mismatch", "mismatch", "mismatch", "run"]
    );
}

/// Scenario: an answer with trailers, as gRPC has them. Guarantees: a repeated request gets them as well.
#[tokio::test]
async fn trailers_are_kept() {
    let rig = Rig::new().await;
    let upstream = Upstream::giving(|| {
        let trailers = HeaderMap::from_iter([(
            "grpc-status".parse().unwrap(),
            HeaderValue::from_static("0"),
        )]);
        let body = Full::new(bytes::Bytes::from("message"));
        let body = body.with_trailers(std::future::ready(Some(Ok(trailers))));
        Ok(Response::new(AnswerBody::boxed(body)))
    });
    for is_replay in [false, true] {
        let given = rig.ask(charge("k", "a"), &upstream).await;
        assert_eq!(given.is_replay(), is_replay);
        assert_eq!(given.body.unwrap(), "message");
        assert_eq!(given.trailers.unwrap()["grpc-status"], "0");
    }
}

/// Scenario: answers that are longer than what is kept, with a length and without, that are events, and such as are just short enough.
/// Guarantees: each comes whole; of the long ones and the events only the status is kept, and a repeated request is told so.
#[tokio::test]
async fn long_answers_are_given_and_not_kept() {
    let cases: [(&str, bool, bool, bool); 5] = [
        ("12345678", false, false, true),
        ("123456789", false, false, false),
        ("12345678", true, false, true),
        ("123456789", true, false, false),
        ("data: 1", false, true, false),
    ];
    for (text, in_parts, is_events, is_kept) in cases {
        let rig = Rig::with(|settings| settings.max_answer = crate::config::ByteSize(8)).await;
        let upstream = Upstream::giving(move || {
            let mut answer = answer(200, text);
            if in_parts {
                *answer.body_mut() = super::bodies::in_parts(text.as_bytes());
            }
            if is_events {
                let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
                answer.headers_mut().insert("content-type", kind);
            }
            Ok(answer)
        });
        let first = rig.ask(charge("k", "a"), &upstream).await;
        assert_eq!((first.status, first.body), (200, Ok(text.to_owned())));
        let again = rig.ask(charge("k", "a"), &upstream).await;
        assert_eq!(
            again.status,
            if is_kept { 200 } else { 409 },
            "{text}: {again:?}"
        );
        assert!(
            is_kept || again.detail().contains("answered with 200"),
            "{again:?}"
        );
        assert_eq!(upstream.requests(), 1);
        let outcome = if is_kept { "replayed" } else { "not_kept" };
        assert_eq!(rig.counted(), ["run", outcome]);
    }
}
