//! What is asked.

use std::net::IpAddr;

use hickory_proto::ProtoError;
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{DNSClass, Name, RecordType};

use crate::config::ProbeUrl;

/// The types of records that can be asked for, by name.
const TYPES: [(&str, RecordType); 9] = [
    ("A", RecordType::A),
    ("AAAA", RecordType::AAAA),
    ("CNAME", RecordType::CNAME),
    ("MX", RecordType::MX),
    ("NS", RecordType::NS),
    ("TXT", RecordType::TXT),
    ("SRV", RecordType::SRV),
    ("SOA", RecordType::SOA),
    ("PTR", RecordType::PTR),
];

/// A name and a type of records.
#[derive(Debug)]
pub(super) struct Question {
    query: Query,
    kind: &'static str,
}

impl Question {
    /// What `url` asks.
    ///
    /// # Errors
    ///
    /// Says what is no name, or is not known.
    pub(super) fn of(url: &ProbeUrl) -> Result<Question, String> {
        let mut asked = ("A", RecordType::A);
        for (name, value) in elements(url) {
            match name.to_ascii_lowercase().as_str() {
                "type" => asked = record_type(&value)?,
                "class" if value.eq_ignore_ascii_case("IN") => {}
                "class" => return Err("url asks for a class other than IN".to_owned()),
                _ => return Err(format!("url asks for {name:?}; write ?type=A")),
            }
        }
        let (kind, record_type) = asked;
        let path = url.path();
        let name = name(path.trim_start_matches('/'), record_type)?;
        let query = Query::query(name, record_type);
        Ok(Question { query, kind })
    }

    /// The name that is asked for, with its last dot.
    pub(super) fn name(&self) -> String {
        self.query.name().to_utf8()
    }

    /// The type as it is written.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// The type that is asked for.
    pub(super) fn record_type(&self) -> RecordType {
        self.query.query_type()
    }

    /// A message that asks it as `id`.
    pub(super) fn message(&self, id: u16) -> Result<Vec<u8>, ProtoError> {
        let mut message = Message::query();
        message.metadata.id = id;
        message.metadata.recursion_desired = true;
        message.add_query(self.query.clone());
        message.to_vec()
    }

    /// Whether `answer` is to this question. A server that did not understand it may leave it out.
    pub(super) fn is_answered_by(&self, answer: &Message) -> bool {
        let same = |query: &Query| {
            query.query_type() == self.record_type()
                && query.query_class() == DNSClass::IN
                && query.name() == self.query.name()
        };
        match &*answer.queries {
            [] => answer.metadata.response_code != hickory_proto::op::ResponseCode::NoError,
            [query] => same(query),
            _ => false,
        }
    }
}

/// The elements of the query. RFC 4501 parts them by semicolons, everybody else by ampersands.
fn elements(url: &ProbeUrl) -> Vec<(String, String)> {
    let pairs = url.options().into_iter();
    let texts = pairs.map(|(name, value)| format!("{name}={value}"));
    let elements = texts.flat_map(|text| {
        let parts = text.split(';').map(str::to_owned);
        parts.collect::<Vec<_>>()
    });
    elements
        .filter_map(|element| {
            let (name, value) = element.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

fn record_type(text: &str) -> Result<(&'static str, RecordType), String> {
    let known = TYPES.into_iter();
    known
        .clone()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .ok_or_else(|| {
            let names: Vec<_> = known.map(|(name, _)| name).collect();
            let names = names.join(", ");
            format!("url asks for the type {text:?}; known are {names}")
        })
}

/// A name is always taken as it stands: no search domains. The name of an address is the one under which its name is
/// found (RFC 1035, section 3.5).
fn name(text: &str, record_type: RecordType) -> Result<Name, String> {
    if let (RecordType::PTR, Ok(address)) = (record_type, text.parse::<IpAddr>()) {
        return Ok(Name::from(address));
    }
    let mut name = Name::from_str_relaxed(text)
        .map_err(|error| format!("url asks for {text:?}, which is no name: {error}"))?;
    name.set_fqdn(true);
    Ok(name)
}
