//! How a batch stands on disk.
//!
//! A record is a fixed header, the services, the payload, and zeros up to a multiple of eight.
//! The header's checksum covers header and services and starts from the segment's seed; the payload
//! has its own, so that a start-up can walk headers without reading payloads.

use std::sync::Arc;

use bytes::Bytes;

use crate::otlp::{Batch, Encoding, Origin, ServiceItems, Signal};

use super::mark::Mark;

/// Bytes before the services.
pub(super) const HEADER_LEN: usize = 96;
/// Records start at multiples of this.
pub(super) const ALIGNMENT: u64 = 8;

const MAGIC: u32 = u32::from_le_bytes(*b"LSR1");
/// The header's checksum stands in its last four bytes.
const CHECKSUM_AT: usize = HEADER_LEN - 4;

/// Everything about a record but its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Where the record stands and what the log holds before it.
    pub(super) at: Mark,
    /// What was on stable storage when the record was written: everything before this position.
    pub(super) synced: u64,
    /// The run that wrote it; later runs have larger numbers.
    pub(super) session: u64,
    pub(super) received_unix_ms: u64,
    pub(super) signal: Signal,
    pub(super) encoding: Encoding,
    pub(super) origin: Origin,
    pub(super) items: u32,
    pub(super) inflated_len: u32,
    pub(super) payload_len: u32,
    pub(super) payload_crc: u32,
    pub(super) services_len: u32,
}

/// The length of the batch's record, padding included.
pub(super) fn record_len(batch: &Batch) -> u64 {
    len_of(services_len(&batch.services), batch.bytes.len() as u64)
}

fn len_of(services_len: u64, payload_len: u64) -> u64 {
    (HEADER_LEN as u64 + services_len + payload_len).next_multiple_of(ALIGNMENT)
}

/// Zeros that follow a record whose parts take `len` bytes.
pub(super) fn padding(len: u64) -> &'static [u8] {
    &[0; ALIGNMENT as usize][..(len.next_multiple_of(ALIGNMENT) - len) as usize]
}

impl Header {
    /// The header of `batch`'s record.
    pub(super) fn of(
        batch: &Batch,
        at: Mark,
        synced: u64,
        session: u64,
        payload_crc: u32,
    ) -> Header {
        Header {
            at,
            synced,
            session,
            received_unix_ms: batch.received_unix_ms,
            signal: batch.signal,
            encoding: batch.encoding,
            origin: batch.origin,
            items: batch.items,
            inflated_len: batch.inflated_len,
            payload_len: batch.bytes.len() as u32,
            payload_crc,
            services_len: services_len(&batch.services) as u32,
        }
    }

    /// The record's length, padding included.
    pub(super) fn record_len(&self) -> u64 {
        len_of(self.services_len.into(), self.payload_len.into())
    }

    /// Where the payload starts, from the record's start.
    pub(super) fn payload_at(&self) -> usize {
        HEADER_LEN + self.services_len as usize
    }

    /// The mark behind the record.
    pub(super) fn end(&self) -> Mark {
        self.at.after(self.signal, self.items, self.record_len())
    }

