//! Span names without what differs from one span to the next.
//!
//! One series stands for one operation. Instrumentations should name operations, and some name single
//! requests: `GET /users/8231`, `process order 8231`, `SELECT … WHERE id = 42`. What tells such names apart is
//! folded into `{id}`, in SQL into `?`. Names without it stay as they are, byte for byte.
//!
//! In words and path segments these fold into `{id}`:
//!
//! - whole numbers standing alone, and those of four digits and more within a word (`user-7` and `sha256` stay);
//! - UUIDs, hexadecimal numbers of eight digits and more, and those that begin with `0x`;
//! - dates and times, IP addresses, e-mail addresses;
//! - long tokens of mixed letters and digits, as base64, ULIDs and the like;
//! - path segments with percent-encoded characters, which no route has.
//!
//! Lists of such are folded into one. Query strings and path parameters are cut. Placeholders (`{id}`, `:id`,
//! `<id>`, `*`) stay as they are.

mod path;
mod shape;
mod sql;
#[cfg(test)]
mod tests;
mod word;

use std::borrow::Cow;

/// How long a folded name may be, in characters; longer ones end in `…`.
pub const MAX_CHARS: usize = 128;

/// What stands for whatever differs.
const ID: &str = "{id}";

/// Of longer names the rest is not looked at.
const MAX_READ_BYTES: usize = 4096;

/// Cutting a name may make a part of it look like an id. After so many rounds it is left at that.
const MAX_ROUNDS: usize = 8;

/// The route that a server matched: `http.route`, and the request's method.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// `GET`; may be empty.
    pub method: &'a str,
    /// `/users/{id}`; not empty.
    pub path: &'a str,
}

/// The name that spans called `name` are counted under.
///
/// Where the name is raw and the route is known, that is `{method} {route}`, as the semantic conventions for HTTP
/// would have named the span; otherwise it is the name, folded.
pub fn span_name<'a>(name: &'a str, route: Option<Route<'_>>) -> Cow<'a, str> {
    let folded = fold(name);
    match route {
        Some(route) if is_raw(name, &folded, route.path) => {
            let full = format!("{} {}", route.method, route.path);
            fold(full.trim_start()).into_owned().into()
        }
        _ => folded,
    }
}

/// Whether `name` holds a request's path rather than its route.
fn is_raw(name: &str, folded: &str, route: &str) -> bool {
    let has_path = name.starts_with('/') || name.contains(" /") || name.contains("://");
    let has_placeholder = name.contains(['{', '<', '*']) || name.contains("/:");
    !name.contains(route) && (folded != name || has_path && !has_placeholder)
}

/// `name` without what differs from one span to the next, in at most [`MAX_CHARS`] characters. What was folded
/// stays as it is when folded again.
pub fn fold(name: &str) -> Cow<'_, str> {
    if is_plain(name) {
        return Cow::Borrowed(name);
    }
    let mut text = round(&name[..name.floor_char_boundary(MAX_READ_BYTES)]);
    for _ in 0..MAX_ROUNDS {
        let next = round(&text);
        if next == text {
            break;
        }
        text = next;
    }
    match text == name {
        true => Cow::Borrowed(name),
        false => Cow::Owned(text),
    }
}

/// Whether `name` is short and of letters alone, as most names are: then nothing folds.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'.' | b'/');
    // Hexadecimal numbers may be of letters alone.
    let words = name.split([' ', '.', '/']);
    let mut words = words.map(str::len);
    name.len() <= MAX_CHARS && name.bytes().all(is_plain) && words.all(|len| len < 8)
}

fn round(name: &str) -> String {
    let folded = match sql::is_statement(name) {
        true => sql::fold(name),
        false => words(name),
    };
    cut(folded)
}

fn words(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (index, token) in name.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        match token {
            _ if is_protocol(token) => out.push_str(token),
            _ if token.contains('/') => path::fold(&mut out, token),
            _ => word::fold(&mut out, token),
        }
    }
    one_of_each_list(out)
}

/// `HTTP/1.1` and its like: not a path.
fn is_protocol(token: &str) -> bool {
    let name = token.split_once('/').map(|(name, _)| name);
    name.is_some_and(|name| name.eq_ignore_ascii_case("http"))
}

/// Makes one of ids that follow each other, of which there may be any number.
fn one_of_each_list(mut text: String) -> String {
    for list in ["{id},{id}", "{id}, {id}", "{id} {id}"] {
        while text.contains(list) {
            text = text.replace(list, ID);
        }
    }
    text
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        None => text,
        Some(_) => {
            let kept = text.chars().take(MAX_CHARS - 1);
            kept.chain(['…']).collect()
        }
    }
}
