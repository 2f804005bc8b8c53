//! Bytes both ways between a caller and an upstream that speak WebSocket, until one of them ends it.

mod frames;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use frames::Frames;

const BUFFER_BYTES: usize = 8 << 10;

/// How long both sides have to end after a goodbye was said to them.
const GOODBYE: Duration = Duration::from_millis(800);

/// Goodbye with code 1001, going away (RFC 6455, section 7.4.1), as servers send it.
const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xe9];

/// When a tunnel ends by itself.
pub(super) struct Terms {
    /// So long nothing came from either side.
    pub(super) idle_timeout: Duration,
    /// The agent is shutting down.
    pub(super) closing: CancellationToken,
}

/// Waits until both sides have switched, and passes bytes until the end.
pub(super) async fn run(caller: OnUpgrade, upstream: OnUpgrade, terms: Terms) {
    let switched = timeout(terms.idle_timeout, async {
        tokio::try_join!(caller, upstream)
    })
    .await;
    match switched {
        Ok(Ok((caller, upstream))) => {
            pass(TokioIo::new(caller), TokioIo::new(upstream), &terms).await;
        }
        Ok(Err(error)) => debug!(%error, "a WebSocket ended before it began"),
        Err(_) => debug!("a WebSocket did not begin within timeout.idle"),
    }
}

/// How a tunnel came to its end.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// One side ended it, or its connection broke.
    BySides,
    Silence,
    Shutdown,
}

async fn pass<C, U>(caller: C, upstream: U, terms: &Terms)
where
    C: AsyncRead + AsyncWrite + Send,
    U: AsyncRead + AsyncWrite + Send,
{
    let (caller_reads, caller_writes) = tokio::io::split(caller);
    let (upstream_reads, upstream_writes) = tokio::io::split(upstream);
    let clock = Clock::new();
    let mut up = Way::new(caller_reads, upstream_writes);
    let mut down = Way::new(upstream_reads, caller_writes);
    let end = tokio::select! {
        _ = async { tokio::try_join!(up.copy(&clock), down.copy(&clock)) } => End::BySides,
        () = clock.silence(terms.idle_timeout) => End::Silence,
        () = terms.closing.cancelled() => End::Shutdown,
    };
    if end != End::BySides {
        let to_upstream = masked(GOING_AWAY);
        let farewell = async {
            tokio::join!(up.close(&to_upstream), down.close(&GOING_AWAY));
            tokio::join!(up.discard(), down.discard());
        };
        let _ = timeout(GOODBYE, farewell).await; // who does not answer is cut off
    }
    let _ = timeout(GOODBYE, async { tokio::join!(up.end(), down.end()) }).await; // the same
}

/// A frame as clients send it (RFC 6455, section 5.3). The mask need not be secret here: the payload is known.
fn masked([first, length, one, two]: [u8; 4]) -> [u8; 8] {
    let mask: [u8; 4] = fastrand::u32(..).to_be_bytes();
    let [a, b, c, d] = mask;
    [first, length | 0x80, a, b, c, d, one ^ a, two ^ b]
}

/// When something last came, from either side.
struct Clock {
    begun: Instant,
    last_ms: AtomicU64,
}

impl Clock {
    fn new() -> Clock {
        Clock {
            begun: Instant::now(),
            last_ms: AtomicU64::new(0),
        }
    }

    fn note(&self) {
        let now_ms = self.begun.elapsed().as_millis();
        let now_ms = now_ms.try_into().unwrap_or(u64::MAX);
        self.last_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Waits until nothing has come for `limit`.
    async fn silence(&self, limit: Duration) {
        loop {
            let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            let silent_for = self.begun.elapsed().saturating_sub(last);
            match limit.checked_sub(silent_for).filter(|left| !left.is_zero()) {
                Some(left) => sleep(left).await,
                None => return,
            }
        }
    }
}

/// One of the two directions.
struct Way<R, W> {
    reads: R,
    writes: W,
    /// What has been written, as frames.
    frames: Frames,
    buffer: Box<[u8]>,
}

impl<R, W> Way<R, W>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    fn new(reads: R, writes: W) -> Way<R, W> {
        Way {
            reads,
            writes,
            frames: Frames::default(),
            buffer: vec![0; BUFFER_BYTES].into(),
        }
    }

    /// Copies until the end. May be dropped at any time: what was written is known.
    async fn copy(&mut self, clock: &Clock) -> io::Result<()> {
        loop {
            let read = self.reads.read(&mut self.buffer).await?;
            if read == 0 {
                return self.writes.shutdown().await;
            }
            clock.note();
            let mut unsent = self.buffer.get(..read).unwrap_or_default();
            while !unsent.is_empty() {
                let written = self.writes.write(unsent).await?;
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                let (sent, rest) = unsent.split_at(written.min(unsent.len()));
                self.frames.pass(sent);
                unsent = rest;
            }
            self.writes.flush().await?;
        }
    }

