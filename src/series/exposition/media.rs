//! Lists of what a client accepts, with their weights (RFC 9110, section 12.4.2).

use std::cmp::Reverse;

/// One entry of an `Accept` or `Accept-Encoding` header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    /// The media range or coding.
    pub name: &'a str,
    /// Its weight in thousandths: 0 refuses it.
    pub weight: u16,
    parameters: &'a str,
}

impl<'a> Entry<'a> {
    /// The parameter called `name`, without quotes.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        let mut all = parameters(self.parameters);
        all.find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// How closely it describes `media_type`: by its name (2), by its kind as `text/*` (1), or as `*/*` (0);
    /// `None` if it does not.
    pub(super) fn closeness(&self, media_type: &str) -> Option<usize> {
        if self.name.eq_ignore_ascii_case(media_type) {
            return Some(2);
        }
        let (kind, _) = media_type.split_once('/')?;
        match self.name.split_once('/')? {
            ("*", "*") => Some(0),
            (wide, "*") if wide.eq_ignore_ascii_case(kind) => Some(1),
            _ => None,
        }
    }
}

/// Which of the media types `offered` a client with this `Accept` gets: the one with the highest weight, of those
/// with the same the one that is described more closely, then the one that the header names first, then the first.
///
/// Each has the weight of the entry that describes it most closely (RFC 9110, section 12.5.1). `None` where nothing
/// offered is acceptable.
pub fn preferred<'a>(accept: &str, offered: &[&'a str]) -> Option<&'a str> {
    let rated = offered.iter().enumerate().filter_map(|(index, offer)| {
        let (closeness, place, weight) = rating(accept, offer)?;
        let rank = (weight, closeness, Reverse(place), Reverse(index));
        (weight > 0).then_some((rank, *offer))
    });
    rated.max_by_key(|(rank, _)| *rank).map(|(_, offer)| offer)
}

/// Closeness, place and weight of the entry that describes `media_type` most closely, of several the first.
fn rating(accept: &str, media_type: &str) -> Option<(usize, usize, u16)> {
    let described = entries(accept).enumerate().filter_map(|(place, entry)| {
        let closeness = entry.closeness(media_type)?;
        Some((closeness, place, entry.weight))
    });
    described.max_by_key(|(closeness, place, _)| (*closeness, Reverse(*place)))
}

/// The entries of a header in their order. One that is malformed is left out.
pub(super) fn entries(header: &str) -> impl Iterator<Item = Entry<'_>> {
    header.split(',').filter_map(entry)
}

fn entry(text: &str) -> Option<Entry<'_>> {
    let (name, all) = text.split_once(';').unwrap_or((text, ""));
    let mut entry = Entry {
        name: name.trim(),
        weight: 1000,
        parameters: all,
    };
    if let Some(weight) = entry.parameter("q") {
        entry.weight = thousandths(weight)?;
    }
    Some(entry).filter(|entry| !entry.name.is_empty())
}

fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
}

/// `0`, `0.5` or `1.000`; at most three digits behind the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let whole = match whole {
        "0" => 0,
        "1" => 1000,
        _ => return None,
    };
    if !is_digits || fraction.len() > 3 {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    Some(whole + fraction).filter(|weight| *weight <= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: what browsers, clients of the health draft and careless ones send.
    /// Guarantees: weights decide, then closeness, then place; what is refused is not given; nothing named, nothing given.
    #[test]
    fn the_preferred_type_is_found() {
        const PLAIN: &str = "application/json";
        const HEALTH: &str = "application/health+json";
        for (accept, given) in [
            ("*/*", Some(PLAIN)),
            ("application/*", Some(PLAIN)),
            ("application/health+json", Some(HEALTH)),
            ("APPLICATION/Health+JSON; charset=utf-8", Some(HEALTH)),
            ("application/health+json, */*", Some(HEALTH)),
            ("*/*, application/health+json", Some(HEALTH)),
            ("application/health+json, application/json", Some(HEALTH)),
            ("application/json, application/health+json", Some(PLAIN)),
            (
                "application/health+json;q=0.5, application/json;q=0.9",
                Some(PLAIN),
            ),
            (
                "application/json;q=0.5, application/health+json;q=0.9",
                Some(HEALTH),
            ),
            ("application/health+json;q=0.5, */*", Some(PLAIN)),
            ("application/json;q=0, */*", Some(HEALTH)),
            ("application/json;q=0", None),
            (
                "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
                Some(PLAIN),
            ),
            ("text/html", None),
            ("x-application/health+json", None),
            ("", None),
        ] {
            assert_eq!(preferred(accept, &[PLAIN, HEALTH]), given, "{accept}");
        }
    }

    /// Scenario: weights as RFC 9110 has them, and others.
    /// Guarantees: the good ones are read, and nothing else is taken for one.
    #[test]
    fn weights_are_read_as_the_rfc_writes_them() {
        let good = [
            ("0", 0),
            ("1", 1000),
            ("0.5", 500),
            ("0.", 0),
            ("1.000", 1000),
            ("0.125", 125),
        ];
        for (text, weight) in good {
            assert_eq!(thousandths(text), Some(weight), "{text}");
        }
        for bad in [
            "", "2", "-1", "0.1234", "1.001", ".5", "0,5", "0.x", "1e0", "NaN",
        ] {
            assert_eq!(thousandths(bad), None, "{bad}");
        }
    }
}
