use super::{error, warnings};
use crate::config::tests::toml;

/// Scenario: the store and the shared cache with one thing wrong each.
/// Guarantees: each is refused at the key to change, saying what is wrong.
#[test]
fn databases_are_checked() {
    let cases = [
        (
            "[store]\nurl = \"mysql://db/x\"",
            "store.url",
            "no keys can be kept",
        ),
        (
            "[store]\nurl = \"redis://db\"",
            "store.url",
            "no keys can be kept",
        ),
        ("[store]\nurl = \"lineside.db\"", "store.url", "no scheme"),
        (
            "[store]\nurl = \"sqlite:a.db?mode=ro\"",
            "store.url",
            "options",
        ),
        (
            "[store]\nurl = \"sqlite:a.db\"\npassword = \"x\"",
            "store.password",
            "nobody logs in",
        ),
        (
            "[store]\nurl = \"postgres://me:x@db/x\"\npassword = \"x\"",
            "store.password",
            "holds a password too",
        ),
        ("[store]\npassword = \"x\"", "store.password", "no url"),
        ("[store]\ntls = {}", "store.tls", "no url"),
        (
            "[store]\nurl = \"sqlite:a.db\"\ntls = {}",
            "store.tls",
            "no effect",
        ),
        (
            "[store]\nurl = \"postgres://db/x?sslmode=disable\"\ntls = {}",
            "store.tls",
            "without TLS",
        ),
        (
            "[store]\nurl = \"postgres://db/x\"\ntls.ca_file = \"/nowhere\"",
            "store.tls.ca_file",
            "cannot be read",
        ),
        (
            "[store]\nurl = 5\npassword = \"x\"",
            "store.url",
            "a number",
        ),
        (
            "[cache]\nurl = \"redis-sentinel://s/m\"",
            "cache.url",
            "no answers can be kept",
        ),
        (
            "[cache]\nurl = \"postgres://db/x\"",
            "cache.url",
            "no answers can be kept",
        ),
        (
            "[cache]\nurl = \"redis://db/x\"",
            "cache.url",
            "number of a database",
        ),
        ("[cache]\npassword = \"x\"", "cache.password", "no url"),
        (
            "[cache]\nurl = \"redis://db\"\ntls = {}",
            "cache.tls",
            "no effect",
        ),
        (
            "[cache]\nurl = \"rediss://db\"\ntls.ca_file = \"/nowhere\"",
            "cache.tls.ca_file",
            "cannot be read",
        ),
    ];
    for (text, key, problem) in cases {
        let (found, message) = error(text);
        assert_eq!(found, key, "{message}");
        assert!(message.contains(problem), "{message}");
    }
}

/// Scenario: every kind of database that may be named, with what belongs to it.
/// Guarantees: legal; a password in a URL is warned about, in one of its own it is not.
#[test]
fn databases_of_each_kind_are_legal() {
    for text in [
        "[store]\nurl = \"sqlite:/var/lib/lineside/keys.db\"",
        "[store]\nurl = \"postgres://lineside@db:5432/lineside?sslmode=require\"\npassword = \"x\"\ntls = {}",
        "[cache]\nurl = \"redis://cache:6379/1\"\npassword = \"x\"",
        "[cache]\nurl = \"valkeys://me@cache\"\npassword = \"x\"\ntls = { server_name = \"cache\" }",
    ] {
        assert_eq!(warnings(text), [""; 0], "{text}");
    }
    assert_eq!(
        warnings("[store]\nurl = \"postgres://me:x@db/x\""),
        ["store.url"]
    );
    assert_eq!(warnings("[cache]\nurl = \"redis://:x@db\""), ["cache.url"]);
    toml("[store]\nmigrate = false").loaded();
}
