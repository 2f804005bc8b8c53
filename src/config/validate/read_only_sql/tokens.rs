//! The words and marks of a statement, as the database that gets it would tell them apart: what stands in quotes or
//! comments says nothing about what the statement does.

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// PostgreSQL, "Lexical Structure".
    Postgres,
    /// MySQL, "Language Structure", and MariaDB.
    Mysql,
    /// SQLite, "SQLite Keywords" and "Comments".
    Sqlite,
}

/// A part of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word that may be a keyword, in capitals.
    Word(String),
    /// What is certainly none: a text, a number, a quoted name, a name behind a dot.
    Value,
    /// Any other character.
    Mark(char),
}

/// Takes `sql` apart.
///
/// # Errors
///
/// Says what has no end, or what cannot be judged. No part of the statement is repeated: texts in it may be secret.
pub(super) fn tokens(sql: &str, dialect: Dialect) -> Result<Vec<Token>, String> {
    let mut reader = Reader {
        rest: sql,
        dialect,
        found: Vec::new(),
    };
    while let Some(first) = reader.rest.chars().next() {
        reader.next(first)?;
    }
    Ok(reader.found)
}

/// What is not read yet, and what was found.
struct Reader<'a> {
    rest: &'a str,
    dialect: Dialect,
    found: Vec<Token>,
}

/// How a text in quotes says that a quote belongs to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// Only by doubling the quote.
    Doubled,
    /// Also by a backslash.
    Backslash,
}

impl Reader<'_> {
    fn next(&mut self, first: char) -> Result<(), String> {
        use Dialect::{Mysql, Postgres, Sqlite};
        if self.skip_comment()? {
            return Ok(());
        }
        let texts = match self.dialect {
            Mysql => Escape::Backslash,
            Postgres | Sqlite => Escape::Doubled,
        };
        match first {
            '\'' => self.quoted(1, '\'', texts),
            // In MySQL's usual mode a text, elsewhere a name; neither is a keyword.
            '"' => self.quoted(1, '"', texts),
            '`' if self.dialect != Postgres => self.quoted(1, '`', Escape::Doubled),
            '[' if self.dialect == Sqlite => self.until(1, "]"),
            '$' if self.dialect == Postgres => self.dollar(),
            'e' | 'E' if self.dialect == Postgres && self.rest[1..].starts_with('\'') => {
                self.quoted(2, '\'', Escape::Backslash)
            }
            _ if is_word_start(first) => self.word(),
            _ if first.is_ascii_digit() => self.number(),
            _ => {
                if !first.is_whitespace() {
                    self.found.push(Token::Mark(first));
                }
                self.skip(first.len_utf8());
                Ok(())
            }
        }
    }

    /// Goes past a comment, if one begins here.
    fn skip_comment(&mut self) -> Result<bool, String> {
        let mysql = self.dialect == Dialect::Mysql;
        if mysql && (self.rest.starts_with("/*!") || self.rest.starts_with("/*M!")) {
            return Err(
                "holds a comment that MySQL executes: write what is in it without /*! */"
                    .to_owned(),
            );
        }
        if self.rest.starts_with("/*") {
            self.block_comment()?;
            return Ok(true);
        }
        // In MySQL two dashes begin a comment only before a space ("-- Comment Style").
        let dashes = self.rest.strip_prefix("--").is_some_and(|behind| {
            !mysql || behind.is_empty() || behind.starts_with(|letter: char| letter <= ' ')
        });
        if dashes || (mysql && self.rest.starts_with('#')) {
            let length = self.rest.find('\n').unwrap_or(self.rest.len());
            self.skip(length);
            return Ok(true);
        }
        Ok(false)
    }

    /// PostgreSQL's comments nest, those of others end at the first `*/`.
    fn block_comment(&mut self) -> Result<(), String> {
        let nests = self.dialect == Dialect::Postgres;
        let mut depth = 1_usize;
        self.skip(2);
        while depth > 0 {
            let next = self.rest.find(['*', '/']);
            self.skip(next.ok_or("holds a comment without an end")?);
            if self.rest.starts_with("*/") {
                depth -= 1;
                self.skip(2);
            } else if nests && self.rest.starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else {
                self.skip(1);
            }
        }
        Ok(())
    }

    /// A text or name that ends with `quote`, `start` bytes from here.
    fn quoted(&mut self, start: usize, quote: char, escape: Escape) -> Result<(), String> {
        let mut letters = self.rest.char_indices().skip(start).peekable();
        while let Some((at, letter)) = letters.next() {
            if letter == '\\' && escape == Escape::Backslash {
                letters.next();
            } else if letter == quote && letters.next_if(|(_, next)| *next == quote).is_none() {
                return self.value(at + quote.len_utf8());
            }
        }
        Err(format!("holds a {quote} without its second"))
    }

    /// A text between dollars, or a parameter.
    fn dollar(&mut self) -> Result<(), String> {
        let tag_length = self.rest[1..].find(|letter| !is_word_part(letter) || letter == '$');
        let tag_end = tag_length.map(|length| 1 + length);
        match tag_end.filter(|end| self.rest[*end..].starts_with('$')) {
            Some(end) if !self.rest[1..].starts_with(|letter: char| letter.is_ascii_digit()) => {
                let tag = self.rest[..=end].to_owned();
                self.until(tag.len(), &tag)
            }
            _ => self.value(1),
        }
    }

    /// A value that begins here and goes on to `end`, which stands at least `start` bytes from here.
    fn until(&mut self, start: usize, end: &str) -> Result<(), String> {
        match self.rest[start..].find(end) {
            Some(length) => self.value(start + length + end.len()),
            None => Err("holds a text or name without its end".to_owned()),
        }
    }

    fn word(&mut self) -> Result<(), String> {
        let length = self.rest.find(|letter| !is_word_part(letter));
        let length = length.unwrap_or(self.rest.len());
        if self.found.last() == Some(&Token::Mark('.')) {
            return self.value(length);
        }
        let word = self.rest[..length].to_uppercase();
        self.found.push(Token::Word(word));
        self.skip(length);
        Ok(())
    }

    /// Digits alone: letters right behind them are a word to older servers ("1INTO" in PostgreSQL before 15).
    fn number(&mut self) -> Result<(), String> {
        let length = self
            .rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.');
        self.value(length.unwrap_or(self.rest.len()))
    }

    fn value(&mut self, length: usize) -> Result<(), String> {
        self.found.push(Token::Value);
        self.skip(length);
        Ok(())
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }
}

fn is_word_start(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_' || letter == '@'
}

fn is_word_part(letter: char) -> bool {
    is_word_start(letter) || letter.is_numeric() || letter == '$'
}
