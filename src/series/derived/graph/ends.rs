//! What a call becomes once nobody else is waited for.

use super::edge::{EdgeKey, Link};
use super::names::NameId;
use super::waiting::{Half, Side};

/// A call between two ends, as both sides told of it, or the one that did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// Between whom; `None` where there are too many names.
    pub ends: Option<EdgeKey>,
    /// How long it lasted to the client, and to the server. What one side told counts for both, as the connector does it
    /// for databases: so that each histogram counts every call.
    pub nanos: (u64, u64),
    pub failed: bool,
    /// The span that tells of it.
    pub teller: Half,
}

impl Call {
    /// A call that both sides told of.
    pub fn of_both(one: Half, other: Half) -> Call {
        let (client, server) = match one.side {
            Side::Client => (one, other),
            Side::Server => (other, one),
        };
        let messaging = client.messaging || server.messaging;
        let link = if messaging {
            Link::Messaging
        } else {
            Link::Direct
        };
        let via = if messaging {
            client.peer.or(server.peer)
        } else {
            None
        };
        Call {
            ends: ends(client.service, server.service, link, via),
            nanos: (client.nanos, server.nanos),
            failed: client.failed || server.failed,
            teller: server,
        }
    }

    /// A call of which one side tells: `client` to `server` over `link`.
    pub fn of_one(half: Half, client: NameId, server: NameId, link: Link) -> Call {
        let via = half.peer.filter(|_| link == Link::Messaging);
        Call {
            ends: ends(client, server, link, via),
            nanos: (half.nanos, half.nanos),
            failed: half.failed,
            teller: half,
        }
    }
}

fn ends(client: NameId, server: NameId, link: Link, via: Option<NameId>) -> Option<EdgeKey> {
    let is_known = |name: &NameId| *name != NameId::OTHERS;
    let key = EdgeKey {
        client,
        server,
        link,
        via: via.filter(is_known),
    };
    [client, server].iter().all(is_known).then_some(key)
}
