//! The structured fields (RFC 9651) of draft-ietf-httpapi-ratelimit-headers.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parameters, Parser};

use super::{LONGEST_RESET, MAX_LIMITS, Told, Unit};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Bytes of one field that are looked at: what is longer says nothing.
const MAX_FIELD: usize = 1024;

/// The limits in `RateLimit`, with what `RateLimit-Policy` says of each.
pub(super) fn read(headers: &HeaderMap) -> Vec<Told> {
    let Some(limits) = text(headers, &RATELIMIT) else {
        return Vec::new();
    };
    let Ok(limits) = Parser::new(&limits).parse::<List>() else {
        return dictionary(&limits).into_iter().collect();
    };
    let policies = text(headers, &RATELIMIT_POLICY);
    let policies = policies.and_then(|text| Parser::new(&text).parse::<List>().ok());
    let policies = policies.unwrap_or_default();
    let told = items(&limits).filter_map(|item| service_limit(item, &policies));
    told.take(MAX_LIMITS).collect()
}

/// All lines of a field as one (RFC 9651, section 4.2).
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter();
    let lines: Vec<&str> = lines
        .map(|line| line.to_str().ok())
        .collect::<Option<_>>()?;
    let text = lines.join(", ");
    (!text.is_empty() && text.len() <= MAX_FIELD).then_some(text)
}

fn items(list: &List) -> impl Iterator<Item = &Item> {
    list.iter().filter_map(|entry| match entry {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    })
}

/// `"default";r=50;t=30`; without `t`, the window of its policy counts.
fn service_limit(item: &Item, policies: &List) -> Option<Told> {
    let name = name(item)?;
    let policy = items(policies).find(|policy| self::name(policy) == Some(name));
    let of_policy = |key: &str| whole(&policy?.params, key);
    let seconds = whole(&item.params, "t").or_else(|| of_policy("w"))?;
    Some(Told {
        name: name.to_owned(),
        unit: unit(policy)?,
        limit: of_policy("q"),
        remaining: whole(&item.params, "r")?,
        reset: Duration::from_secs(seconds).min(LONGEST_RESET),
    })
}

/// A String, or a Token as some write it.
fn name(item: &Item) -> Option<&str> {
    match &item.bare_item {
        BareItem::String(name) => Some(name.as_str()),
        BareItem::Token(name) => Some(name.as_str()),
        _ => None,
    }
}

/// The unit that a policy counts in (section 3.1.2); `None`: requests at the same time, which time does not bring back.
fn unit(policy: Option<&Item>) -> Option<Unit> {
    match policy.and_then(|policy| policy.params.get("qu")) {
        None => Some(Unit::Requests),
        Some(BareItem::String(unit)) if unit.as_str() == "requests" => Some(Unit::Requests),
        Some(BareItem::String(unit)) if unit.as_str() == "concurrent-requests" => None,
        Some(_) => Some(Unit::Other),
    }
}

/// `limit=100, remaining=50, reset=30`.
fn dictionary(text: &str) -> Option<Told> {
    let fields = Parser::new(text).parse::<Dictionary>().ok()?;
    let value = |key: &str| match fields.get(key)? {
        ListEntry::Item(item) => integer(&item.bare_item),
        ListEntry::InnerList(_) => None,
    };
    Some(Told {
        name: String::new(),
        unit: Unit::Requests,
        limit: value("limit"),
        remaining: value("remaining")?,
        reset: Duration::from_secs(value("reset")?).min(LONGEST_RESET),
    })
}

fn whole(parameters: &Parameters, key: &str) -> Option<u64> {
    integer(parameters.get(key)?)
}

/// An Integer that is not negative.
fn integer(value: &BareItem) -> Option<u64> {
    match value {
        BareItem::Integer(value) => u64::try_from(i64::from(*value)).ok(),
        _ => None,
    }
}