    /// Appends header and services to `out`.
    pub(super) fn write(&self, services: &[ServiceItems], seed: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend(MAGIC.to_le_bytes());
        out.extend([
            self.signal.index() as u8,
            encoding_code(self.encoding),
            origin_code(self.origin),
            0,
        ]);
        for number in [
            self.at.position,
            self.synced,
            self.session,
            self.received_unix_ms,
        ] {
            out.extend(number.to_le_bytes());
        }
        self.at
            .items
            .iter()
            .for_each(|items| out.extend(items.to_le_bytes()));
        for number in [
            self.items,
            self.inflated_len,
            self.payload_len,
            self.payload_crc,
            self.services_len,
            0,
            0,
            0,
        ] {
            out.extend(number.to_le_bytes());
        }
        write_services(services, out);
        let checksum = header_checksum(seed, &out[start..]);
        out[start + CHECKSUM_AT..start + HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Whether a header may start here: cheap, for a search. `bytes` holds at least 16.
    pub(super) fn may_start(bytes: &[u8], position: u64) -> bool {
        bytes[..4] == MAGIC.to_le_bytes() && bytes[8..16] == position.to_le_bytes()
    }

    /// Reads the fixed part, unchecked but for what would not parse. [`Header::verify`] must follow.
    pub(super) fn peek(bytes: &[u8], position: u64) -> Option<Header> {
        if bytes.len() < HEADER_LEN || !Header::may_start(bytes, position) {
            return None;
        }
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let short = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Some(Header {
            at: Mark {
                position: long(8),
                items: [long(40), long(48), long(56)],
            },
            synced: long(16),
            session: long(24),
            received_unix_ms: long(32),
            signal: Signal::from_index(bytes[4].into())?,
            encoding: encoding_of(bytes[5])?,
            origin: origin_of(bytes[6])?,
            items: short(64),
            inflated_len: short(68),
            payload_len: short(72),
            payload_crc: short(76),
            services_len: short(80),
        })
    }

    /// Whether `bytes`, which hold header and services, are what was written under `seed`.
    pub(super) fn verify(&self, bytes: &[u8], seed: u32) -> bool {
        let Some(head) = bytes.get(..self.payload_at()) else {
            return false;
        };
        header_checksum(seed, head).to_le_bytes() == head[CHECKSUM_AT..HEADER_LEN]
    }

    /// The batch, given what stands before its payload and the payload.
    pub(super) fn batch(&self, services: Arc<[ServiceItems]>, bytes: Bytes) -> Batch {
        Batch {
            signal: self.signal,
            origin: self.origin,
            encoding: self.encoding,
            items: self.items,
            inflated_len: self.inflated_len,
            received_unix_ms: self.received_unix_ms,
            services,
            bytes,
        }
    }
}

fn header_checksum(seed: u32, head: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(&head[..CHECKSUM_AT]);
    hasher.update(&head[HEADER_LEN..]);
    hasher.finalize()
}

/// A service name's length is written in two bytes; longer names are cut.
fn written_name(name: &str) -> &str {
    &name[..name.floor_char_boundary(u16::MAX.into())]
}

fn services_len(services: &[ServiceItems]) -> u64 {
    services
        .iter()
        .map(|part| 6 + written_name(&part.service).len() as u64)
        .sum()
}

fn write_services(services: &[ServiceItems], out: &mut Vec<u8>) {
    for part in services {
        let name = written_name(&part.service);
        out.extend(part.items.to_le_bytes());
        out.extend((name.len() as u16).to_le_bytes());
        out.extend(name.as_bytes());
    }
}

/// The services that [`Header::write`] wrote. `intern` shares the names.
pub(super) fn read_services(
    mut bytes: &[u8],
    mut intern: impl FnMut(&str) -> Arc<str>,
) -> Option<Arc<[ServiceItems]>> {
    let mut services = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<6>() {
        let [a, b, c, d, low, high] = *head;
        let (name, rest) = rest.split_at_checked(u16::from_le_bytes([low, high]).into())?;
        services.push(ServiceItems {
            service: intern(std::str::from_utf8(name).ok()?),
            items: u32::from_le_bytes([a, b, c, d]),
        });
        bytes = rest;
    }
    bytes.is_empty().then(|| services.into())
}

fn encoding_code(encoding: Encoding) -> u8 {
    match encoding {
        Encoding::Identity => 0,
        Encoding::Gzip => 1,
        Encoding::Zstd => 2,
    }
}

fn encoding_of(code: u8) -> Option<Encoding> {
    [Encoding::Identity, Encoding::Gzip, Encoding::Zstd]
        .get(usize::from(code))
        .copied()
}

fn origin_code(origin: Origin) -> u8 {
    match origin {
        Origin::Outside => 0,
        Origin::Own => 1,
    }
}

fn origin_of(code: u8) -> Option<Origin> {
    [Origin::Outside, Origin::Own]
        .get(usize::from(code))
        .copied()
}
