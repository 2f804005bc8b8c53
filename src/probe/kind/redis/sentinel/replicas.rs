//! What is made of what is said of replicas, by sentinels, by the master and by themselves. Nothing here asks anybody.

use std::collections::BTreeMap;
use std::time::Duration;

use super::verdict::{Heard, hint, views};
use super::view::ReplicaView;
use crate::probe::failure::Failure;
use crate::probe::kind::redis::replication::{MAX_REPLICAS, Place, Replica, Role};

/// The replicas that any sentinel knows, each as the first of them sees it that counts it as down, or else as the first.
pub(super) fn known(heard: &[Heard]) -> Vec<ReplicaView> {
    let mut known = BTreeMap::<&Place, &ReplicaView>::new();
    for replica in views(heard).flat_map(|(_, view)| &view.replicas) {
        let seen = known.entry(&replica.place).or_insert(replica);
        if replica.counts_as_down() && !seen.counts_as_down() {
            *seen = replica;
        }
    }
    known.into_values().take(MAX_REPLICAS).cloned().collect()
}

/// What a replica itself says.
#[derive(Clone, Debug)]
pub(super) enum OwnWord {
    /// It follows the master, or another, as its role says.
    Says {
        /// What it is.
        role: Role,
        /// Whether the server that it copies is the master of the group.
        follows: bool,
    },
    /// It did not say.
    Silent(Failure),
    /// It was not asked: there are too many.
    NotAsked,
}

/// Whether a replica follows `master`, and what is wrong with it, where something is.
pub(super) fn judge(
    view: &ReplicaView,
    asked: &OwnWord,
    master: &Place,
    seen_by_master: Option<&Replica>,
    lag_warn: Duration,
) -> (bool, Option<String>) {
    let place = &view.place;
    let own = match asked {
        OwnWord::Says { role, follows } => of_role(place, role, *follows, master, lag_warn),
        OwnWord::Silent(failure) => {
            let (why, hint) = (&failure.message, hint(failure));
            Some(format!("the replica {place} does not answer ({why}){hint}"))
        }
        OwnWord::NotAsked => of_view(view, master),
    };
    let follows = own.is_none();
    let trouble = own
        .or_else(|| {
            view.counts_as_down().then(|| {
                format!("the replica {place} answers here, but for the sentinels it is down ({}): they would not choose it", view.flags)
            })
        })
        .or_else(|| seen_by_master?.trouble(lag_warn));
    (follows, trouble)
}

fn of_role(
    place: &Place,
    role: &Role,
    follows: bool,
    master: &Place,
    lag_warn: Duration,
) -> Option<String> {
    match role {
        Role::Primary => Some(format!(
            "{place} is a replica for the sentinels, but says that it is a master: what is written to it is lost; make it \
             follow {master} (REPLICAOF)"
        )),
        Role::Replica(upstream) if !follows => Some(format!(
            "the replica {place} follows {}, not the master {master}: make it follow that (REPLICAOF)",
            upstream.place
        )),
        Role::Replica(upstream) => {
            let trouble = upstream.trouble(lag_warn)?;
            Some(format!("the replica {place}: {trouble}"))
        }
    }
}

/// A replica that was not asked.
fn of_view(view: &ReplicaView, master: &Place) -> Option<String> {
    let place = &view.place;
    match &view.follows {
        _ if view.counts_as_down() => Some(format!(
            "the replica {place} is down for the sentinels ({})",
            view.flags
        )),
        Some(other) if other != master => Some(format!(
            "the replica {place} follows {other}, not the master {master}"
        )),
        _ if !view.linked => Some(format!("the replica {place} has no link to its master")),
        _ => None,
    }
}
