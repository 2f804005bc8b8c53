//! Reading request bodies: charged before they are read, bounded in size and time.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::intake::{Refusal, Visit};
use crate::ledger::TurnedAway;
use crate::otlp::Encoding;

/// Bodies of unknown length are charged in steps that double from here.
const FIRST_CHARGE_BYTES: usize = 64 << 10;

const GRPC_PREFIX_BYTES: usize = 5;

/// One gRPC message ("Length-Prefixed-Message" of gRPC over HTTP/2).
#[derive(Debug)]
pub(super) struct Message {
    pub(super) compressed: bool,
    pub(super) bytes: Bytes,
}

/// The coding that the header `name` gives the body; `None` without that header.
pub(super) fn encoding(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Option<Encoding>, Refusal> {
    let Some(token) = headers.get(name) else {
        return Ok(None);
    };
    let known = token.to_str().ok().and_then(Encoding::from_token);
    known.map(Some).ok_or_else(|| {
        let message = format!("{name} {token:?} is not spoken here; send identity, gzip or zstd");
        Refusal::new(TurnedAway::Unsupported, message)
    })
}

/// Reads an OTLP/HTTP body of at most `max_bytes`.
pub(super) async fn read_whole(
    body: &mut Incoming,
    visit: &mut Visit,
    max_bytes: usize,
) -> Result<Bytes, Refusal> {
    let declared = body
        .size_hint()
        .exact()
        .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if declared.is_some_and(|length| length > max_bytes) {
        return Err(too_large(max_bytes));
    }
    let mut charged = declared.unwrap_or(FIRST_CHARGE_BYTES.min(max_bytes));
    visit.charge(charged)?;
    let mut gathered = Gathered::default();
    while let Some(data) = next_data(body).await? {
        let length = gathered.len() + data.len();
        if length > max_bytes {
            return Err(too_large(max_bytes));
        }
        if length > charged {
            charged = (charged * 2).clamp(length, max_bytes.max(length));
            visit.charge(charged)?;
        }
        gathered.push(data, charged);
    }
    Ok(gathered.finish())
}

/// Reads the one message of a unary gRPC request.
pub(super) async fn read_message(
    body: &mut Incoming,
    visit: &mut Visit,
    max_bytes: usize,
) -> Result<Message, Refusal> {
    let mut gathered = Gathered::default();
    while gathered.len() < GRPC_PREFIX_BYTES {
        let data = next_data(body)
            .await?
            .ok_or_else(|| broken("it ends before its message"))?;
        gathered.push(data, GRPC_PREFIX_BYTES);
    }
    let mut start = gathered.finish();
    let flag = start.get_u8();
    let length = start.get_u32() as usize;
    if flag > 1 {
        return Err(broken("the compressed flag is neither 0 nor 1"));
    }
    if length > max_bytes {
        return Err(too_large(max_bytes));
    }
    visit.charge(length)?;
    let mut gathered = Gathered::default();
    gathered.push(start, length);
    while let Some(data) = next_data(body).await? {
        if gathered.len() + data.len() > length {
            return Err(broken("more follows its one message"));
        }
        gathered.push(data, length);
    }
    if gathered.len() != length {
        return Err(broken(
            "its message has another length than its prefix says",
        ));
    }
    Ok(Message {
        compressed: flag == 1,
        bytes: gathered.finish(),
    })
}

/// Reads and forgets what is left of a refused request, so that its sender, still writing, gets to
/// read the answer. Bounded: a sender that won't end is cut off.
pub(super) async fn discard(
    mut body: Incoming,
    refusal: &Refusal,
    max_bytes: usize,
    limit: Duration,
) {
    if refusal.reason == TurnedAway::TimedOut {
        return; // it had its time
    }
    let drain = async {
        let mut left = max_bytes;
        while let Ok(Some(data)) = next_data(&mut body).await {
            let Some(rest) = left.checked_sub(data.len()) else {
                return;
            };
            left = rest;
        }
    };
    let _ = tokio::time::timeout(limit, drain).await; // out of time: the sender is cut off
}

/// The body took longer than it may.
pub(super) fn timed_out() -> Refusal {
    let message = "the body did not arrive within receive.body_timeout";
    Refusal::new(TurnedAway::TimedOut, message)
}

async fn next_data(body: &mut Incoming) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&format!("reading it failed: {error}")))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn too_large(max_bytes: usize) -> Refusal {
    Refusal::too_large(max_bytes, "receive.max_body")
}

fn broken(what: &str) -> Refusal {
    Refusal::new(
        TurnedAway::Malformed,
        format!("the request body is broken: {what}"),
    )
}

/// Pieces of a body; a body that came in one piece is not copied.
#[derive(Debug, Default)]
struct Gathered {
    only: Bytes,
    joined: BytesMut,
}

impl Gathered {
    fn len(&self) -> usize {
        self.only.len() + self.joined.len()
    }

    fn push(&mut self, data: Bytes, expected_bytes: usize) {
        if self.len() == 0 {
            self.only = data;
            return;
        }
        if self.joined.is_empty() {
            self.joined
                .reserve(expected_bytes.max(self.only.len() + data.len()));
            self.joined
                .extend_from_slice(&std::mem::take(&mut self.only));
        }
        self.joined.extend_from_slice(&data);
    }

    fn finish(self) -> Bytes {
        if self.joined.is_empty() {
            self.only
        } else {
            self.joined.freeze()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a body in one, two and many pieces, some empty. Guarantees: the same bytes, and one
    /// piece is handed on without a copy.
    #[test]
    fn pieces_are_joined_in_order() {
        let whole = Bytes::from_static(b"one piece");
        let mut gathered = Gathered::default();
        gathered.push(whole.clone(), 9);
        assert_eq!(gathered.finish().as_ptr(), whole.as_ptr());

        let mut gathered = Gathered::default();
        for piece in ["", "ma", "ny", "", " pieces"] {
            gathered.push(Bytes::from_static(piece.as_bytes()), 3);
        }
        assert_eq!(gathered.len(), 11);
        assert_eq!(gathered.finish(), "many pieces");
    }
}
