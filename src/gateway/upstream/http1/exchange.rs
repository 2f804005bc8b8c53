//! One call on one connection, up to the head of the answer.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::Instant;

use super::framing::{frame, refusal};
use super::meaning::meaning;
use super::{CarriedBody, Connection, Http1Body};
use crate::gateway::RequestBody;
use crate::gateway::upstream::UpstreamBody;
use crate::gateway::upstream::failure::{CallFailure, CallFailureKind};
use crate::gateway::upstream::pool::Pool;
use crate::gateway::upstream::terms::Progress;
use crate::gateway::upstream::upload::MeteredBody;
use crate::gateway::upstream::wire::Upload;

/// A call that failed, and the request where nothing was taken of it.
pub(in crate::gateway::upstream) struct Broken {
    pub(in crate::gateway::upstream) failure: CallFailure,
    pub(in crate::gateway::upstream) untouched: Option<Box<Request<RequestBody>>>,
}

/// The heads of all answers to one request, 1xx included, may be as long as this many of the greatest.
const MAX_HEADS: u64 = 4;

/// Sends `request` on `connection` and waits for the head of its answer. Where the answer asks for no more of the connection, it
/// goes back to `pool` at once.
///
/// # Errors
/// Why there is no answer. A request that comes back untouched may be sent on another connection.
pub(in crate::gateway::upstream) async fn send(
    pool: &Arc<Pool>,
    mut connection: Box<Connection>,
    mut request: Request<RequestBody>,
    asks_to_upgrade: bool,
) -> Result<Response<UpstreamBody>, Broken> {
    frame(&mut request);
    if asks_to_upgrade {
        connection.upgrading();
    }
    let answer = head(pool, &mut connection, request).await?;
    if let Some(refused) = refusal(&answer, asks_to_upgrade) {
        let failure = pool.terms.failure(CallFailureKind::Protocol, true, refused);
        return Err(failure.into());
    }
    Ok(with_body(pool, connection, answer))
}

async fn head(
    pool: &Pool,
    connection: &mut Connection,
    request: Request<RequestBody>,
) -> Result<Response<Incoming>, Broken> {
    let terms = &pool.terms;
    let meter = Arc::clone(&connection.meter);
    meter.begin(MAX_HEADS.saturating_mul(terms.max_head_bytes as u64));
    let before = meter.written();
    let request = request.map(|body| MeteredBody::new(body, &meter));
    let mut sending = pin!(connection.sender.try_send_request(request));
    let mut progress = Progress::new(&meter, Instant::now());
    let answer = poll_fn(|context| {
        if let Poll::Ready(answer) = connection.poll(context, |quiet| sending.as_mut().poll(quiet))
        {
            return Poll::Ready(Ok(answer));
        }
        let now = Instant::now();
        progress.note(&meter, now);
        let (due, kind) = progress.head_due(terms, &meter);
        match connection.is_due(due, now) {
            true => Poll::Ready(Err(kind)),
            false => Poll::Pending,
        }
    })
    .await;
    meter.head_arrived();
    let was_written = meter.written() != before;
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Broken::new(pool, connection, error, was_written)),
        Err(kind) => Err(terms.timed_out(kind, was_written).into()),
    }
}

impl Broken {
    fn new(
        pool: &Pool,
        connection: &Connection,
        mut error: TrySendError<Request<MeteredBody>>,
        was_written: bool,
    ) -> Broken {
        let untouched = error.take_message();
        let terms = &pool.terms;
        let failure = terms.broke_off(&connection.meter, was_written, || {
            meaning(&error.into_error())
        });
        Broken {
            failure,
            untouched: untouched.map(|request| Box::new(request.map(MeteredBody::into_inner))),
        }
    }
}

impl From<CallFailure> for Broken {
    fn from(failure: CallFailure) -> Broken {
        Broken {
            failure,
            untouched: None,
        }
    }
}

/// The answer with what brings the rest of it.
fn with_body(
    pool: &Arc<Pool>,
    connection: Box<Connection>,
    answer: Response<Incoming>,
) -> Response<UpstreamBody> {
    let (head, incoming) = answer.into_parts();
    let body = if head.status == StatusCode::SWITCHING_PROTOCOLS {
        UpstreamBody::empty()
    } else if connection.meter.upload() != Upload::Ended {
        // The caller still sends, and may read the answer only when it has sent all.
        UpstreamBody::carried(CarriedBody::new(Arc::clone(pool), connection, incoming))
    } else if connection.is_reusable() {
        let body = all_of(incoming);
        pool.keep(connection);
        body
    } else if incoming.is_end_stream() {
        UpstreamBody::empty()
    } else {
        UpstreamBody::http1(Http1Body::new(Arc::clone(pool), connection, incoming))
    };
    Response::from_parts(head, body)
}

/// A body whose connection is free again, so that all of it is here.
fn all_of(mut incoming: Incoming) -> UpstreamBody {
    let mut quiet = Context::from_waker(Waker::noop());
    let (mut data, mut trailers) = (None, None);
    while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut incoming).poll_frame(&mut quiet) {
        match frame.into_data() {
            Ok(bytes) => data = Some(bytes),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    UpstreamBody::whole(data, trailers)
}
