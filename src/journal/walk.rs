//! Walking a segment from header to header, without reading payloads.

use std::sync::Arc;

use crate::otlp::ServiceItems;

use super::record::{self, ALIGNMENT, HEADER_LEN, Header};
use super::segment::Segment;

/// Enough for the header of a record with a few services.
const WINDOW_BYTES: usize = 512;
/// What a search reads at a time.
const SEARCH_BYTES: usize = 256 << 10;
/// What a payload check reads at a time.
const CHECK_BYTES: usize = 256 << 10;

/// Reads headers of one segment, up to an end.
pub(super) struct Walker<'a> {
    segment: &'a Segment,
    end: u64,
    /// Records of earlier runs do not follow those of later ones: they are remains of a torn write.
    session: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Walker<'a> {
    /// A walk through records before the position `end`, which none may cross.
    pub(super) fn new(segment: &'a Segment, end: u64) -> Walker<'a> {
        Walker {
            segment,
            end,
            session: 0,
            window: Vec::new(),
            window_at: 0,
        }
    }

    /// The newest run seen.
    pub(super) fn session(&self) -> u64 {
        self.session
    }

    /// Goes back to an earlier answer of [`Walker::session`]: what was seen since does not count.
    pub(super) fn set_session(&mut self, session: u64) {
        self.session = session;
    }

    /// The record at `position`, `None` where none starts.
    pub(super) fn record_at(&mut self, position: u64) -> Option<(Header, Arc<[ServiceItems]>)> {
        let seed = self.segment.seed();
        let header = Header::peek(self.bytes(position, HEADER_LEN)?, position)?;
        let fits = header.record_len() <= self.end - position;
        if !fits || header.session < self.session {
            return None;
        }
        let head = self.bytes(position, header.payload_at())?;
        if !header.verify(head, seed) {
            return None;
        }
        let services = record::read_services(&head[HEADER_LEN..], |name| Arc::from(name))?;
        self.session = header.session;
        Some((header, services))
    }

    /// The first record that starts behind `position`.
    pub(super) fn find_after(&mut self, position: u64) -> Option<Header> {
        let mut from = position + ALIGNMENT;
        while from + HEADER_LEN as u64 <= self.search_end() {
            let candidate = self.candidate(from)?;
            if let Some((header, _)) = self.record_at(candidate) {
                return Some(header);
            }
            from = candidate + ALIGNMENT;
        }
        None
    }

    /// Nothing is to be found behind the file's end, be it cut or the next file missing.
    fn search_end(&self) -> u64 {
        self.end
            .min(self.segment.base.position.saturating_add(self.segment.len))
    }

    /// The first position from `from` on where a header may start.
    fn candidate(&mut self, mut from: u64) -> Option<u64> {
        let end = self.search_end();
        while from + HEADER_LEN as u64 <= end {
            let len = SEARCH_BYTES.min((end - from) as usize);
            let bytes = self.bytes(from, len)?;
            let starts = bytes.windows(16).step_by(ALIGNMENT as usize).zip(0u64..);
            let mut starts = starts.map(|(bytes, nth)| (bytes, from + nth * ALIGNMENT));
            if let Some((_, found)) = starts.find(|(bytes, at)| Header::may_start(bytes, *at)) {
                return Some(found);
            }
            from += (len as u64 - 16) / ALIGNMENT * ALIGNMENT + ALIGNMENT;
        }
        None
    }

    /// Whether the record's payload is whole.
    pub(super) fn payload_is_whole(&mut self, header: &Header) -> bool {
        let mut hasher = crc32fast::Hasher::new();
        let mut at = header.at.position + header.payload_at() as u64;
        let mut left = header.payload_len as usize;
        while left > 0 {
            let len = left.min(CHECK_BYTES);
            let Some(bytes) = self.bytes(at, len) else {
                return false;
            };
            hasher.update(bytes);
            at += len as u64;
            left -= len;
        }
        hasher.finalize() == header.payload_crc
    }

    /// `len` bytes at a position before the end. What cannot be read counts as zeros.
    fn bytes(&mut self, position: u64, len: usize) -> Option<&[u8]> {
        if len as u64 > self.end.checked_sub(position)? {
            return None;
        }
        let held = self.window_at..self.window_at + self.window.len() as u64;
        if !(held.contains(&position) && position + len as u64 <= held.end) {
            self.window.clear();
            self.window.resize(len.max(WINDOW_BYTES), 0);
            self.window_at = position;
            read_or_zeros(self.segment, &mut self.window, position);
        }
        let start = (position - self.window_at) as usize;
        self.window.get(start..start + len)
    }
}

/// Fills `into`; what cannot be read stays zero and is found damaged like any other damage.
fn read_or_zeros(segment: &Segment, into: &mut [u8], position: u64) {
    if segment.read(into, position).is_err() {
        into.fill(0);
    }
}
