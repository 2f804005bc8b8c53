//! A pull reader for JSON (RFC 8259) over a string: no tree, nothing copied but escaped strings.

use std::borrow::Cow;

use super::number;

/// Why reading stopped; the reader's offset says where.
pub(super) type Reason = &'static str;

/// How deep values may be nested that no schema knows.
const MAX_DEPTH: u32 = 100;

pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// A value that holds no others.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    String(Cow<'a, str>),
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0 }
    }

    /// The position of the next byte to read.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// The position at which the next value begins.
    pub(super) fn value_offset(&mut self) -> usize {
        self.peek();
        self.at
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// The next byte that is not white space; left to be read.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        let blank = blank.count();
        self.at += blank;
        rest.get(blank).copied()
    }

    fn expect(&mut self, byte: u8, reason: Reason) -> Result<(), Reason> {
        match self.peek() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            None => Err("the document ends too early"),
            Some(_) => Err(reason),
        }
    }

    /// Reads `{`.
    pub(super) fn begin_object(&mut self) -> Result<(), Reason> {
        self.expect(b'{', "expected an object")
    }

    /// Reads `[`.
    pub(super) fn begin_array(&mut self) -> Result<(), Reason> {
        self.expect(b'[', "expected an array")
    }

    /// Reads up to the next member's value and returns its key, or reads `}`.
    pub(super) fn next_key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, Reason> {
        if !self.next(b'}', first, "expected ',' or '}'")? {
            return Ok(None);
        }
        match self.peek() {
            Some(b'"') => {}
            Some(_) => return Err("expected a key in quotes"),
            None => return Err("the document ends too early"),
        }
        let key = self.string()?;
        self.expect(b':', "expected ':'")?;
        Ok(Some(key))
    }

    /// Reads up to the next element, or reads `]`.
    pub(super) fn next_element(&mut self, first: &mut bool) -> Result<bool, Reason> {
        self.next(b']', first, "expected ',' or ']'")
    }

    fn next(&mut self, end: u8, first: &mut bool, reason: Reason) -> Result<bool, Reason> {
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.expect(b',', reason)?;
            if self.peek() == Some(end) {
                return Err("a comma stands before the end");
            }
        }
        Ok(true)
    }

    /// Reads `null` if it comes next.
    pub(super) fn null(&mut self) -> Result<bool, Reason> {
        match self.peek() {
            Some(b'n') => self.word("null").map(|()| true),
            _ => Ok(false),
        }
    }

    /// Reads a value that is neither an object nor an array.
    pub(super) fn token(&mut self) -> Result<Token<'a>, Reason> {
        match self.peek() {
            Some(b'"') => self.string().map(Token::String),
            Some(b'n') => self.word("null").map(|()| Token::Null),
            Some(b't') => self.word("true").map(|()| Token::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Token::Bool(false)),
            Some(b'-' | b'0'..=b'9') => self.number().map(Token::Number),
            Some(b'{') => Err("an object stands where a plain value belongs"),
            Some(b'[') => Err("an array stands where a plain value belongs"),
            Some(_) => Err("expected a value"),
            None => Err("the document ends too early"),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Reason> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err("expected a value");
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, Reason> {
        let len = number::prefix_len(self.rest()).ok_or("not a number")?;
        let start = self.at;
        self.at += len;
        Ok(&self.text[start..self.at])
    }

    /// Reads a string; the opening quote comes next.
    fn string(&mut self) -> Result<Cow<'a, str>, Reason> {
        self.at += 1;
        let plain = self.plain()?;
        if self.rest()[0] == b'"' {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        self.escaped(plain.to_owned()).map(Cow::Owned)
    }

    /// Reads the part of a string before the next quote or backslash.
    fn plain(&mut self) -> Result<&'a str, Reason> {
        let start = self.at;
        let mut rest = self.rest().iter();
        let Some(len) = rest.position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) else {
            self.at = self.text.len();
            return Err("a string does not end");
        };
        self.at += len;
        match self.rest()[0] {
            b'"' | b'\\' => Ok(&self.text[start..self.at]),
            _ => Err("a string holds a raw control character"),
        }
    }

    /// Reads the rest of a string from its first backslash on.
    fn escaped(&mut self, mut out: String) -> Result<String, Reason> {
        while self.rest()[0] == b'\\' {
            out.push(self.escape()?);
            out.push_str(self.plain()?);
        }
        self.at += 1;
        Ok(out)
    }

    fn escape(&mut self) -> Result<char, Reason> {
        let letter = self.rest().get(1).ok_or("a string does not end")?;
        let character = match letter {
            b'"' | b'\\' | b'/' => char::from(*letter),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err("a string holds an unknown escape"),
        };
        self.at += 2;
        Ok(character)
    }

    /// Reads `\uXXXX`, or the two of a surrogate pair; half a pair reads as U+FFFD.
    fn unicode(&mut self) -> Result<char, Reason> {
        let high = self.unit().ok_or("\\u needs four hexadecimal digits")?;
        self.at += 6;
        if !(0xd800..0xdc00).contains(&high) {
            return Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let low = self.unit().filter(|low| (0xdc00..0xe000).contains(low));
        let Some(low) = low else {
            return Ok(char::REPLACEMENT_CHARACTER);
        };
        self.at += 6;
        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// The UTF-16 unit of the `\uXXXX` that comes next.
    fn unit(&self) -> Option<u32> {
        let digits = self.rest().strip_prefix(b"\\u")?.first_chunk::<4>()?;
        digits.iter().try_fold(0, |unit, digit| {
            let digit = char::from(*digit).to_digit(16)?;
            Some(unit << 4 | digit)
        })
    }

    /// Reads past a value of any kind.
    pub(super) fn skip(&mut self) -> Result<(), Reason> {
        self.skip_within(MAX_DEPTH)
    }

    fn skip_within(&mut self, depth: u32) -> Result<(), Reason> {
        let container = matches!(self.peek(), Some(b'{' | b'['));
        if container && depth == 0 {
            return Err("values are nested too deep");
        }
        let mut first = true;
        match self.peek() {
            Some(b'{') => {
                self.begin_object()?;
                while self.next_key(&mut first)?.is_some() {
                    self.skip_within(depth - 1)?;
                }
                Ok(())
            }
            Some(b'[') => {
                self.begin_array()?;
                while self.next_element(&mut first)? {
                    self.skip_within(depth - 1)?;
                }
                Ok(())
            }
            _ => self.token().map(drop),
        }
    }

    /// Checks that nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), Reason> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err("something follows the document"),
        }
    }
}
