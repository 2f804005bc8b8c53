//! Words: what stands between spaces, or between the slashes of a path.

use super::{ID, shape};

/// Appends `text` with its ids folded.
pub(super) fn fold(out: &mut String, text: &str) {
    let mut rest = text;
    // Whether what was read last binds the next to it: `-` does, `=` does not.
    let mut bound = false;
    while let Some(first) = rest.chars().next() {
        let len = if let Some(len) = placeholder(rest) {
            out.push_str(&rest[..len]);
            bound = true;
            len
        } else if first.is_alphanumeric() {
            let len = part(out, rest, bound);
            bound = true;
            len
        } else {
            out.push(first);
            bound = !is_edge(first);
            first.len_utf8()
        };
        rest = &rest[len..];
    }
}

/// Characters that part one value from the next.
fn is_edge(one: char) -> bool {
    !matches!(one, '-' | '_' | '.' | '+' | '$' | '*' | '…' | '~')
}

/// How long a placeholder is at the start of `text`: `{name}`, `<name>`, `:name`.
fn placeholder(text: &str) -> Option<usize> {
    let close = match text.as_bytes().first()? {
        b'{' => '}',
        b'<' => '>',
        b':' => {
            let name = &text[1..];
            let end = name.find(|one: char| !one.is_ascii_alphabetic() && one != '_');
            let len = end.unwrap_or(name.len());
            return (len > 0 && end.is_none()).then_some(len + 1);
        }
        _ => return None,
    };
    let (name, _) = text[1..].split_once(close)?;
    let begins =
        name.starts_with(|one: char| one.is_ascii_alphabetic() || matches!(one, '_' | '*'));
    let is_name = |one: char| one.is_ascii_alphanumeric() || "_.:*?-".contains(one);
    (begins && name.chars().all(is_name)).then_some(name.len() + 2)
}

/// Appends what begins `text`, which is a letter or a digit, and answers how long it was.
fn part(out: &mut String, text: &str, bound: bool) -> usize {
    if let Some(len) = shape::long_id(text, bound) {
        out.push_str(ID);
        return len;
    }
    let end = text.find(|one: char| !one.is_alphanumeric());
    let atom = &text[..end.unwrap_or(text.len())];
    let after = text[atom.len()..].chars().next();
    let stands_alone = !bound && after.is_none_or(is_edge);
    atom_to(out, atom, stands_alone);
    atom.len()
}

fn atom_to(out: &mut String, atom: &str, stands_alone: bool) {
    let digits_first = atom.len()
        - atom
            .trim_start_matches(|one: char| one.is_ascii_digit())
            .len();
    let digits_last = atom.len()
        - atom
            .trim_end_matches(|one: char| one.is_ascii_digit())
            .len();
    if digits_first == atom.len() && (stands_alone || digits_first >= 4) {
        out.push_str(ID);
    } else if digits_first == atom.len() {
        out.push_str(atom);
    } else if shape::is_hex(atom) || shape::is_random(atom) || digits_first >= 4 {
        out.push_str(ID);
    } else if digits_last >= 4 {
        out.push_str(&atom[..atom.len() - digits_last]);
        out.push_str(ID);
    } else {
        out.push_str(atom);
    }
}
