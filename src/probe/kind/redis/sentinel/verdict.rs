//! What is made of what the sentinels and the master say. Nothing here asks anybody.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::view::{View, has};
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::kind::redis::replication::{Place, Role};

/// What one sentinel said, or why it said nothing.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// The sentinel.
    pub(super) sentinel: Place,
    /// What it said of the group.
    pub(super) said: Result<View, Failure>,
}

impl Heard {
    /// As facts show it.
    pub(super) fn fact(&self) -> Value {
        let name = self.sentinel.to_string();
        match &self.said {
            Ok(view) => json!({
                "name": name,
                "master": view.master.to_string(),
                "flags": view.flags,
                "no_quorum": view.no_quorum,
            }),
            Err(failure) => json!({"name": name, "failure": failure.to_string()}),
        }
    }
}

/// What the sentinels agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agreement {
    /// The master.
    pub(super) master: Place,
    /// How many sentinels must agree that it is down.
    pub(super) quorum: u64,
    /// How many sentinels there are.
    pub(super) sentinels: u64,
    /// What should be looked at although they agree.
    pub(super) warnings: Vec<String>,
}

/// Whether those who answered are enough, and agree.
pub(super) fn agreement(group: &str, heard: &[Heard]) -> Result<Agreement, Failure> {
    let views: Vec<_> = views(heard).collect();
    let quorum = views.iter().map(|(_, view)| view.quorum).max();
    let (Some(quorum), Some((_, first))) = (quorum, views.first()) else {
        return Err(silence(heard, "no sentinel answers"));
    };
    let needed = usize::try_from(quorum).unwrap_or(usize::MAX);
    if views.len() < needed.min(heard.len()) {
        let (some, all) = (views.len(), heard.len());
        let few = format!("of {all} sentinels {some} answer, and {quorum} must (quorum)");
        return Err(silence(heard, &few));
    }
    one_master(group, &views)?;
    let sentinels = views.iter().map(|(_, view)| view.sentinels).max();
    Ok(Agreement {
        master: first.master.clone(),
        quorum,
        sentinels: sentinels.unwrap_or_default(),
        warnings: warnings(heard, &views)?,
    })
}

type Views<'a> = [(&'a Place, &'a View)];

pub(super) fn views(heard: &[Heard]) -> impl Iterator<Item = (&Place, &View)> {
    let said = heard.iter().map(|heard| (&heard.sentinel, &heard.said));
    said.filter_map(|(sentinel, said)| Some((sentinel, said.as_ref().ok()?)))
}

fn silent(heard: &[Heard]) -> impl Iterator<Item = (&Place, &Failure)> {
    let said = heard.iter().map(|heard| (&heard.sentinel, &heard.said));
    said.filter_map(|(sentinel, said)| Some((sentinel, said.as_ref().err()?)))
}

/// Too few answer: the failure of the first that does not, with what each of them met.
fn silence(heard: &[Heard], what: &str) -> Failure {
    let each = silent(heard).map(|(sentinel, failure)| format!("{sentinel}: {}", failure.message));
    let each: Vec<_> = each.collect();
    let first = silent(heard).next().map(|(_, failure)| failure);
    Failure {
        reason: first.map_or(Reason::Internal, |first| first.reason),
        phase: first.and_then(|first| first.phase),
        message: match first.map(|first| first.reason) {
            Some(Reason::Missing) if each.len() == heard.len() => each.join("; "),
            _ => format!("{what}: {}", each.join("; ")),
        },
    }
}

fn one_master(group: &str, views: &Views<'_>) -> Result<(), Failure> {
    let mut sayings = BTreeMap::<&Place, Vec<String>>::new();
    for (sentinel, view) in views {
        let who = sayings.entry(&view.master).or_default();
        who.push(sentinel.to_string());
    }
    if sayings.len() == 1 {
        return Ok(());
    }
    let each = sayings.iter().map(|(master, who)| {
        let say = if who.len() == 1 { "says" } else { "say" };
        format!("{} {say} {master}", who.join(", "))
    });
    let each = each.collect::<Vec<_>>().join("; ");
    let message = format!("the sentinels disagree on the master of {group}: {each}");
    Err(Failure::new(Reason::Disagreement, message))
}

/// What should be looked at. When no sentinel could bring about a failover, that is a failure.
fn warnings(heard: &[Heard], views: &Views<'_>) -> Result<Vec<String>, Failure> {
    let mut warnings = Vec::new();
    for (sentinel, failure) in silent(heard) {
        warnings.push(of_silent(sentinel, failure));
    }
    let without = views.iter().filter_map(|(sentinel, view)| {
        let why = view.no_quorum.as_ref()?;
        Some(format!("{sentinel}: {why}"))
    });
    let without: Vec<_> = without.collect();
    if without.len() == views.len() {
        let message = format!(
            "no failover is possible, too few sentinels see each other: {}",
            without.join("; ")
        );
        return Err(Failure::new(Reason::Unavailable, message));
    }
    if !without.is_empty() {
        let each = without.join("; ");
        warnings.push(format!(
            "a sentinel sees too few others ({each}): look at the network between them"
        ));
    }
    Ok(warnings)
}

fn of_silent(sentinel: &Place, failure: &Failure) -> String {
    let why = &failure.message;
    match failure.reason {
        Reason::Missing | Reason::Auth | Reason::Permission | Reason::Protocol => {
            format!("the sentinel {sentinel} does not tell of the group: {why}")
        }
        _ => format!(
            "the sentinel {sentinel} does not answer ({why}): start it, or name those that there are"
        ),
    }
}

/// What the master says of itself, beside what the sentinels say of it. The value is what should be looked at.
pub(super) fn master(
    master: &Place,
    role: Option<&Role>,
    heard: &[Heard],
) -> Result<Option<String>, Failure> {
    match role {
        Some(Role::Primary) => {}
        Some(Role::Replica(upstream)) => {
            let message = format!(
                "the sentinels name {master} as master, but it says that it is a replica of {}",
                upstream.place
            );
            return Err(Failure::new(Reason::Disagreement, message));
        }
        None => {
            let message =
                format!("the sentinels name {master} as master, but it does not say what it is");
            return Err(Failure::new(Reason::Protocol, message));
        }
    }
    let who = |flag| {
        let who = views(heard).filter(|(_, view)| has(&view.flags, flag));
        let who: Vec<_> = who.map(|(sentinel, _)| sentinel.to_string()).collect();
        (!who.is_empty()).then(|| who.join(", "))
    };
    if let Some(who) = who("o_down") {
        let message = format!(
            "the master {master} answers here, but for the sentinels it is down (o_down: {who})"
        );
        return Err(Failure::new(Reason::Unavailable, message));
    }
    Ok(who("s_down").map(|who| {
        format!("the master {master} answers here, but not {who} (s_down): look at the network between them, and at \
                 sentinel auth-pass")
    }))
}

/// A master that could not be asked.
pub(super) fn master_lost(master: &Place, failure: Failure) -> Failure {
    let hint = hint(&failure);
    Failure {
        message: format!(
            "the sentinels name {master} as master, but from here: {}{hint}",
            failure.message
        ),
        ..failure
    }
}

/// What to do about an address that leads nowhere from here, as those that servers in containers and behind NAT announce.
pub(super) fn hint(failure: &Failure) -> &'static str {
    match failure.phase {
        Some(Phase::Resolve | Phase::Connect) => {
            "; if it is well and only its address is not for here, let it announce another (replica-announce-ip, sentinel \
             announce-ip)"
        }
        _ => "",
    }
}
