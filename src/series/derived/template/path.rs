//! Paths and URLs.

use super::{ID, shape, word};

/// Appends `token`, which holds a slash, with its ids folded and its query and parameters cut.
pub(super) fn fold(out: &mut String, token: &str) {
    let (before, path) = match token.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, token),
    };
    let mut segments = without_query(path).split('/');
    if let Some(scheme) = before {
        out.push_str(scheme);
        out.push_str("://");
        authority(out, segments.next().unwrap_or_default());
        segments.by_ref().for_each(|one| {
            out.push('/');
            segment(out, one);
        });
        return;
    }
    for (index, one) in segments.enumerate() {
        if index > 0 {
            out.push('/');
        }
        segment(out, one);
    }
}

/// The path before `?` and what follows, and before `;name=value`. An optional placeholder (`/:id?`) and a group of
/// a pattern (`(?…)`) are no query.
fn without_query(path: &str) -> &str {
    let query = path.char_indices().find(|(at, one)| {
        let (before, after) = (&path[..*at], &path[at + one.len_utf8()..]);
        match one {
            '?' => !after.is_empty() && !after.starts_with('/') && !before.ends_with('('),
            ';' => after.contains('='),
            _ => false,
        }
    });
    query.map_or(path, |(at, _)| &path[..at])
}

/// Hosts and ports are few; addresses and users need not be.
fn authority(out: &mut String, text: &str) {
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    match text.contains('@') || shape::is_ipv4(host) || text.starts_with('[') {
        true => out.push_str(ID),
        false => out.push_str(text),
    }
}

fn segment(out: &mut String, text: &str) {
    match is_encoded(text) {
        true => out.push_str(ID),
        false => word::fold(out, text),
    }
}

fn is_encoded(text: &str) -> bool {
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit();
    let mut triples = text.as_bytes().windows(3);
    triples.any(|three| three[0] == b'%' && three[1..].iter().all(is_hex))
}
