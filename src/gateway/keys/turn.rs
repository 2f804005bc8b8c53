//! One request with a key, from its claim to what is written of it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::response::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::read::{self, Read, Whole};
use super::{Inner, KeyRefusal};
use crate::gateway::attempt::EarlierMayHaveRun;
use crate::gateway::{Answer, Onward, Refusal, RequestBody};
use crate::resilience::Backoff;
use crate::resilience::idempotency::{
    AnswerHead, Outcome, X_IDEMPOTENCY_KEY, after_answer, after_failure,
};
use crate::store::{Claim, Claiming, Finished, Held, Hold, KeptAnswer, StoreError};

/// Says that an answer was given before.
const X_IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("x-idempotent-replayed");

/// How often a lease is renewed while it lasts.
const RENEWALS_A_LEASE: u32 = 3;

/// How long what the store did not take is said again, at the least.
const SAY_FOR: Duration = Duration::from_secs(300);

/// The pause between two attempts, from the first to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// So often a claim is not found before it counts as never made.
const WITHDRAWALS: u32 = 4;

/// A request with a key.
pub(super) struct Turn {
    keys: Arc<Inner>,
    claiming: Claiming,
}

/// How a request ended: what is written of it, and what its caller gets.
struct Ended {
    word: Word,
    gives: Result<Answer, Refusal>,
}

/// What is written of a request.
enum Word {
    Finished(Finished),
    Released,
    Unknown,
}

impl Turn {
    pub(super) fn new(keys: Arc<Inner>, claiming: Claiming) -> Turn {
        Turn { keys, claiming }
    }

    /// Claims the key, and runs `request` if nobody else does or did.
    pub(super) async fn run<O>(
        self,
        request: Request<RequestBody>,
        onward: O,
    ) -> Result<Answer, Refusal>
    where
        O: Onward + Send + 'static,
    {
        let (outcome, given) = match self.claim().await? {
            Claim::Run(hold) => {
                (self.keys.count)("run");
                return self.hold(hold, request, onward).await;
            }
            Claim::Replay(kept) => ("replayed", self.replay(kept)),
            Claim::InFlight => ("in_flight", Err(KeyRefusal::InFlight)),
            Claim::Mismatch => ("mismatch", Err(KeyRefusal::Mismatch)),
            Claim::Unknown { since } => ("unknown", Err(KeyRefusal::Unknown { since })),
            Claim::NotKept { status } => ("not_kept", Err(KeyRefusal::NotKept { status })),
        };
        (self.keys.count)(outcome);
        given.map_err(Refusal::Key)
    }

    async fn claim(&self) -> Result<Claim, Refusal> {
        let claimed = self.keys.store.claim(&self.claiming).await;
        claimed.map_err(|error| {
            (self.keys.count)("store_away");
            warn!(route = self.keys.route, "{error}");
            if error.may_have_been_done() {
                let (keys, claiming) = (Arc::clone(&self.keys), self.claiming.clone());
                tokio::spawn(withdraw(keys, claiming));
            }
            Refusal::Key(KeyRefusal::StoreAway)
        })
    }

    /// Runs `request` under `hold`, and writes what came of it.
    async fn hold<O>(
        self,
        hold: Hold,
        request: Request<RequestBody>,
        onward: O,
    ) -> Result<Answer, Refusal>
    where
        O: Onward + Send + 'static,
    {
        let work = async {
            let answered = onward.onward(request).await;
            self.judge(answered).await
        };
        let ended = tokio::select! {
            biased;
            ended = work => ended,
            never = renew(&self.keys, &hold) => match never {},
        };
        self.write(hold, ended.word).await;
        ended.gives
    }

    async fn judge(&self, answered: Result<Answer, Refusal>) -> Ended {
        let outcome = match &answered {
            Ok(answer) => after_answer(
                answer.status(),
                self.keys.keeps_server_errors(),
                answer.extensions().get::<EarlierMayHaveRun>().is_some(),
            ),
            Err(refusal) => after_failure(refusal.may_have_run()),
        };
        let word = match outcome {
            Outcome::Released => Word::Released,
            Outcome::Unknown => Word::Unknown,
            Outcome::Done => match answered {
                Ok(answer) => return self.keep(answer).await,
                Err(_) => Word::Unknown,
            },
        };
        let gives = answered.map(|answer| self.marked(answer));
        Ended { word, gives }
    }

    /// Reads an answer that is to be kept.
    async fn keep(&self, answer: Answer) -> Ended {
        let (head, body) = answer.into_parts();
        let status = head.status.as_u16();
        let status_only = || Word::Finished(Finished::Status(status));
        if is_stream(&head) {
            let gives = Ok(self.marked(Response::from_parts(head, body)));
            return Ended {
                word: status_only(),
                gives,
            };
        }
        match read::answer(body, self.keys.settings.max_answer.bytes()).await {
            Read::Whole(whole) => {
                let kept = kept(&head, &whole);
                let answer = Response::from_parts(head, whole.into_answer());
                Ended {
                    word: Word::Finished(Finished::Kept(kept)),
                    gives: Ok(self.marked(answer)),
                }
            }
            Read::Longer(started) => Ended {
                word: status_only(),
                gives: Ok(self.marked(Response::from_parts(head, started.into_answer()))),
            },
            Read::Broken(error) => {
                warn!(
                    route = self.keys.route,
                    status, "the answer to a request with a key broke off: {error}"
                );
                Ended {
                    word: Word::Unknown,
                    gives: Err(Refusal::Key(KeyRefusal::AnswerBroke { status })),
                }
            }
        }
    }

