//! Bounded inflating and pooled deflating of OTLP bodies.
//!
//! Both directions work in memory. Inflating never writes past the caller's limit and never allocates
//! by what a header claims; deflating keeps its state (300 KB for gzip) per thread between calls.

mod gzip;
mod zstd;

use std::fmt;

use bytes::Bytes;

use super::Encoding;

/// Why compressed bytes could not be inflated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// The content is longer than the limit; inflating stopped there.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The stream ends in the middle.
    Truncated,
    /// The bytes are not a stream of this encoding, or its checksum fails.
    Corrupt {
        /// The encoding that was expected.
        encoding: Encoding,
        /// What is wrong, for people.
        reason: &'static str,
    },
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InflateError::TooLarge { limit } => {
                write!(f, "the content is longer than {limit} bytes once inflated")
            }
            InflateError::Truncated => f.write_str("the compressed content ends too early"),
            InflateError::Corrupt { encoding, reason } => {
                write!(f, "the content is not valid {}: {reason}", encoding.token())
            }
        }
    }
}

impl std::error::Error for InflateError {}

/// Why content could not be compressed: the codec had no memory, or refused the level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeflateError {
    /// The encoding that failed.
    pub encoding: Encoding,
    /// What the codec said.
    pub reason: String,
}

impl fmt::Display for DeflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeflateError { encoding, reason } = self;
        write!(f, "compressing with {} failed: {reason}", encoding.token())
    }
}

impl std::error::Error for DeflateError {}

/// The compression level that costs least for what it saves on OTLP.
pub const fn default_level(encoding: Encoding) -> i32 {
    match encoding {
        Encoding::Identity => 0,
        Encoding::Gzip => gzip::DEFAULT_LEVEL,
        Encoding::Zstd => zstd::DEFAULT_LEVEL,
    }
}

/// Inflates `bytes` into a new buffer of at most `limit` bytes.
///
/// gzip members and zstd frames may follow one another; anything else behind them is an error.
///
/// # Errors
/// [`InflateError`]: longer than `limit`, truncated, or corrupt.
pub fn inflate(encoding: Encoding, bytes: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    let mut out = Vec::new();
    inflate_into(encoding, bytes, limit, &mut out)?;
    Ok(out)
}

/// Inflates `bytes` into `out`, which is cleared first; its memory is used again.
///
/// # Errors
/// As [`inflate`]; `out` then holds what was inflated before the fault.
pub fn inflate_into(
    encoding: Encoding,
    bytes: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), InflateError> {
    out.clear();
    match encoding {
        Encoding::Identity if bytes.len() > limit => Err(InflateError::TooLarge { limit }),
        Encoding::Identity => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        Encoding::Gzip => gzip::inflate(bytes, limit, out),
        Encoding::Zstd => zstd::inflate(bytes, limit, out),
    }
}

/// Compresses the chunks, one behind the other, into a single gzip member or zstd frame.
///
/// `level` is the codec's own scale; see [`default_level`].
///
/// # Errors
/// [`DeflateError`] if the codec fails, which no input causes.
pub fn deflate(encoding: Encoding, level: i32, chunks: &[Bytes]) -> Result<Bytes, DeflateError> {
    match (encoding, chunks) {
        (Encoding::Identity, [only]) => Ok(only.clone()),
        (Encoding::Identity, _) => Ok(chunks.concat().into()),
        (Encoding::Gzip, _) => gzip::deflate(level, chunks).map(Bytes::from),
        (Encoding::Zstd, _) => zstd::deflate(level, chunks).map(Bytes::from),
    }
}

/// Whether compressed streams may simply be written one behind the other and still be read by
/// OTLP receivers as the concatenation of their contents.
///
/// Identity: yes, protobuf messages merge. zstd: yes, decoders read frame after frame (RFC 8878,
/// section 3). gzip: RFC 1952, section 2.2 allows many members, but common receivers read only the
/// first and would lose the rest without an error (flate2's `GzDecoder`, which tonic uses).
pub const fn can_concatenate(encoding: Encoding) -> bool {
    match encoding {
        Encoding::Identity | Encoding::Zstd => true,
        Encoding::Gzip => false,
    }
}

/// The capacity to begin with: what the stream claims, within the limit and a plausible ratio.
fn first_capacity(claimed: Option<u64>, compressed_len: usize, limit: usize) -> usize {
    let plausible = compressed_len.saturating_mul(16).max(4096);
    let claimed = claimed.map_or(plausible / 2, |len| {
        usize::try_from(len).unwrap_or(usize::MAX)
    });
    claimed.min(plausible).min(limit)
}

/// Makes room for more output; an error once `limit` bytes are written.
///
/// One byte past the limit is granted, so that content of exactly `limit` bytes can be told from
/// longer content.
fn grow(out: &mut Vec<u8>, limit: usize) -> Result<(), InflateError> {
    if out.len() > limit {
        return Err(InflateError::TooLarge { limit });
    }
    if out.len() == out.capacity() {
        let most = limit.saturating_add(1) - out.len();
        out.reserve_exact(out.len().max(4096).min(most));
    }
    Ok(())
}
