//! Refuses SQL that writes, before it is ever sent.
//!
//! This looks at words, not at what functions do: a function may write, and no name says so. The transaction in which a
//! query runs is read-only for that reason. What this finds is a statement that was put in the wrong place, and it finds
//! it when the configuration is checked instead of at night.

#[cfg(test)]
mod tests;
mod tokens;

use tokens::{Token, tokens};

pub(crate) use tokens::Dialect;

/// Words that begin a statement which only reads.
const READS: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];

/// Words that write rows, wherever a statement may begin with them.
const WRITES: [&str; 5] = ["INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"];

/// What other words do that a statement begins with.
const OTHERS: [(&[&str], &str); 6] = [
    (
        &["TRUNCATE", "COPY", "LOAD", "IMPORT", "UPSERT", "HANDLER"],
        "moves or removes rows",
    ),
    (
        &[
            "CREATE", "ALTER", "DROP", "RENAME", "COMMENT", "REINDEX", "VACUUM", "ANALYZE",
            "ANALYSE", "CLUSTER", "REFRESH", "OPTIMIZE", "REPAIR", "ATTACH", "DETACH", "SECURITY",
            "REASSIGN",
        ],
        "changes the database",
    ),
    (&["GRANT", "REVOKE"], "changes rights"),
    (
        &[
            "BEGIN",
            "START",
            "COMMIT",
            "ROLLBACK",
            "SAVEPOINT",
            "RELEASE",
            "END",
            "ABORT",
            "XA",
            "PREPARE",
        ],
        "belongs to transactions, which the probe opens and ends itself",
    ),
    (
        &[
            "SET", "RESET", "USE", "DISCARD", "LISTEN", "NOTIFY", "UNLISTEN", "DECLARE", "FLUSH",
            "KILL", "SHUTDOWN",
        ],
        "changes the session or the server",
    ),
    (
        &["CALL", "DO", "EXECUTE", "LOCK", "UNLOCK"],
        "takes locks or runs what may write",
    ),
];

/// SQLite's pragmas that only tell something ("PRAGMA Statements"). Others change the connection or the file.
const PRAGMAS: [&str; 26] = [
    "APPLICATION_ID",
    "AUTO_VACUUM",
    "CACHE_SIZE",
    "COLLATION_LIST",
    "COMPILE_OPTIONS",
    "DATABASE_LIST",
    "DATA_VERSION",
    "ENCODING",
    "FOREIGN_KEY_CHECK",
    "FOREIGN_KEY_LIST",
    "FREELIST_COUNT",
    "FUNCTION_LIST",
    "INDEX_INFO",
    "INDEX_LIST",
    "INDEX_XINFO",
    "INTEGRITY_CHECK",
    "JOURNAL_MODE",
    "MODULE_LIST",
    "PAGE_COUNT",
    "PAGE_SIZE",
    "QUICK_CHECK",
    "SCHEMA_VERSION",
    "TABLE_INFO",
    "TABLE_LIST",
    "TABLE_XINFO",
    "USER_VERSION",
];

/// Pragmas whose argument in brackets says what to look at. With any other, it is a value to set.
const PRAGMAS_OF: [&str; 10] = [
    "FOREIGN_KEY_CHECK",
    "FOREIGN_KEY_LIST",
    "INDEX_INFO",
    "INDEX_LIST",
    "INDEX_XINFO",
    "INTEGRITY_CHECK",
    "QUICK_CHECK",
    "TABLE_INFO",
    "TABLE_LIST",
    "TABLE_XINFO",
];

/// Whether `sql` is one statement that only reads, as far as its words tell.
///
/// # Errors
///
/// Says what it does besides, to be put after "the statement": "holds DELETE, which …".
pub(crate) fn check(sql: &str, dialect: Dialect) -> Result<(), String> {
    if sql.contains('\0') {
        return Err("holds a NUL character".to_owned());
    }
    let mut tokens = tokens(sql, dialect)?;
    while tokens.last() == Some(&Token::Mark(';')) {
        tokens.pop();
    }
    if tokens.contains(&Token::Mark(';')) {
        return Err("is more than one".to_owned());
    }
    balanced(&tokens)?;
    let brackets = tokens
        .iter()
        .take_while(|token| **token == Token::Mark('('));
    let statement = &tokens[brackets.count()..];
    match statement {
        [] => Err("is empty".to_owned()),
        [Token::Word(first), rest @ ..] => match first.as_str() {
            word if READS.contains(&word) => reads(&tokens),
            "SHOW" if dialect != Dialect::Sqlite => Ok(()),
            "DESCRIBE" | "DESC" if dialect == Dialect::Mysql => explains(rest),
            "EXPLAIN" => explains(rest),
            "PRAGMA" if dialect == Dialect::Sqlite => tells(rest),
            word => Err(refusal(word)),
        },
        _ => Err("begins with neither SELECT nor another word that reads".to_owned()),
    }
}

/// Why a statement may not begin with `word`.
fn refusal(word: &str) -> String {
    let listed = OTHERS.iter().find(|(words, _)| words.contains(&word));
    match listed {
        _ if WRITES.contains(&word) => format!("is {word}, which writes"),
        Some((_, does)) => format!("is {word}, which {does}"),
        None => "begins with neither SELECT nor another word that reads".to_owned(),
    }
}

