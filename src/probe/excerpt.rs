//! What the other side sent, as messages show it.

use crate::config::Secret;

/// A shorter word of a secret is likely to stand in an answer for other reasons.
const SHORTEST_WORD_BYTES: usize = 4;
/// Words that stand before a credential (RFC 9110, section 11).
const SCHEMES: [&str; 4] = ["basic", "bearer", "digest", "token"];
/// What stands between names and values in forms, JSON and cookies.
const BETWEEN_PARTS: [char; 11] = ['=', '&', ';', ',', ':', '"', '{', '}', '[', ']', '?'];
const HIDDEN: &str = "[secret]";

/// Shows text of the other side: cut, without characters that a terminal or page would act on, and without the secrets
/// that were sent there, which some servers repeat.
#[derive(Clone, Debug, Default)]
pub(super) struct Excerpts {
    words: Vec<Secret>,
}

impl Excerpts {
    /// Hides each word of `secrets`, and each part of a word, as the value in `token=value`.
    pub(super) fn without<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Excerpts {
        let words = secrets.into_iter().flat_map(|secret| {
            let words = secret.expose().split_ascii_whitespace();
            let parts =
                words.flat_map(|word| std::iter::once(word).chain(word.split(BETWEEN_PARTS)));
            parts.filter(|part| part.len() >= SHORTEST_WORD_BYTES && !is_scheme(part))
        });
        let words = words.map(Secret::new).collect();
        Excerpts { words }
    }

    /// At most about `max_chars` characters of `text`, with an ellipsis where more follows.
    pub(super) fn of(&self, text: &str, max_chars: usize) -> String {
        let (mut shown, mut count, mut rest) = (String::new(), 0, text);
        while let Some(next) = rest.chars().next() {
            if count >= max_chars {
                shown.push('…');
                break;
            }
            if let Some(length) = self.hidden_at(rest) {
                shown.push_str(HIDDEN);
                count += HIDDEN.len();
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            let before = shown.len();
            show(next, &mut shown);
            count += shown.len().saturating_sub(before).max(1);
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
        shown
    }

    /// As [`Excerpts::of`], of bytes that may be anything.
    pub(super) fn of_bytes(&self, bytes: &[u8], max_chars: usize) -> String {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.of(text, max_chars),
            Err(_) => self.of(&bytes.escape_ascii().to_string(), max_chars),
        }
    }

    /// How many bytes at the beginning of `text` are a secret, or the beginning of one that was cut off there.
    fn hidden_at(&self, text: &str) -> Option<usize> {
        let words = self.words.iter().map(Secret::expose);
        let found = words.filter_map(|word| {
            let whole = text.starts_with(word);
            let cut = text.len() >= SHORTEST_WORD_BYTES && word.starts_with(text);
            (whole || cut).then_some(word.len().min(text.len()))
        });
        found.max()
    }
}

fn is_scheme(word: &str) -> bool {
    SCHEMES
        .iter()
        .any(|scheme| scheme.eq_ignore_ascii_case(word))
}

/// Quotes and backslashes as they are, what is not visible as an escape.
fn show(letter: char, to: &mut String) {
    match letter {
        '"' | '\'' | '\\' => to.push(letter),
        _ => to.extend(letter.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: texts that are short, long, hostile, binary or empty. Guarantees: visible characters alone, and never many
    /// more of them than asked for.
    #[test]
    fn texts_are_cut_and_visible() {
        let cases: [(&[u8], usize, &str); 8] = [
            (b"", 10, ""),
            (b"+PONG", 10, "+PONG"),
            (b"a\"b'c\\d", 10, "a\"b'c\\d"),
            (b"220 hi\r\n\x1b[2J", 40, "220 hi\\r\\n\\u{1b}[2J"),
            ("a\u{202e}b\u{200b}".as_bytes(), 40, "a\\u{202e}b\\u{200b}"),
            (b"0123456789", 4, "0123…"),
            ("grüße".as_bytes(), 10, "grüße"),
            (b"\xff\x00ok", 40, "\\xff\\x00ok"),
        ];
        for (bytes, max, shown) in cases {
            assert_eq!(Excerpts::default().of_bytes(bytes, max), shown);
        }
        let hostile = "\u{202e}".repeat(1 << 20);
        let shown = Excerpts::default().of(&hostile, 100);
        assert!(shown.chars().count() <= 100 + 10, "{shown}");
    }

    /// Scenario: a server repeats what it was sent, whole, in part, several times, cut off. Guarantees: no word of a secret is
    /// shown, whatever stands round it; short words, which are no secrets, are.
    #[test]
    fn secrets_are_not_shown() {
        let secrets = ["Bearer tok-12345", "AUTH app pässwörd\r\n"].map(Secret::new);
        let excerpts = Excerpts::without(&secrets);
        let cases = [
            ("you sent tok-12345!", "you sent [secret]!"),
            ("tok-12345tok-12345", "[secret][secret]"),
            ("app: pässwörd", "app: [secret]"),
            ("it was tok-12", "it was [secret]"),
            ("it was tok", "it was tok"),
            ("token-12345", "token-12345"),
            ("Bearer realm", "Bearer realm"),
        ];
        for (text, shown) in cases {
            assert_eq!(excerpts.of(text, 100), shown);
        }
        assert_eq!(excerpts.of("aaaatok-12345", 6), "aaaa[secret]");
        assert!(!format!("{excerpts:?}").contains("tok"));
    }
}
