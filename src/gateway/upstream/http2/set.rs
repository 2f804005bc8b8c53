//! The connections to one upstream.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::connection::Shared;
use crate::config::PoolSettings;
use crate::dial::Stream;
use crate::gateway::upstream::wire::Open;

/// Connections that calls share.
#[derive(Debug, Default)]
pub(in crate::gateway::upstream) struct Set {
    members: Mutex<Vec<Member>>,
}

#[derive(Debug)]
struct Member {
    connection: Arc<Shared>,
    used: Instant,
}

/// The right to one stream.
#[derive(Debug)]
pub(in crate::gateway::upstream) struct Place {
    pub(super) connection: Arc<Shared>,
}

impl Place {
    fn on(connection: &Arc<Shared>) -> Place {
        connection.streams.fetch_add(1, Ordering::Relaxed);
        Place {
            connection: Arc::clone(connection),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connection.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Set {
    /// A place on the first connection that has one, so that the others become idle.
    pub(in crate::gateway::upstream) fn take(
        &self,
        pool: &PoolSettings,
        now: Instant,
    ) -> Option<Place> {
        let mut members = self.members();
        members.retain(|one| one.may_begin(pool, now));
        let member = members.iter_mut().find(|one| one.connection.has_room())?;
        member.used = now;
        Some(Place::on(&member.connection))
    }

    /// Makes a connection on `stream`, and takes the first place on it.
    ///
    /// # Errors
    /// What broke off before the connection's preface was written.
    pub(in crate::gateway::upstream) async fn add(
        &self,
        stream: Stream,
        open: Open,
        max_head_bytes: usize,
    ) -> Result<Place, h2::Error> {
        let connection = Arc::new(Shared::make(stream, open, max_head_bytes).await?);
        let place = Place::on(&connection);
        let used = connection.born;
        self.members().push(Member { connection, used });
        Ok(place)
    }

    /// Waits until it is known how many streams each of the connections takes.
    pub(in crate::gateway::upstream) async fn settled(&self) {
        let unsettled = || {
            let members = self.members();
            let found = members.iter().find(|one| one.connection.is_unsettled());
            found.map(|one| Arc::clone(&one.connection))
        };
        while let Some(connection) = unsettled() {
            connection.settled().await;
        }
    }

    /// Lets go of what has ended, was idle for too long, is too old, or is one idle connection too many. Streams on them end by
    /// themselves.
    pub(in crate::gateway::upstream) fn sweep(&self, pool: &PoolSettings, now: Instant) {
        let mut idle = 0;
        self.members().retain_mut(|one| {
            if one.is_idle() {
                idle += 1;
            } else {
                one.used = now;
            }
            let is_idle_too_long = now.duration_since(one.used) >= pool.idle_timeout;
            one.may_begin(pool, now) && !is_idle_too_long && idle <= pool.max_idle
        });
    }

    /// How many have no stream.
    pub(in crate::gateway::upstream) fn idle(&self) -> usize {
        let is_idle = |one: &&Member| one.is_idle() && one.connection.is_open();
        self.members().iter().filter(is_idle).count()
    }

    pub(in crate::gateway::upstream) fn is_empty(&self) -> bool {
        self.members().is_empty()
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        // A list is whole even if a thread died while holding it.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    fn may_begin(&self, pool: &PoolSettings, now: Instant) -> bool {
        let age = now.duration_since(self.connection.born);
        pool.max_age.is_none_or(|max_age| age < max_age) && self.connection.is_open()
    }

    fn is_idle(&self) -> bool {
        self.connection.streams.load(Ordering::Relaxed) == 0
    }
}