    /// Writes `word`. What the store does not take at once is said again behind the caller's back.
    async fn write(&self, hold: Hold, word: Word) {
        match say(&self.keys, &hold, &word).await {
            Ok(held) => told(&self.keys, &hold, held),
            Err(error) => {
                let (route, key) = (&self.keys.route, &hold.id().key);
                warn!(route, %key, "what became of a request could not be written, and is tried again: {error}");
                tokio::spawn(say_again(Arc::clone(&self.keys), hold, word));
            }
        }
    }

    fn replay(&self, kept: KeptAnswer) -> Result<Answer, KeyRefusal> {
        let not_kept = KeyRefusal::NotKept {
            status: Some(kept.status),
        };
        let head = AnswerHead::of_lines(&kept.head);
        let (Some(head), Ok(status)) = (head, StatusCode::from_u16(kept.status)) else {
            warn!(route = self.keys.route, key = %self.claiming.id.key, "a kept answer cannot be read");
            return Err(not_kept);
        };
        let whole = Whole {
            bytes: kept.body,
            trailers: head.trailers,
        };
        let mut answer = Response::new(whole.into_answer());
        *answer.status_mut() = status;
        *answer.headers_mut() = head.headers;
        let replayed = HeaderValue::from_static("true");
        answer.headers_mut().insert(X_IDEMPOTENT_REPLAYED, replayed);
        Ok(self.marked(answer))
    }

    /// `answer` with the key that it was given for.
    fn marked(&self, mut answer: Answer) -> Answer {
        if let Some(key) = self.claiming.id.key.header_value() {
            answer.headers_mut().insert(X_IDEMPOTENCY_KEY, key);
        }
        answer
    }
}

/// An answer that is no document: a connection that changes its protocol, or events that come as they happen.
fn is_stream(head: &Parts) -> bool {
    let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_events = kind.is_some_and(|kind| {
        let name = kind.split(|byte| *byte == b';').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
    });
    is_events || head.status.is_informational()
}

fn kept(head: &Parts, whole: &Whole) -> KeptAnswer {
    let lines = AnswerHead::kept(&head.headers, whole.trailers.as_ref());
    KeptAnswer {
        status: head.status.as_u16(),
        head: lines.to_lines(),
        body: whole.bytes.clone(),
    }
}

/// Renews `hold` for as long as it is one, and then waits.
async fn renew(keys: &Inner, hold: &Hold) -> Infallible {
    let every = keys.settings.lease / RENEWALS_A_LEASE;
    loop {
        sleep(every).await;
        match keys.store.renew(hold).await {
            Ok(Held::Yes) => {}
            Ok(Held::Lost) => break,
            Err(error) => warn!(route = keys.route, "a hold could not be renewed: {error}"),
        }
    }
    let (route, key) = (&keys.route, &hold.id().key);
    warn!(route, %key, "the hold on a key is lost while its request runs; others are told that its outcome is unknown");
    std::future::pending().await
}

async fn say(keys: &Inner, hold: &Hold, word: &Word) -> Result<Held, StoreError> {
    match word {
        Word::Finished(finished) => {
            let keep_for = keys.settings.keep_for;
            keys.store.finish(hold, finished, keep_for).await
        }
        // Who has lost a key has nothing to release.
        Word::Released => keys.store.release(hold).await.map(|_| Held::Yes),
        Word::Unknown => keys.store.give_up(hold).await,
    }
}

fn told(keys: &Inner, hold: &Hold, held: Held) {
    if held == Held::Lost {
        let (route, key) = (&keys.route, &hold.id().key);
        warn!(route, %key, "what became of a request is not written: someone else has taken its key over");
    }
}

/// Nothing waits for this: at the end of the agent, what is not written by then stays unknown.
async fn say_again(keys: Arc<Inner>, hold: Hold, word: Word) {
    let (route, key) = (keys.route.as_str(), &hold.id().key);
    let mut patience = Patience::of(SAY_FOR.max(keys.settings.lease));
    while patience.is_left().await {
        if let Ok(held) = say(&keys, &hold, &word).await {
            info!(route, %key, "what became of a request is written at last");
            return told(&keys, &hold, held);
        }
    }
    warn!(route, %key, "the store does not answer: the outcome of a request will be unknown");
}

/// Takes a claim back whose answer was lost: nothing ran for it. The claim itself may be carried out later than this is, so once is
/// not enough.
async fn withdraw(keys: Arc<Inner>, claiming: Claiming) {
    let mut patience = Patience::of(SAY_FOR);
    let mut answers = 0;
    while answers < WITHDRAWALS && patience.is_left().await {
        match keys.store.withdraw(&claiming).await {
            Ok(true) => return,
            Ok(false) => answers += 1,
            Err(_) => {}
        }
    }
}

/// Pauses that grow, for some time.
struct Patience {
    until: Instant,
    tries: u32,
}

impl Patience {
    fn of(time: Duration) -> Patience {
        Patience {
            until: Instant::now() + time,
            tries: 0,
        }
    }

    /// Waits, unless the time is over.
    async fn is_left(&mut self) -> bool {
        if Instant::now() >= self.until {
            return false;
        }
        self.tries = self.tries.saturating_add(1);
        sleep(Backoff::new(PAUSES.0, PAUSES.1).ceiling(self.tries)).await;
        true
    }
}
