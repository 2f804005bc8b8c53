//! What came back.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::response::Parts;

use super::redirect::Hop;
use crate::probe::excerpt::Excerpts;

const SHOWN_ENCODING_CHARS: usize = 20;

/// What is done with an answer once its head is there.
pub(super) enum Step {
    /// Its body is read.
    Read,
    /// Something else is asked, and its body left unread.
    Follow(Hop),
}

/// How an exchange ended well.
pub(super) enum Answer {
    /// With a redirect.
    Redirect(Hop),
    /// With an answer.
    Whole(Parts, Body),
}

/// As much of a body as was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    /// Whether more was there.
    pub(super) cut: bool,
}

/// A body that is being read.
pub(super) struct Reading {
    read: BytesMut,
    cut: bool,
    max_bytes: usize,
}

impl Reading {
    pub(super) fn up_to(max_bytes: usize) -> Reading {
        Reading {
            read: BytesMut::new(),
            cut: false,
            max_bytes,
        }
    }

    /// Takes the next part. Nothing more is to be read once this says `false`.
    pub(super) fn take(&mut self, part: &[u8]) -> bool {
        let room = self.max_bytes.saturating_sub(self.read.len());
        let (fits, more) = part.split_at(room.min(part.len()));
        self.read.extend_from_slice(fits);
        self.cut = !more.is_empty();
        !self.cut
    }

    pub(super) fn end(self) -> Body {
        Body {
            bytes: self.read.freeze(),
            cut: self.cut,
        }
    }
}

/// What may explain that a body is not what was expected, to be put after that: its length, and that it is cut or compressed.
pub(super) fn described(head: &Parts, body: &Body) -> String {
    let read = body.bytes.len();
    let length = head.headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let size = match (body.cut, length) {
        (false, _) => format!("it has {read} bytes"),
        (true, Some(length)) => {
            format!("only the first {read} of its {length} bytes were read: http.max_body")
        }
        (true, None) => format!("only its first {read} bytes were read: http.max_body"),
    };
    let encoding = head.headers.get(CONTENT_ENCODING);
    match encoding.filter(|encoding| *encoding != "identity") {
        Some(encoding) => {
            let encoding = Excerpts::default().of_bytes(encoding.as_bytes(), SHOWN_ENCODING_CHARS);
            format!("({size}; it is compressed with {encoding}, which was not asked for)")
        }
        None => format!("({size})"),
    }
}
