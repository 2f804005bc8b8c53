//! The role that sends: keeps requests in flight, or sends them on a schedule, and times each answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use tokio::runtime::Runtime;

use crate::client::Pool;
use crate::order::{LoadOrder, LoadSeen, say, unix_us, wait_for_line};
use crate::payload::{self, Template};
use crate::scenario::Transport;
use crate::wire::{Message, Outcome, RequestHead, outcome};
use crate::{Fallible, pace};

/// Connections that carry the requests in flight over HTTP/2; over HTTP/1.1 each needs its own.
const HTTP2_CONNECTIONS: usize = 4;
/// Pause after a refusal or failure, so that it costs neither side a busy loop.
const PAUSE: Duration = Duration::from_millis(20);

/// Warms up, says so, waits for a line, sends for the window, says what it saw.
pub fn run(runtime: &Runtime, order: &LoadOrder) -> Fallible<()> {
    let sender = Arc::new(runtime.block_on(Sender::new(order))?);
    for phase_ms in [order.warm_up_ms, order.window_ms] {
        let phase = Duration::from_millis(phase_ms);
        let started_unix_us = unix_us();
        let started = Instant::now();
        let shots = match order.items_per_second {
            Some(rate) => pace::on_schedule(runtime, &sender, rate, phase),
            None => runtime.block_on(closed_loop(&sender, order.in_flight, phase)),
        };
        let elapsed_s = started.elapsed().as_secs_f64();
        say(&LoadSeen {
            started_unix_us,
            elapsed_s,
            ..sender.sum_up(shots)
        })?;
        if !wait_for_line()? {
            break;
        }
    }
    Ok(())
}

async fn closed_loop(sender: &Arc<Sender>, in_flight: usize, phase: Duration) -> Vec<Shot> {
    let until = Instant::now() + phase;
    let workers: Vec<_> = (0..in_flight)
        .map(|_| {
            let sender = sender.clone();
            tokio::spawn(async move { sender.keep_sending(until).await })
        })
        .collect();
    let mut shots = Vec::new();
    for worker in workers {
        shots.extend(worker.await.unwrap_or_default());
    }
    shots
}

/// One request's answer and how long it took.
pub struct Shot {
    pub result: Fallible<Outcome>,
    pub took: Duration,
}

/// Sends the prepared requests in turn.
pub struct Sender {
    transport: Transport,
    head: RequestHead,
    bodies: Vec<Template>,
    request_bytes: f64,
    pool: Pool<Message>,
    turn: AtomicUsize,
}

impl Sender {
    async fn new(order: &LoadOrder) -> Fallible<Sender> {
        let messages = payload::requests(order.signal.0, order.gzip)?;
        let total: usize = messages.iter().map(Template::len).sum();
        let connections = if order.transport == Transport::Grpc {
            HTTP2_CONNECTIONS
        } else {
            order.in_flight
        };
        Ok(Sender {
            transport: order.transport,
            head: RequestHead::new(order.transport, order.signal.0, order.port, order.gzip)?,
            request_bytes: total as f64 / messages.len() as f64,
            bodies: messages
                .into_iter()
                .map(|message| message.framed(order.transport, order.gzip))
                .collect(),
            pool: Pool::open(order.transport, order.port, connections).await?,
            turn: AtomicUsize::new(0),
        })
    }

    async fn keep_sending(&self, until: Instant) -> Vec<Shot> {
        let mut shots = Vec::with_capacity(1 << 14);
        while Instant::now() < until {
            let shot = self.shoot(Instant::now()).await;
            if !matches!(shot.result, Ok(Outcome::Accepted)) {
                tokio::time::sleep(PAUSE).await;
            }
            shots.push(shot);
        }
        shots
    }

    /// Sends one request whose time counts from `due`.
    pub async fn shoot(&self, due: Instant) -> Shot {
        let result = self.send().await;
        Shot {
            result,
            took: due.elapsed(),
        }
    }

    async fn send(&self) -> Fallible<Outcome> {
        let nth = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut connection = self.pool.take().await?;
        let body = self.bodies[nth % self.bodies.len()].dated(nth, unix_us() * 1000);
        let request = self.head.with_body(body);
        let (head, body) = connection.call(request).await?.into_parts();
        let body = body.collect().await?;
        self.pool.give_back(connection);
        Ok(outcome(self.transport, &head, body))
    }

    fn sum_up(&self, shots: Vec<Shot>) -> LoadSeen {
        let mut seen = LoadSeen {
            request_bytes: self.request_bytes,
            ..LoadSeen::default()
        };
        let mut accepted = Vec::with_capacity(shots.len());
        for shot in shots {
            match shot.result {
                Ok(Outcome::Accepted) => accepted.push(shot.took),
                Ok(Outcome::Refused(text)) => {
                    seen.refused_requests += 1;
                    seen.example = Some(text);
                }
                Err(error) => {
                    seen.failed_requests += 1;
                    seen.example = Some(error.to_string());
                }
            }
        }
        accepted.sort_unstable();
        seen.accepted_requests = accepted.len() as u64;
        seen.accepted_items = seen.accepted_requests * payload::ITEMS;
        seen.p50_ms = quantile_ms(&accepted, 0.50);
        seen.p99_ms = quantile_ms(&accepted, 0.99);
        seen.max_ms = quantile_ms(&accepted, 1.0);
        seen
    }
}

/// The nearest-rank quantile of sorted times; 0 of none.
fn quantile_ms(sorted: &[Duration], quantile: f64) -> f64 {
    let rank = (sorted.len() as f64 * quantile).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .map_or(0.0, |took| took.as_secs_f64() * 1e3)
}
