//! SQL statements: literals become `?`, as they are where statements are prepared.

const VERBS: [&str; 12] = [
    "select", "insert", "update", "delete", "with", "merge", "replace", "call", "exec", "execute",
    "create", "drop",
];
const CLAUSES: [&str; 10] = [
    " from ", " into ", " set ", " values", " where ", " table ", " limit ", " = ", "='", "(",
];

/// Whether `name` is a statement rather than a name such as `SELECT orders`.
pub(super) fn is_statement(name: &str) -> bool {
    let name = name.trim_start();
    let name = match name
        .strip_prefix("/*")
        .and_then(|rest| rest.split_once("*/"))
    {
        Some((_, rest)) => rest.trim_start(),
        None => name,
    };
    let Some((verb, _)) = name.split_once(|one: char| one.is_ascii_whitespace()) else {
        return false;
    };
    if !VERBS.iter().any(|known| verb.eq_ignore_ascii_case(known)) {
        return false;
    }
    let spaced: String = name.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let lower = spaced.to_ascii_lowercase();
    CLAUSES.iter().any(|clause| lower.contains(clause))
}

/// The statement with `?` for literals and for lists of them, without comments, and with single spaces.
pub(super) fn fold(statement: &str) -> String {
    let mut out = String::with_capacity(statement.len());
    let mut rest = statement.trim();
    while let Some(first) = rest.chars().next() {
        let len = literal(&mut out, rest, first).unwrap_or_else(|| other(&mut out, rest, first));
        rest = &rest[len..];
    }
    one_of_each_list(out.trim_end().to_owned())
}

/// Puts `?` for a literal or a space for a comment that begins `rest`, and answers how long it was.
fn literal(out: &mut String, rest: &str, first: char) -> Option<usize> {
    let (len, stands_for) = match first {
        '\'' => (quoted(rest, '\''), "?"),
        '"' if is_value(out, rest) => (quoted(rest, '"'), "?"),
        '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), " "),
        '/' if rest.starts_with("/*") => (rest.find("*/").map_or(rest.len(), |at| at + 2), " "),
        '0'..='9' => (number(rest), "?"),
        one if one.is_ascii_whitespace() => (first.len_utf8(), " "),
        _ => return None,
    };
    if stands_for != " " || !(out.is_empty() || out.ends_with(' ')) {
        out.push_str(stands_for);
    }
    Some(len)
}

/// Copies a quoted name, a word or a sign that begins `rest`, and answers how long it was.
fn other(out: &mut String, rest: &str, first: char) -> usize {
    let is_word = |one: char| one.is_alphanumeric() || matches!(one, '_' | '$' | '@' | ':');
    let len = match first {
        '"' => quoted(rest, '"'),
        '`' => quoted(rest, '`'),
        one if is_word(one) => rest.find(|one| !is_word(one)).unwrap_or(rest.len()),
        one => one.len_utf8(),
    };
    out.push_str(&rest[..len]);
    len
}

/// Whether a text in double quotes is a value, as MySQL has them, and no name.
fn is_value(out: &str, rest: &str) -> bool {
    let inner = &rest[1..quoted(rest, '"')];
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let is_name = inner.chars().all(|one| one.is_alphanumeric() || one == '_');
    !is_name || inner.is_empty() || out.trim_end().ends_with(['=', '<', '>'])
}

/// How long the text in quotes at the start of `rest` is, quotes included; doubled and escaped ones are within.
fn quoted(rest: &str, quote: char) -> usize {
    let mut inner = rest.char_indices().skip(1).peekable();
    while let Some((at, one)) = inner.next() {
        let is_doubled = inner.peek().is_some_and(|(_, next)| *next == quote);
        match one {
            '\\' => drop(inner.next()),
            _ if one == quote && is_doubled => drop(inner.next()),
            _ if one == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// How long the number at the start of `rest` is: `42`, `0x2a`, `1.5e-3`.
fn number(rest: &str) -> usize {
    let mut before = ' ';
    let end = rest.find(|one: char| {
        let is_sign = matches!(one, '+' | '-') && matches!(before, 'e' | 'E');
        before = one;
        !(one.is_ascii_alphanumeric() || one == '.' || is_sign)
    });
    end.unwrap_or(rest.len())
}

fn one_of_each_list(mut text: String) -> String {
    for (list, one) in [
        ("?, ?", "?"),
        ("?,?", "?"),
        ("(?), (?)", "(?)"),
        ("(?),(?)", "(?)"),
    ] {
        while text.contains(list) {
            text = text.replace(list, one);
        }
    }
    text
}