    /// Says goodbye where a frame may begin.
    async fn close(&mut self, goodbye: &[u8]) {
        if self.frames.takes_a_close() {
            let _ = self.writes.write_all(goodbye).await; // one that has gone needs none
            let _ = self.writes.flush().await;
        }
    }

    /// Reads and forgets, so that the goodbye is not lost to a connection that is reset.
    async fn discard(&mut self) {
        while self
            .reads
            .read(&mut self.buffer)
            .await
            .is_ok_and(|read| read > 0)
        {}
    }

    async fn end(&mut self) {
        let _ = self.writes.shutdown().await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    struct Rig {
        caller: DuplexStream,
        upstream: DuplexStream,
        closing: CancellationToken,
        tunnel: tokio::task::JoinHandle<()>,
    }

    fn rig() -> Rig {
        let (caller, near) = tokio::io::duplex(64);
        let (upstream, far) = tokio::io::duplex(64);
        let closing = CancellationToken::new();
        let terms = Terms {
            idle_timeout: Duration::from_secs(60),
            closing: closing.clone(),
        };
        let tunnel = tokio::spawn(async move { pass(near, far, &terms).await });
        Rig {
            caller,
            upstream,
            closing,
            tunnel,
        }
    }

    async fn rest(stream: &mut DuplexStream) -> Vec<u8> {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        rest
    }

    /// Scenario: both sides speak, then the upstream ends.
    /// Guarantees: what was said arrives, the end as well, and nothing is added to it.
    #[tokio::test]
    async fn bytes_pass_both_ways() {
        let mut rig = rig();
        rig.caller
            .write_all(&[0x81, 0x80, 1, 2, 3, 4])
            .await
            .unwrap();
        rig.upstream.write_all(&[0x81, 0x01, b'x']).await.unwrap();
        rig.upstream.shutdown().await.unwrap();
        assert_eq!(rest(&mut rig.caller).await, [0x81, 0x01, b'x']);
        rig.caller.shutdown().await.unwrap();
        assert_eq!(rest(&mut rig.upstream).await, [0x81, 0x80, 1, 2, 3, 4]);
        rig.tunnel.await.unwrap();
    }

    /// Scenario: the agent shuts down between two frames.
    /// Guarantees: both sides are told that it goes away, the upstream with a mask.
    #[tokio::test]
    async fn a_shutdown_says_goodbye() {
        let mut rig = rig();
        rig.upstream.write_all(&[0x81, 0x01, b'x']).await.unwrap();
        let mut first = [0; 3];
        rig.caller.read_exact(&mut first).await.unwrap();
        rig.closing.cancel();
        let mut told = [0; 4];
        rig.caller.read_exact(&mut told).await.unwrap();
        assert_eq!(told, GOING_AWAY);
        let mut told = [0; 8];
        rig.upstream.read_exact(&mut told).await.unwrap();
        let [first, length, a, b, _, _, one, two] = told;
        assert_eq!((first, length), (0x88, 0x82));
        assert_eq!([one ^ a, two ^ b], 1001_u16.to_be_bytes());
        drop((rig.caller, rig.upstream));
        rig.tunnel.await.unwrap();
    }

    /// Scenario: the agent shuts down in the middle of a frame.
    /// Guarantees: nothing is put into the frame; the connection ends.
    #[tokio::test(start_paused = true)]
    async fn no_goodbye_in_the_middle_of_a_frame() {
        let mut rig = rig();
        rig.upstream.write_all(&[0x81, 0x05, b'x']).await.unwrap();
        let mut first = [0; 3];
        rig.caller.read_exact(&mut first).await.unwrap();
        rig.closing.cancel();
        assert_eq!(rest(&mut rig.caller).await, [0_u8; 0]);
        rig.tunnel.await.unwrap();
    }

    /// Scenario: one side speaks now and then, the other never; then none does.
    /// Guarantees: it ends once both have been silent for as long as they may.
    #[tokio::test(start_paused = true)]
    async fn silence_ends_it() {
        let mut rig = rig();
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(59)).await;
            rig.caller
                .write_all(&[0x89, 0x80, 0, 0, 0, 0])
                .await
                .unwrap();
            assert!(!rig.tunnel.is_finished());
        }
        let began = Instant::now();
        rig.tunnel.await.unwrap();
        let took = began.elapsed();
        assert!((60..63).contains(&took.as_secs()), "{took:?}");
    }
}
