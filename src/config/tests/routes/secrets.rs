use super::{route, stripe};
use crate::config::tests::toml;

/// Scenario: secrets of every setting of the gateway that holds one: in a valid file, and in files where each stands beside
/// something wrong.
/// Guarantees: neither report, nor what the settings print, repeats one.
#[test]
fn secrets_of_routes_are_never_shown() {
    const CANARY: &str = "canary-5f3a9c";
    let valid = format!(
        "{}[store]\nurl = \"postgres://me:{CANARY}@db/x\"\n[cache]\nurl = \"redis://cache\"\npassword = \"{CANARY}\"\n",
        stripe(&format!(
            "headers = {{ authorization = \"Bearer {CANARY}\" }}"
        ))
    );
    let given = toml(&valid);
    let loaded = given.loaded();
    let shown = format!("{}{loaded:?}{loaded:#?}", given.report());
    assert!(
        shown.contains("api.stripe.com") && !shown.contains(CANARY),
        "{shown}"
    );
    let wrong = [
        route(&format!("https://me:{CANARY}@stripe"), ""),
        stripe(&format!("headers = {{ x = \"{CANARY}\\n\" }}")),
        stripe(&format!("headers = {{ host = \"{CANARY}\" }}")),
        format!("[store]\nurl = \"mysql://me:{CANARY}@db/x\""),
        format!("[store]\nurl = \"sqlite:a.db\"\npassword = \"{CANARY}\""),
        format!("[store]\nurl = \"postgres://me:{CANARY}@db/x\"\npassword = \"{CANARY}\""),
        format!("[cache]\npassword = \"{CANARY}\""),
        format!("[cache]\nurl = \"redis://:{CANARY}@db/x\""),
        format!("[cache]\nurl = \"http://me:{CANARY}@db/x\""),
    ];
    for text in wrong {
        let errors = format!("{:?}", toml(&text).errors());
        assert!(!errors.contains(CANARY), "{errors}");
    }
}
