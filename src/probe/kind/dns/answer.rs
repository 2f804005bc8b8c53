//! What an answer says.

use std::borrow::Cow;

use hickory_proto::op::{Message, ResponseCode};

use super::question::Question;
use crate::probe::failure::{Failure, Reason};

/// So many records are shown.
const MAX_SHOWN: usize = 20;
/// So much of one record is shown, in characters.
const MAX_SHOWN_CHARS: usize = 300;
/// So much of all records is put into a sentence, in characters.
const MAX_LISTED_CHARS: usize = 200;

/// What an answer says.
#[derive(Debug)]
pub(super) struct Answer {
    code: ResponseCode,
    /// The records of the type asked for, as a zone file writes them; `None` where the server did not say whether there
    /// are any.
    pub(super) texts: Option<Vec<String>>,
    /// The least time to live of all records, those that only lead there included, in seconds.
    pub(super) ttl_s: Option<u32>,
}

impl Answer {
    /// Reads `message`, the answer to `question`.
    pub(super) fn read(message: &Message, question: &Question) -> Answer {
        let code = message.metadata.response_code;
        let knows = matches!(code, ResponseCode::NoError | ResponseCode::NXDomain);
        let of_type = message
            .answers
            .iter()
            .filter(|record| record.record_type() == question.record_type());
        Answer {
            code,
            texts: knows.then(|| of_type.map(|record| record.data.to_string()).collect()),
            ttl_s: message.answers.iter().map(|record| record.ttl).min(),
        }
    }

    /// The response code as it is written (IANA, "DNS RCODEs").
    pub(super) fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self.code {
            ResponseCode::NoError => "NOERROR",
            ResponseCode::FormErr => "FORMERR",
            ResponseCode::ServFail => "SERVFAIL",
            ResponseCode::NXDomain => "NXDOMAIN",
            ResponseCode::NotImp => "NOTIMP",
            ResponseCode::Refused => "REFUSED",
            other => return Cow::Owned(u16::from(other).to_string()),
        })
    }

    /// The records asked for, one at least.
    pub(super) fn records(&self, question: &Question) -> Result<&[String], Failure> {
        let (reason, what) = match self.code {
            ResponseCode::NoError => match self.texts.as_deref() {
                Some([]) | None => {
                    let message = format!("the name has no {} records", question.kind());
                    return Err(Failure::new(Reason::Missing, message));
                }
                Some(texts) => return Ok(texts),
            },
            ResponseCode::NXDomain => (Reason::Missing, "the name does not exist"),
            ResponseCode::ServFail => (Reason::Unavailable, "the server could not find out"),
            ResponseCode::Refused => (Reason::Permission, "the server refuses to answer"),
            ResponseCode::FormErr => (Reason::Protocol, "the server did not understand"),
            ResponseCode::NotImp => (Reason::Protocol, "the server answers no such question"),
            _ => (Reason::Query, "the server answered with an error"),
        };
        Err(Failure::new(reason, format!("{what} ({})", self.code())))
    }
}

/// The first of the records, each cut to what can be read.
pub(super) fn shown(texts: &[String]) -> Vec<String> {
    let first = texts.iter().take(MAX_SHOWN);
    first.map(|text| cut(text, MAX_SHOWN_CHARS)).collect()
}

/// The first of the records in one line.
pub(super) fn listed(texts: &[String]) -> String {
    let all = shown(texts).join(", ");
    let printable = all
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    cut(&printable.collect::<String>(), MAX_LISTED_CHARS)
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
