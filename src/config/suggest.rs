//! "Did you mean …?"

/// The candidate nearest to `word`, if one is near enough to be a likely slip.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    let scored = candidates
        .into_iter()
        .map(|candidate| (likeness(&word, candidate), candidate));
    let best = scored.max_by(|(left, _), (right, _)| left.total_cmp(right));
    best.filter(|(score, _)| *score >= 0.75)
        .map(|(_, candidate)| candidate)
}

/// Between 0 (unlike) and 1 (equal). Jaro-Winkler rates a shared beginning, Damerau-Levenshtein a swapped pair.
fn likeness(word: &str, candidate: &str) -> f64 {
    let candidate = candidate.to_lowercase();
    let edits = strsim::normalized_damerau_levenshtein(word, &candidate);
    edits.max(strsim::jaro_winkler(word, &candidate) - 0.1)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    /// Scenario: slips of the kinds people make, and a word like no other.
    /// Guarantees: the meant word is found; nothing is guessed for the other.
    #[test]
    fn slips_find_their_word() {
        let known = [
            "max_body",
            "max_inflated",
            "header_timeout",
            "retry_after",
            "listen",
        ];
        let cases = [
            ("max_bdoy", Some("max_body")),
            ("max-inflated", Some("max_inflated")),
            ("headerTimeout", Some("header_timeout")),
            ("retry_afer", Some("retry_after")),
            ("LISTEN", Some("listen")),
            ("colour", None),
            ("", None),
        ];
        for (word, meant) in cases {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest("anything", []), None);
    }
}