fn balanced(tokens: &[Token]) -> Result<(), String> {
    let mut depth = 0_usize;
    for token in tokens {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.checked_sub(1).ok_or("has a ) without its (")?,
            _ => {}
        }
    }
    match depth {
        0 => Ok(()),
        _ => Err("has a ( without its )".to_owned()),
    }
}

/// How far the statement in one pair of brackets is read.
#[derive(Clone, Copy, Default)]
struct Level {
    /// The next word may begin a statement.
    begins: bool,
    /// It began with WITH, and what follows its queries has not come yet.
    with: bool,
    /// One of the queries of WITH has come.
    named: bool,
}

/// A SELECT, or what may stand in its place, writes in few places: INTO, locks, and the queries of WITH and what follows
/// them (PostgreSQL, "Data-Modifying Statements in WITH"; MySQL and SQLite, "WITH").
fn reads(tokens: &[Token]) -> Result<(), String> {
    let mut above: Vec<Level> = Vec::new();
    let mut level = Level {
        begins: true,
        ..Level::default()
    };
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        match token {
            Token::Mark('(') => {
                let begins = level.begins
                    || before.is_some_and(|token| is_word(token, &["AS", "MATERIALIZED"]));
                level.begins = false;
                above.push(std::mem::replace(
                    &mut level,
                    Level {
                        begins,
                        ..Level::default()
                    },
                ));
            }
            Token::Mark(')') => {
                level = above.pop().unwrap_or_default();
                level.named = true;
            }
            Token::Word(word) => {
                let follows_with = level.with && level.named && before != Some(&Token::Mark(','));
                word_reads(word, &tokens[at + 1..], level.begins, follows_with)?;
                level.with = (level.begins && word == "WITH")
                    || (level.with && !(follows_with && READS.contains(&word.as_str())));
                level.begins = false;
            }
            Token::Value | Token::Mark(_) => level.begins = false,
        }
    }
    Ok(())
}

/// Whether `word` leaves a statement one that reads, `rest` being what follows it.
fn word_reads(word: &str, rest: &[Token], begins: bool, follows_with: bool) -> Result<(), String> {
    let next = |words: &[&str]| rest.first().is_some_and(|token| is_word(token, words));
    match word {
        "INTO" => Err("holds INTO, which writes what is selected".to_owned()),
        "FOR" if next(&["UPDATE", "SHARE", "NO", "KEY"]) => {
            Err("holds FOR UPDATE or FOR SHARE, which locks rows".to_owned())
        }
        "LOCK" if next(&["IN"]) => Err("holds LOCK IN SHARE MODE, which locks rows".to_owned()),
        _ if follows_with && WRITES.contains(&word) => {
            Err(format!("holds {word} behind WITH, which writes"))
        }
        _ if begins && writes_in_brackets(word, rest) => {
            Err(format!("holds {word} in brackets, which writes"))
        }
        _ => Ok(()),
    }
}

/// Whether what stands at the beginning of brackets is a statement that writes, and not a column of that name.
fn writes_in_brackets(word: &str, rest: &[Token]) -> bool {
    let next = |words: &[&str]| rest.first().is_some_and(|token| is_word(token, words));
    match word {
        "INSERT" | "MERGE" | "REPLACE" => next(&["INTO"]),
        "DELETE" => next(&["FROM"]),
        "UPDATE" => {
            let inside = rest.iter().take_while(|token| **token != Token::Mark(')'));
            inside.into_iter().any(|token| is_word(token, &["SET"]))
        }
        _ => false,
    }
}

/// EXPLAIN with ANALYZE runs what it explains.
fn explains(rest: &[Token]) -> Result<(), String> {
    let begins = |token: &Token| is_word(token, &READS) || is_word(token, &WRITES);
    let start = rest.iter().position(begins).unwrap_or(rest.len());
    let (options, explained) = rest.split_at(start);
    if options
        .iter()
        .any(|token| is_word(token, &["ANALYZE", "ANALYSE"]))
    {
        return Err("is EXPLAIN ANALYZE, which runs what it explains".to_owned());
    }
    match explained.first() {
        Some(Token::Word(word)) if WRITES.contains(&word.as_str()) => {
            Err(format!("explains {word}, which writes"))
        }
        _ => reads(explained),
    }
}

/// PRAGMA without a value.
fn tells(rest: &[Token]) -> Result<(), String> {
    let refused = || {
        Err("is a PRAGMA that sets something or is not known to tell only: ask for it as SELECT * FROM pragma_…".to_owned())
    };
    match rest {
        [Token::Word(name)] if PRAGMAS.contains(&name.as_str()) => Ok(()),
        [Token::Word(name), Token::Mark('('), ..] if PRAGMAS_OF.contains(&name.as_str()) => Ok(()),
        _ => refused(),
    }
}

fn is_word(token: &Token, words: &[&str]) -> bool {
    matches!(token, Token::Word(word) if words.contains(&word.as_str()))
}
