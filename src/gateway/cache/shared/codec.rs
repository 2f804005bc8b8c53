//! How an answer is written down for other agents.
//!
//! A version, what follows (an answer or the headers that answers depend on, compressed or not), the length of the content before compression,
//! a checksum, the content. What cannot be read is none: anybody may have written there. Nothing is allocated by what a length claims.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use xxhash_rust::xxh3::xxh3_64;

use crate::gateway::cache::entry::Entry;
use crate::gateway::cache::key::{CacheKey, Vary};
use crate::gateway::cache::rules::{Terms, has_unkept};
use crate::otlp::{Encoding, default_level, deflate, inflate};

/// The form that follows. Agents with another one have keys of their own.
pub(super) const VERSION: u8 = 1;

const ENTRY: u8 = 0;
const VARY: u8 = 1;
const COMPRESSED: u8 = 2;
const PUBLIC: u8 = 1;
const MAY_BE_STALE: u8 = 2;

/// Version, kind, length, checksum.
const HEAD_BYTES: usize = 2 + 4 + 8;

/// No answer has more headers.
const MAX_HEADERS: usize = 1024;

/// What stands under a key.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::gateway::cache) enum Record {
    /// An answer.
    Entry(Arc<Entry>),
    /// The headers that the answers of this key depend on.
    Vary(CacheKey, Vary),
}

impl Record {
    /// Writes it down; compresses it if `is_compressed`. `None` where it is too large to be.
    pub(super) fn encode(&self, is_compressed: bool) -> Option<Written> {
        let (kind, plain) = match self {
            Record::Entry(entry) => (ENTRY, write_entry(entry)?),
            Record::Vary(key, vary) => (VARY, write_vary(key, vary)?),
        };
        let plain_bytes = plain.len();
        let (kind, content) = match is_compressed {
            false => (kind, Bytes::from(plain)),
            true => {
                let plain = [Bytes::from(plain)];
                let level = default_level(Encoding::Zstd);
                (
                    kind | COMPRESSED,
                    deflate(Encoding::Zstd, level, &plain).ok()?,
                )
            }
        };
        let mut bytes = Vec::with_capacity(HEAD_BYTES + content.len());
        bytes.extend([VERSION, kind]);
        bytes.extend(u32::try_from(plain_bytes).ok()?.to_le_bytes());
        bytes.extend(xxh3_64(&content).to_le_bytes());
        bytes.extend_from_slice(&content);
        Some(Written { bytes, plain_bytes })
    }

    /// Reads what stands under `key`, of at most `limit` bytes.
    pub(super) fn decode(bytes: &[u8], key: &CacheKey, limit: usize) -> Option<Record> {
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        let kind = reader.byte()?;
        let length = usize::try_from(reader.u32()?).ok()?;
        let checksum = reader.u64()?;
        let content = reader.0;
        if length > limit || xxh3_64(content) != checksum {
            return None;
        }
        let plain = match kind & COMPRESSED {
            0 => Bytes::copy_from_slice(content),
            _ => inflate(Encoding::Zstd, content, length).ok()?.into(),
        };
        if plain.len() != length {
            return None;
        }
        match kind & !COMPRESSED {
            ENTRY => read_entry(&plain, key).map(|entry| Record::Entry(Arc::new(entry))),
            VARY => read_vary(&plain, key),
            _ => None,
        }
    }
}

/// An answer as it is written down.
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    /// What it took before compression.
    pub(super) plain_bytes: usize,
}

fn write_entry(entry: &Entry) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(entry.weight());
    plain.extend(entry.key.digest());
    plain.extend(entry.status.as_u16().to_le_bytes());
    let since_epoch = entry.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let terms = &entry.terms;
    for time in [
        since_epoch,
        terms.initial_age,
        terms.lifetime,
        terms.stale_for,
    ] {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        plain.extend(milliseconds.to_le_bytes());
    }
    let mut flags = if terms.is_public { PUBLIC } else { 0 };
    if terms.may_be_stale {
        flags |= MAY_BE_STALE;
    }
    plain.push(flags);
    plain.extend(u16::try_from(entry.headers.len()).ok()?.to_le_bytes());
    for (name, value) in &entry.headers {
        write_long(&mut plain, name.as_str().as_bytes())?;
        write_long(&mut plain, value.as_bytes())?;
    }
    plain.extend_from_slice(&entry.body);
    Some(plain)
}

fn read_entry(plain: &Bytes, key: &CacheKey) -> Option<Entry> {
    let mut reader = Reader(plain);
    if reader.array()? != key.digest() {
        return None;
    }
    let status = StatusCode::from_u16(reader.u16()?).ok()?;
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(reader.u64()?))?;
    let [initial_age, lifetime, stale_for] = [reader.u64()?, reader.u64()?, reader.u64()?];
    let flags = reader.byte()?;
    let headers = read_headers(&mut reader)?;
    let is_an_answer = status.as_u16() >= 200 && !has_unkept(&headers);
    is_an_answer.then(|| Entry {
        key: key.clone(),
        status,
        headers,
        body: plain.slice(plain.len() - reader.0.len()..),
        at,
        terms: Terms {
            initial_age: Duration::from_millis(initial_age),
            lifetime: Duration::from_millis(lifetime),
            stale_for: Duration::from_millis(stale_for),
            may_be_stale: flags & MAY_BE_STALE != 0,
            is_public: flags & PUBLIC != 0,
        },
    })
}

fn read_headers(reader: &mut Reader<'_>) -> Option<HeaderMap> {
    let count = usize::from(reader.u16()?);
    if count > MAX_HEADERS {
        return None;
    }
    let mut headers = HeaderMap::new();
    for _ in 0..count {
        let name = HeaderName::from_bytes(reader.long()?).ok()?;
        headers.append(name, HeaderValue::from_bytes(reader.long()?).ok()?);
    }
    Some(headers)
}

fn write_vary(key: &CacheKey, vary: &Vary) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    plain.extend(key.digest());
    plain.extend(vary.salt.to_le_bytes());
    for name in vary.names.iter() {
        write_long(&mut plain, name.as_str().as_bytes())?;
    }
    Some(plain)
}

fn read_vary(plain: &[u8], key: &CacheKey) -> Option<Record> {
    let mut reader = Reader(plain);
    if reader.array()? != key.digest() {
        return None;
    }
    let salt = reader.u64()?;
    let mut names = Vec::new();
    while !reader.0.is_empty() {
        names.push(HeaderName::from_bytes(reader.long()?).ok()?);
        if names.len() > MAX_HEADERS {
            return None;
        }
    }
    let names = names.into();
    Some(Record::Vary(key.clone(), Vary { names, salt }))
}

/// Bytes with their length in front.
fn write_long(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    out.extend(u32::try_from(bytes.len()).ok()?.to_le_bytes());
    out.extend_from_slice(bytes);
    Some(())
}

/// The bytes that are not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.take(length)
    }
}
