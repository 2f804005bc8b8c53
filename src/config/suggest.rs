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
