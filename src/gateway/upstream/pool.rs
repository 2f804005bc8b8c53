//! Connections to one upstream that are kept open.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::http1::Connection;
use super::http2::Set;
use super::terms::Terms;
use super::wire::Open;

/// How often idle connections are looked after, at the least and at the most.
const SWEEP_EVERY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// One that was idle for longer may have been closed without the runtime having heard of it; one that was just used has hardly.
const LOOKED_AT_AFTER: Duration = Duration::from_millis(20);

/// What is open to one upstream, and the terms of its use.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) terms: Terms,
    /// The last one used is used next: so few are in use, and the others get old. Those that the caller's own thread waits for come
    /// before others, whose thread would have to be woken for each step.
    idle: Mutex<Vec<Idle>>,
    /// Those that calls share.
    pub(super) shared: Set,
    open: Arc<AtomicUsize>,
    is_swept: AtomicBool,
}

#[derive(Debug)]
struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

impl Pool {
    pub(super) fn new(terms: Terms) -> Arc<Pool> {
        Arc::new(Pool {
            terms,
            idle: Mutex::default(),
            shared: Set::default(),
            open: Arc::default(),
            is_swept: AtomicBool::new(false),
        })
    }

    /// Counts a connection as long as it is open.
    pub(super) fn open(&self) -> Open {
        Open::new(&self.open)
    }

    /// How many connections are open, and how many of them are idle.
    pub(super) fn counts(&self) -> (usize, usize) {
        let idle = self.idle().len() + self.shared.idle();
        (self.open.load(Ordering::Relaxed).max(idle), idle)
    }

    /// The connection that was used last, one of this thread if there is any.
    pub(super) fn take(&self, now: Instant) -> Option<Box<Connection>> {
        let mut stale = Vec::new();
        let this = thread::current().id();
        let found = {
            let mut idle = self.idle();
            loop {
                let own = idle.iter().rposition(|one| one.connection.thread == this);
                let found = match own {
                    Some(index) => Some(idle.remove(index)),
                    None => idle.pop(),
                };
                match found {
                    Some(one) if self.is_stale(&one, now) => stale.push(one),
                    other => break other,
                }
            }
        };
        // Closing is not done while others wait for the lock.
        drop(stale);
        let found = found?;
        if now.duration_since(found.since) > LOOKED_AT_AFTER {
            found.connection.look();
        }
        Some(found.connection)
    }

    /// Keeps a connection for the next call.
    pub(super) fn keep(self: &Arc<Self>, connection: Box<Connection>) {
        connection.rest();
        let since = Instant::now();
        let kept = Idle { connection, since };
        if self.is_stale(&kept, since) {
            return;
        }
        let room = self.terms.pool.max_idle as usize;
        let mut idle = self.idle();
        if idle.len() < room {
            idle.push(kept);
            drop(idle);
            self.have_swept();
        }
    }

    /// Closes what was idle for too long, is too old, or was closed by the upstream.
    pub(super) fn sweep(&self, now: Instant) {
        self.shared.sweep(&self.terms.pool, now);
        let all = std::mem::take(&mut *self.idle());
        let mut kept: Vec<Idle> = all
            .into_iter()
            .filter_map(|mut one| {
                let is_good = !self.is_stale(&one, now) && one.connection.is_alive();
                is_good.then_some(one)
            })
            .collect();
        // What came back meanwhile was used later.
        let mut idle = self.idle();
        kept.append(&mut idle);
        let excess = kept.len().saturating_sub(self.terms.pool.max_idle as usize);
        kept.drain(..excess);
        *idle = kept;
    }

    fn is_stale(&self, one: &Idle, now: Instant) -> bool {
        let pool = &self.terms.pool;
        let age = now.duration_since(one.connection.born);
        now.duration_since(one.since) >= pool.idle_timeout
            || pool.max_age.is_some_and(|max_age| age >= max_age)
    }

    /// Has connections that calls share looked after.
    pub(super) fn keep_shared(self: &Arc<Self>) {
        // Under the lock, so that whoever looks after connections sees this one, or has stopped.
        let _idle = self.idle();
        self.have_swept();
    }

    /// Has idle connections looked after as long as there are any connections.
    fn have_swept(self: &Arc<Self>) {
        if !self.is_swept.load(Ordering::Relaxed) && !self.is_swept.swap(true, Ordering::AcqRel) {
            tokio::spawn(keep_swept(Arc::downgrade(self)));
        }
    }

    fn sweeps_every(&self) -> Duration {
        let (least, most) = SWEEP_EVERY;
        match self.terms.pool.max_idle {
            0 => least,
            _ => (self.terms.pool.idle_timeout / 4).clamp(least, most),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        // A list is whole even if a thread died while holding it.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn keep_swept(pool: Weak<Pool>) {
    loop {
        let Some(every) = pool.upgrade().map(|pool| pool.sweeps_every()) else {
            return;
        };
        sleep(every).await;
        let Some(pool) = pool.upgrade() else {
            return;
        };
        pool.sweep(Instant::now());
        let idle = pool.idle();
        if idle.is_empty() && pool.shared.is_empty() {
            // Under the lock: what comes back after this begins anew.
            pool.is_swept.store(false, Ordering::Release);
            return;
        }
    }
}
