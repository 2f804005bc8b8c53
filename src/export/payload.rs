//! From a parcel's batches to the bytes of one request, by the cheapest correct path.
//!
//! | export | batch came as | what is sent |
//! |---|---|---|
//! | none | plain | the batches' own bytes, one after the other, not copied |
//! | none | compressed | inflated, then as above |
//! | gzip, zstd | plain | one stream compressed over all batches |
//! | zstd | zstd | the frames as they came, one after the other (RFC 8878, section 3) |
//! | gzip | gzip | alone: the bytes as they came |
//!
//! gzip members may be concatenated too (RFC 1952, section 2.2), but receivers in use read only the
//! first member and would lose the rest without a word; so gzip batches are sent alone while the
//! export keeps up, and compressed again with others when it does not.

use std::collections::VecDeque;
use std::num::NonZero;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Semaphore;

use crate::intake::off_thread_if;
use crate::otlp::{
    Batch, DeflateError, Encoding, InflateError, can_concatenate, default_level, deflate, inflate,
};

/// A request body: pieces that are sent one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Payload {
    pieces: VecDeque<Bytes>,
    length: usize,
}

/// Why a batch could not be made ready to send.
#[derive(Debug, thiserror::Error)]
pub(super) enum PayloadError {
    #[error("a journaled batch cannot be inflated: {0}")]
    Inflate(#[from] InflateError),
    #[error("compressing failed: {0}")]
    Deflate(#[from] DeflateError),
}

impl Payload {
    /// The body for `batches`, compressed as `encoding`.
    fn build(batches: &[Batch], encoding: Encoding) -> Result<Payload, PayloadError> {
        if passes_through(batches, encoding) {
            return Ok(batches.iter().map(|batch| batch.bytes.clone()).collect());
        }
        let plain = batches.iter().map(plain).collect::<Result<Vec<_>, _>>()?;
        if encoding == Encoding::Identity {
            return Ok(plain.into_iter().collect());
        }
        let whole = deflate(encoding, default_level(encoding), &plain)?;
        Ok(Payload::from_iter([whole]))
    }

    /// Bytes of the whole body.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn push_front(&mut self, piece: Bytes) {
        self.length += piece.len();
        self.pieces.push_front(piece);
    }
}

/// A gzip batch shorter than this is worth compressing again with others: its destination gets fewer
/// requests.
const ALONE_BYTES: usize = 2 << 10;

/// Whether `batch` is cheapest as a request of its own, to an export that compresses as `encoding`.
pub(super) fn best_alone(batch: &Batch, encoding: Encoding) -> bool {
    encoding == batch.encoding && !can_concatenate(encoding) && batch.bytes.len() >= ALONE_BYTES
}

/// Half the cores compress at most, so that senders are still answered while a backlog goes out.
static COMPRESSORS: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Semaphore::new((cores / 2).max(1))
});

/// The body for `batches`; off the network threads where making it takes real work.
pub(super) async fn build(
    batches: Vec<Batch>,
    encoding: Encoding,
) -> Result<Payload, PayloadError> {
    if !is_work(&batches, encoding) {
        return Payload::build(&batches, encoding);
    }
    let turn = COMPRESSORS.acquire().await; // never closed, so an error cannot come
    let built = off_thread_if(true, move || Payload::build(&batches, encoding)).await;
    drop(turn);
    built
}

/// Whether building the body of `batches` takes real work rather than sharing bytes.
fn is_work(batches: &[Batch], encoding: Encoding) -> bool {
    let all_as_sent = batches.iter().all(|batch| batch.encoding == encoding);
    encoding != Encoding::Identity && !passes_through(batches, encoding) || !all_as_sent
}

/// Whether the bytes of `batch` are what its record says.
pub(super) fn is_readable(batch: &Batch) -> bool {
    plain(batch).is_ok()
}

fn passes_through(batches: &[Batch], encoding: Encoding) -> bool {
    let as_sent = batches.iter().all(|batch| batch.encoding == encoding);
    as_sent && (batches.len() == 1 || can_concatenate(encoding))
}

fn plain(batch: &Batch) -> Result<Bytes, InflateError> {
    match batch.encoding {
        Encoding::Identity => Ok(batch.bytes.clone()),
        encoding => inflate(encoding, &batch.bytes, batch.inflated_len as usize).map(Bytes::from),
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Payload {
        let pieces: VecDeque<Bytes> = pieces
            .into_iter()
            .filter(|piece| !piece.is_empty())
            .collect();
        let length = pieces.iter().map(Bytes::len).sum();
        Payload { pieces, length }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = self.pieces.pop_front();
        self.length -= piece.as_ref().map_or(0, Bytes::len);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::{Origin, Signal};

    fn batch(encoding: Encoding, message: &'static [u8]) -> Batch {
        let plain = Bytes::from_static(message);
        let bytes = match encoding {
            Encoding::Identity => plain,
            encoding => deflate(encoding, default_level(encoding), &[plain]).expect("deflates"),
        };
        Batch {
            signal: Signal::Traces,
            origin: Origin::Outside,
            encoding,
            items: 1,
            inflated_len: message.len() as u32,
            received_unix_ms: 0,
            services: Vec::new().into(),
            bytes,
        }
    }

    fn joined(payload: &Payload) -> Vec<u8> {
        let bytes: Vec<u8> = payload.pieces.iter().flatten().copied().collect();
        assert_eq!(payload.len(), bytes.len());
        bytes
    }

    /// Scenario: batches of every encoding, alone and together, to exports of every encoding.
    /// Guarantees: what the destination inflates is the batches' messages in order, nothing else.
    #[test]
    fn every_path_carries_the_same_messages() {
        const ALL: [Encoding; 3] = [Encoding::Identity, Encoding::Gzip, Encoding::Zstd];
        for first in ALL {
            for second in ALL {
                for sent in ALL {
                    let batches = [batch(first, b"one message "), batch(second, b"and another")];
                    let payload = Payload::build(&batches, sent).expect("builds");
                    let inflated = match sent {
                        Encoding::Identity => joined(&payload),
                        sent => inflate(sent, &joined(&payload), 100).expect("inflates"),
                    };
                    assert_eq!(
                        inflated, b"one message and another",
                        "{first:?} {second:?} {sent:?}"
                    );
                }
            }
        }
    }

    /// Scenario: batches that came as the export wants them. Guarantees: their bytes are shared, not
    /// copied; two gzip batches become one member, since receivers read only the first.
    #[test]
    fn bytes_that_fit_are_passed_through() {
        for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
            let only = batch(encoding, b"message");
            let payload = Payload::build(std::slice::from_ref(&only), encoding).expect("builds");
            assert_eq!(payload.pieces[0].as_ptr(), only.bytes.as_ptr());
        }
        let two = [batch(Encoding::Gzip, b"a"), batch(Encoding::Gzip, b"b")];
        let merged = Payload::build(&two, Encoding::Gzip).expect("builds");
        assert_eq!(merged.pieces.len(), 1);
        assert_eq!(
            inflate(Encoding::Gzip, &merged.pieces[0], 10).expect("inflates"),
            b"ab"
        );
    }

    /// Scenario: a journaled batch whose bytes no longer inflate. Guarantees: it is told apart.
    #[test]
    fn an_unreadable_batch_is_found() {
        let mut broken = batch(Encoding::Gzip, b"message");
        broken.bytes = broken.bytes.slice(..10);
        assert!(!is_readable(&broken));
        assert!(is_readable(&batch(Encoding::Zstd, b"message")));
        assert!(Payload::build(&[broken], Encoding::Identity).is_err());
    }
}
