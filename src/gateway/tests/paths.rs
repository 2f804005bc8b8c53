//! What the upstream is asked for.

use http::Uri;
use proptest::prelude::*;

use super::plan;
use crate::config::EncodedSlash;
use crate::gateway::path::{BadPath, Path};
use crate::gateway::plan::Plan;

fn target(plan: &Plan, asked: &str) -> Result<String, BadPath> {
    let uri: Uri = asked.parse().unwrap();
    let path = Path::read(uri.path())?;
    Ok(plan.target(path, &uri)?.to_string())
}

/// Scenario: paths through routes with and without a prefix, a path at the upstream, and `strip_prefix`.
/// Guarantees: what follows the prefix stands behind the upstream's path, query included, and nothing is doubled or lost.
#[test]
fn paths_are_joined() {
    let cases = [
        ("", None, true, "/", "/"),
        ("", None, true, "/a//b/?c=%2F", "/a//b/?c=%2F"),
        ("/v1", None, true, "/", "/v1/"),
        ("/v1/", None, true, "/a?b", "/v1/a?b"),
        ("", Some("/p"), true, "/p", "/"),
        ("", Some("/p"), true, "/p?b", "/?b"),
        ("", Some("/p"), true, "/p/", "/"),
        ("", Some("/p"), true, "/p//x", "//x"),
        ("", Some("/p"), false, "/p/x?", "/p/x?"),
        ("/v1", Some("/p"), true, "/p", "/v1"),
        ("/v1", Some("/p"), true, "/p/x/", "/v1/x/"),
        ("/v1", Some("/p"), false, "/p/x", "/v1/p/x"),
    ];
    for (base, prefix, strips, asked, gets) in cases {
        let plan = plan(&format!("http://up:1{base}"), |route| {
            route.prefix = prefix.map(str::to_owned);
            route.strip_prefix = strips;
        });
        assert_eq!(
            target(&plan, asked).unwrap(),
            gets,
            "{base} {prefix:?} {asked}"
        );
    }
}

/// Scenario: an encoded slash on routes that refuse it and let it pass.
/// Guarantees: as the route says; a dot segment behind one never passes.
#[test]
fn encoded_slashes_are_for_the_route_to_say() {
    let refuses = plan("http://up", |_| {});
    let passes = plan("http://up", |route| {
        route.encoded_slash = EncodedSlash::Pass
    });
    for asked in ["/a%2Fb", "/a%5cb"] {
        assert_eq!(target(&refuses, asked), Err(BadPath::EncodedSlash));
        assert_eq!(target(&passes, asked).unwrap(), asked);
    }
    assert_eq!(target(&passes, "/a%2f..%2fb"), Err(BadPath::DotSegment));
    assert_eq!(target(&refuses, "/a%252Fb").unwrap(), "/a%252Fb");
}

const PIECES: &str = "/|//|\\.|\\.\\.|%2e|%2E|%2f|%5c|;|\\\\|%25|%00|%|@|:|#|a|p|v1|evil\\.example|http:|ä| |\\[|\\]";

proptest! {
    /// Scenario: any text as a target, through routes of every shape.
    /// Guarantees: what is sent on names no authority of its own, begins with the upstream's path, and holds no dot segment for whoever
    /// decodes it once.
    #[test]
    fn whatever_is_asked_leads_below_the_upstream(
        parts in proptest::collection::vec(PIECES, 0..10),
        query in proptest::option::of("[!-~]{0,8}"),
        base in prop_oneof![Just(""), Just("/v1"), Just("/v1/x")],
        prefix in prop_oneof![Just(None), Just(Some("/p")), Just(Some("/p/a"))],
        strips in any::<bool>(),
        passes in any::<bool>(),
    ) {
        let plan = plan(&format!("http://up:1{base}"), |route| {
            route.prefix = prefix.map(str::to_owned);
            route.strip_prefix = strips;
            route.encoded_slash = if passes { EncodedSlash::Pass } else { EncodedSlash::Refuse };
        });
        let text = prefix.unwrap_or_default().to_owned() + &parts.concat();
        let text = match &query {
            Some(query) => format!("{text}?{query}"),
            None => text,
        };
        let Ok(uri) = text.parse::<Uri>() else { return Ok(()) };
        let Ok(path) = Path::read(uri.path()) else { return Ok(()) };
        if !plan.prefix.fits(path.raw()) {
            return Ok(());
        }
        let Ok(sent) = plan.target(path, &uri) else { return Ok(()) };
        prop_assert!(sent.scheme().is_none() && sent.authority().is_none(), "{}", sent);
        prop_assert!(sent.path().starts_with('/'));
        let rest = sent.path().strip_prefix(base);
        prop_assert!(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')), "{}", sent);
        prop_assert_eq!(sent.query(), uri.query());
        let decoded = percent_encoding::percent_decode_str(sent.path()).decode_utf8_lossy();
        for segment in decoded.split(['/', '\\']) {
            let name = segment.split(';').next().unwrap();
            prop_assert!(name != "." && name != "..", "{}", sent);
        }
    }
}
