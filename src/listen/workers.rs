//! Threads that each serve their own connections from accept to goodbye.
//!
//! A request that is passed on is little work between many waits. Where threads share their work, each wait may end on another
//! thread, which has to be woken for it; that costs more than the work itself. So, as in nginx and Envoy, a connection stays with
//! one thread, and so does all that its requests start.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A few threads with a runtime each. Clones share them; they end with the last one, and what still runs on them with them.
#[derive(Clone, Debug)]
pub struct Workers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: Vec<Worker>,
    _end_when_dropped: DropGuard,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// Connections that it serves.
    busy: Arc<AtomicUsize>,
}

/// A place on one of the threads, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) runtime: Handle,
    busy: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts `count` threads, which the system calls `name`.
    ///
    /// # Errors
    /// The system has no more threads or file descriptors.
    pub fn start(name: &str, count: NonZero<usize>) -> io::Result<Workers> {
        let end = CancellationToken::new();
        let all = (0..count.get())
            .map(|_| Worker::start(name, end.clone()))
            .collect::<io::Result<_>>()?;
        Ok(Workers(Arc::new(Inner {
            all,
            _end_when_dropped: end.drop_guard(),
        })))
    }

    /// A place on the thread that serves the fewest connections.
    pub(super) fn place(&self) -> Option<Place> {
        let least_busy = |worker: &&Worker| worker.busy.load(Ordering::Relaxed);
        let Worker { runtime, busy } = self.0.all.iter().min_by_key(least_busy)?;
        busy.fetch_add(1, Ordering::Relaxed);
        Some(Place {
            runtime: runtime.clone(),
            busy: Arc::clone(busy),
        })
    }
}

impl Worker {
    fn start(name: &str, end: CancellationToken) -> io::Result<Worker> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new().name(name.into()).spawn(move || {
            runtime.block_on(end.cancelled());
            // What is still blocking must not hold up an end that has been decided.
            runtime.shutdown_background();
        })?;
        Ok(Worker {
            runtime: handle,
            busy: Arc::default(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn two() -> Workers {
        Workers::start("test", NonZero::new(2).unwrap()).unwrap()
    }

    /// Scenario: connections come, some end, others come.
    /// Guarantees: each goes where the fewest are.
    #[test]
    fn connections_are_spread() {
        let workers = two();
        let busy = || -> Vec<usize> {
            let all = workers.0.all.iter();
            all.map(|one| one.busy.load(Ordering::Relaxed)).collect()
        };
        let mut places: Vec<_> = (0..4).map(|_| workers.place().unwrap()).collect();
        assert_eq!(busy(), [2, 2]);
        // Those of the first thread end.
        places.remove(2);
        places.remove(0);
        assert_eq!(busy(), [0, 2]);
        places.push(workers.place().unwrap());
        assert_eq!(busy(), [1, 2]);
    }

    /// Scenario: work is started on a thread, and the workers are dropped while it waits.
    /// Guarantees: what it starts stays on its thread, and ends with it.
    #[tokio::test]
    async fn work_stays_on_its_thread_and_ends_with_it() {
        let workers = two();
        let place = workers.place().unwrap();
        let (thread, started) = place
            .runtime
            .spawn(async {
                let started = tokio::spawn(async { thread::current().id() });
                (thread::current().id(), started.await.unwrap())
            })
            .await
            .unwrap();
        assert_eq!(thread, started);
        assert_ne!(thread, thread::current().id());

        let waiting = place.runtime.spawn(std::future::pending::<()>());
        drop(workers);
        assert!(waiting.await.unwrap_err().is_cancelled());
    }
}
