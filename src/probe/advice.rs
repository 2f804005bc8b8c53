//! What to do next when a run failed.

use super::failure::{Failure, Phase, Reason};
use super::spec::Spec;
use crate::config::ProbeKind;

/// What to do next, in a sentence.
pub(super) fn on(spec: &Spec, failure: &Failure) -> String {
    let (target, name) = (&spec.target, &spec.name);
    match failure.reason {
        Reason::Resolve => format!("Check the host in url of [probe.{name}], and that this machine's name servers answer."),
        Reason::Refused => format!("Nothing listens at {target}: start the server, or correct url in [probe.{name}]."),
        Reason::Unreachable => "Check the network, routes and VPN between this machine and the server.".to_owned(),
        Reason::Timeout => on_timeout(failure.phase).to_owned(),
        Reason::Closed => "Look at the server's log: it ended the connection, as a restart, a crash or a proxy before it does.".to_owned(),
        Reason::Tls => format!("Check that the server speaks TLS at {target}, and which versions it allows."),
        Reason::Certificate => format!("Renew or replace the server's certificate; for an own authority set tls.ca_file in [probe.{name}]."),
        Reason::Auth => format!("Check the credentials in [probe.{name}], and that the server lets them in from here."),
        Reason::Permission if is_here(spec.kind) => "Check the rights of the agent's user there, and how the file system is mounted.".to_owned(),
        Reason::Permission => "Grant the probe's user what docs/probes.md lists for this kind.".to_owned(),
        Reason::Full => "Find out who holds the connections and close idle ones; raise the server's limit only if it has the memory.".to_owned(),
        Reason::Unavailable => "Wait if the server is starting or stopping; otherwise look at its log.".to_owned(),
        Reason::Missing if is_here(spec.kind) => format!("Check the path in url of [probe.{name}], and that the agent's user may look there."),
        Reason::Missing => format!("Check what url names in [probe.{name}]: the server answers, but does not have it."),
        Reason::Protocol => format!("Check that {target} is what its scheme says it is."),
        Reason::Query => "Try the statement by hand with the probe's user.".to_owned(),
        Reason::Status | Reason::Assertion => "Compare the answer with what is expected, and look at the server's log.".to_owned(),
        Reason::Space => "Free space, or move what fills it to a larger disk.".to_owned(),
        Reason::Stuck => "Bring the destination back: what waits is safe on disk until then.".to_owned(),
        Reason::Disagreement => "Find out which of those named is right, and make the others agree before they act on it.".to_owned(),
        Reason::Internal => "This is a fault of the agent: please report it with its log.".to_owned(),
    }
}

/// Whether what is checked is a place in this machine's file systems.
fn is_here(kind: ProbeKind) -> bool {
    matches!(kind, ProbeKind::Sqlite | ProbeKind::Disk)
}

fn on_timeout(phase: Option<Phase>) -> &'static str {
    match phase {
        Some(Phase::Resolve) => "Check this machine's name servers.",
        Some(Phase::Connect) => {
            "Check firewalls and routes: packets are swallowed on the way, or the host is down."
        }
        Some(Phase::Tls | Phase::Handshake) => {
            "The host answers but the server does not: look whether it hangs, swaps, or has no more threads."
        }
        Some(Phase::FirstByte | Phase::Body | Phase::Query) => {
            "The server takes requests but does not finish them: look for locks, long transactions and load."
        }
        Some(Phase::Look) | None => "Look whether the disk or file system hangs.",
    }
}
