//! What one sentinel says of the group (<https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/>).

use redis::Value;

use crate::probe::failure::{Failure, Reason};
use crate::probe::kind::redis::connection::Connection;
use crate::probe::kind::redis::refusal::{Refusal, clipped};
use crate::probe::kind::redis::replication::{MAX_REPLICAS, Place};
use crate::probe::kind::redis::resp::{Command, count, field, items, text};

/// No more is taken of a text of flags.
const MAX_FLAGS_CHARS: usize = 128;

/// No more is shown of why there is no quorum.
const MAX_SENTENCE_CHARS: usize = 160;

/// The group as one sentinel sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// Where the sentinel sends clients that want to write.
    pub(super) master: Place,
    /// What the sentinel thinks of the master: `master`, with `s_down` and `o_down` where it counts as down. Empty during a
    /// failover, in which it still thinks of the one before.
    pub(super) flags: String,
    /// How many sentinels must agree that it is down.
    pub(super) quorum: u64,
    /// How many sentinels there are with this one.
    pub(super) sentinels: u64,
    /// Why no failover can happen, where none can: too few sentinels know of each other.
    pub(super) no_quorum: Option<String>,
    /// The replicas, the first [`MAX_REPLICAS`].
    pub(super) replicas: Vec<ReplicaView>,
}

/// A replica as one sentinel sees it. Sentinels look every ten seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReplicaView {
    /// The replica.
    pub(super) place: Place,
    /// `slave`, with `s_down` and `disconnected` where it counts as down.
    pub(super) flags: String,
    /// Whether its link to its master stands.
    pub(super) linked: bool,
    /// The server that it copies.
    pub(super) follows: Option<Place>,
}

impl View {
    /// Asks a sentinel about `group`.
    pub(super) async fn ask(connection: &mut Connection<'_>, group: &str) -> Result<View, Failure> {
        let about = |what| Command::new(&["SENTINEL", what, group]);
        let questions = ["GET-MASTER-ADDR-BY-NAME", "MASTER", "CKQUORUM", "REPLICAS"].map(about);
        let [address, master, usable, replicas] = connection.ask(questions).await?;
        let granted = |answer: Result<Value, Refusal>| {
            answer.map_err(|refusal| match refusal.is_unknown_command() {
                true => Failure::new(
                    Reason::Protocol,
                    "a server answers there that is no sentinel",
                ),
                false => connection.failure(&refusal),
            })
        };
        let (master, address) = (granted(master)?, granted(address)?);
        let no_quorum = match usable {
            Err(refusal) if refusal.code() == "NOQUORUM" => {
                Some(clipped(refusal.detail(), MAX_SENTENCE_CHARS))
            }
            usable => granted(usable).map(|_| None)?,
        };
        let replicas = granted(replicas)?;
        View::of(&address, &master, no_quorum, &replicas).ok_or_else(|| {
            let message = "the sentinel answered, but not as sentinels do";
            Failure::new(Reason::Protocol, message)
        })
    }

    /// Reads the answers. The address is the first of them to name a master that was just chosen (Redis, `sentinel.c`,
    /// `sentinelGetCurrentMasterAddress`).
    pub(super) fn of(
        address: &Value,
        master: &Value,
        no_quorum: Option<String>,
        replicas: &Value,
    ) -> Option<View> {
        let [host, port] = items(address) else {
            return None;
        };
        let address = Place::of(&text(host)?, &text(port)?)?;
        let others = count(field(master, "num-other-sentinels")?)?;
        let replicas = items(replicas).iter().filter_map(ReplicaView::of);
        let flags = match place(master).as_ref() == Some(&address) {
            true => flags(master),
            false => String::new(),
        };
        Some(View {
            master: address,
            flags,
            quorum: count(field(master, "quorum")?)?,
            sentinels: others.saturating_add(1),
            no_quorum,
            replicas: replicas.take(MAX_REPLICAS).collect(),
        })
    }
}

impl ReplicaView {
    fn of(replica: &Value) -> Option<ReplicaView> {
        let said = |name| field(replica, name).and_then(text);
        let follows = || Place::of(&said("master-host")?, &said("master-port")?);
        Some(ReplicaView {
            place: place(replica)?,
            flags: flags(replica),
            linked: said("master-link-status").as_deref() == Some("ok"),
            follows: follows(),
        })
    }

    /// Whether the sentinel would not choose it in a failover.
    pub(super) fn counts_as_down(&self) -> bool {
        ["s_down", "o_down", "disconnected"]
            .into_iter()
            .any(|flag| has(&self.flags, flag))
    }
}

/// The server that a sentinel describes.
fn place(value: &Value) -> Option<Place> {
    let said = |name| field(value, name).and_then(text);
    Place::of(&said("ip")?, &said("port")?)
}

fn flags(value: &Value) -> String {
    let flags = field(value, "flags").and_then(text);
    clipped(&flags.unwrap_or_default(), MAX_FLAGS_CHARS)
}

/// Whether `flag` is one of `flags`, which commas separate.
pub(super) fn has(flags: &str, flag: &str) -> bool {
    flags.split(',').any(|one| one == flag)
}
