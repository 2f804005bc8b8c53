//! Whom a span says that it speaks to.

use super::super::facts::Facts;

/// What a client span called when nobody answered that is known here: the first of `peer.service`, `server.address`
/// (`net.peer.name`), `rpc.service`, the host in `url.full` (`http.url`), `messaging.system`. Empty if it
/// says none of them.
pub(super) fn of_call<'a>(facts: &Facts<'a>) -> &'a [u8] {
    first([
        facts.peer_service,
        facts.address,
        facts.rpc_service,
        host(facts.url),
        facts.messaging_system,
    ])
}

/// The database that a client span called: the first of `peer.service`, `db.namespace` (`db.name`), `server.address`
/// (`net.peer.name`), `db.system.name` (`db.system`). `None` if it called no database.
pub(super) fn of_database<'a>(facts: &Facts<'a>) -> Option<&'a [u8]> {
    let is_database = !facts.db_system.is_empty() || !facts.db_name.is_empty();
    let name = first([
        facts.peer_service,
        facts.db_name,
        facts.address,
        facts.db_system,
    ]);
    is_database.then_some(name)
}

/// What messages go over: the first of `peer.service` and `messaging.system`.
pub(super) fn of_message<'a>(facts: &Facts<'a>) -> &'a [u8] {
    first([facts.peer_service, facts.messaging_system])
}

fn first<const N: usize>(names: [&[u8]; N]) -> &[u8] {
    let mut names = names.into_iter();
    names.find(|name| !name.is_empty()).unwrap_or_default()
}

/// The host of a URL (RFC 3986, section 3.2.2), without user and port.
fn host(url: &[u8]) -> &[u8] {
    let Some(start) = url.windows(3).position(|three| three == b"://") else {
        return &[];
    };
    let rest = &url[start + 3..];
    let end = rest.iter().position(|byte| b"/?#".contains(byte));
    let authority = &rest[..end.unwrap_or(rest.len())];
    let user = authority.iter().rposition(|byte| *byte == b'@');
    let host = &authority[user.map_or(0, |at| at + 1)..];
    let is_v6 = host.first() == Some(&b'[');
    let end = host
        .iter()
        .position(|byte| *byte == if is_v6 { b']' } else { b':' });
    match (is_v6, end) {
        (true, Some(end)) => &host[1..end],
        (_, end) => &host[..end.unwrap_or(host.len())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: URLs with and without user, port, path, and with an IPv6 address; texts that are none.
    /// Guarantees: the host alone is read.
    #[test]
    fn hosts_are_read_from_urls() {
        let table = [
            ("https://api.stripe.com/v1/charges?x=1", "api.stripe.com"),
            ("http://bob:pw@host:8080", "host"),
            ("http://[::1]:80/", "::1"),
            ("http://host?x=http://other", "host"),
            ("/path", ""),
            ("", ""),
            ("http://", ""),
        ];
        for (url, expected) in table {
            assert_eq!(host(url.as_bytes()), expected.as_bytes(), "{url}");
        }
    }

    /// Scenario: spans that name their peer in several ways.
    /// Guarantees: the first in the stated order counts, and databases are told from others.
    #[test]
    fn the_first_name_counts() {
        let mut facts = Facts {
            messaging_system: b"kafka",
            url: b"http://by-url/",
            ..Facts::default()
        };
        assert_eq!(of_call(&facts), b"by-url");
        facts.rpc_service = b"by.Rpc";
        assert_eq!(of_call(&facts), b"by.Rpc");
        facts.address = b"by-address";
        assert_eq!(of_call(&facts), b"by-address");
        assert_eq!(of_database(&facts), None);
        facts.db_system = b"postgresql";
        assert_eq!(of_database(&facts), Some(&b"by-address"[..]));
        facts.db_name = b"shop";
        assert_eq!(of_database(&facts), Some(&b"shop"[..]));
        assert_eq!(of_message(&facts), b"kafka");
        facts.peer_service = b"peer";
        assert_eq!(of_call(&facts), b"peer");
        assert_eq!(of_database(&facts), Some(&b"peer"[..]));
        assert_eq!(of_message(&facts), b"peer");
    }
}
