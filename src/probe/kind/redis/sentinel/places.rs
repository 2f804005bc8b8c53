//! Which sentinels are asked.

use crate::config::ProbeSettings;
use crate::probe::kind::redis::replication::Place;

/// Every sentinel once: that of the URL, then the others.
pub(super) fn places(settings: &ProbeSettings) -> Result<Vec<Place>, String> {
    let url = &settings.url;
    let mut places = Vec::new();
    places.extend(Place::of(&url.host(), &url.port().unwrap_or(0).to_string()));
    for text in settings.redis.iter().flat_map(|redis| &redis.sentinels) {
        let place = place(text)
            .ok_or_else(|| format!("redis.sentinels: \"{text}\" is not of the form host:port"))?;
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Ok(places)
}

/// Reads `host:port`, where an IPv6 address stands in brackets.
fn place(text: &str) -> Option<Place> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(address) => Place::of(address, port),
        None if host.contains([':', '/', '@']) => None,
        None => Place::of(host, port),
    }
}
