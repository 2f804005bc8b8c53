use super::nothing;

/// Every piece of TOML in a document.
fn pieces(document: &str) -> Vec<&str> {
    let behind = document.split("```toml\n").skip(1);
    behind
        .filter_map(|piece| piece.split("```").next())
        .collect()
}

/// Scenario: every piece of TOML in the README and the documents, with the environment variables that they name.
/// Guarantees: who copies one has a valid configuration.
#[test]
fn the_documents_show_valid_settings() {
    let documents = [
        include_str!("../../../README.md"),
        include_str!("../../../docs/probes.md"),
        include_str!("../../../docs/metrics.md"),
        include_str!("../../../docs/store.md"),
    ];
    let mut checked = 0;
    for piece in documents.into_iter().flat_map(pieces) {
        let variables = piece.split("env = \"").skip(1);
        let variables = variables.filter_map(|text| text.split('"').next());
        let given = variables.fold(
            nothing().with_file("lineside.toml", piece),
            |given, name| given.with_variable(name, "x"),
        );
        given.loaded();
        checked += 1;
    }
    assert!(checked >= 4, "only {checked} pieces");
}
