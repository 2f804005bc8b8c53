//! How a batch's bytes are compressed.

/// A content coding that OTLP senders and receivers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Plain protobuf bytes.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Encoding {
    /// The token of `content-encoding` and `grpc-encoding`.
    pub const fn token(self) -> &'static str {
        match self {
            Encoding::Identity => "identity",
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
        }
    }

    /// The coding that a header token names, `None` for one we do not speak.
    pub fn from_token(token: &str) -> Option<Encoding> {
        let token = token.trim();
        [Encoding::Identity, Encoding::Gzip, Encoding::Zstd]
            .into_iter()
            .find(|encoding| encoding.token().eq_ignore_ascii_case(token))
    }
}
