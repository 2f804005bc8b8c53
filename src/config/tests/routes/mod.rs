mod guards;
mod secrets;
mod stores;

use super::toml;

/// One route, `[route.a]`, to an upstream, and lines below it.
fn route(upstream: &str, lines: &str) -> String {
    format!("[route.a]\nupstream = \"{upstream}\"\n{lines}\n")
}

/// A route to Stripe, and lines below it.
fn stripe(lines: &str) -> String {
    route("https://api.stripe.com", lines)
}

/// The one error of a text, as its key and the whole message.
fn error(text: &str) -> (String, String) {
    let error = toml(text).error();
    assert!(!error.fix.is_empty(), "{error}");
    (error.key.clone(), error.to_string())
}

/// The keys of a text's warnings, besides that nothing is exported.
fn warnings(text: &str) -> Vec<String> {
    let warnings = toml(text).loaded().warnings.into_iter();
    warnings
        .map(|warning| warning.key)
        .filter(|key| key != "export")
        .collect()
}

/// Checks that each line below a route is refused at its key, for its reason.
fn refused(cases: &[(&str, &str, &str)]) {
    for (line, key, problem) in cases {
        let (found, message) = error(&stripe(line));
        assert_eq!(found, format!("route.a.{key}"), "{message}");
        assert!(message.contains(problem), "{message}");
    }
}

/// Scenario: routes whose names, upstreams or TLS cannot be used, one thing wrong each.
/// Guarantees: each is refused at the key to change, saying what is wrong.
#[test]
fn routes_are_checked() {
    let cases = [
        (
            "[route.a]\nprefix = \"/a\"".to_owned(),
            "route.a.upstream",
            "required",
        ),
        (
            "[route.\"a b\"]\nupstream = \"http://c\"".to_owned(),
            "route.a b",
            "a-z",
        ),
        (
            format!(
                "{}[route.a_]\nupstream = \"http://c\"\nprefix = \"/b\"\n[route.a-]\nupstream = \"http://c\"\nprefix = \"/c\"",
                stripe("")
            ),
            "route.a_",
            "environment",
        ),
        (
            route("ftp://c", ""),
            "route.a.upstream",
            "neither http nor https",
        ),
        (
            route("http://me:secret@c", ""),
            "route.a.upstream",
            "headers",
        ),
        (
            route("http://c/a/../b", ""),
            "route.a.upstream",
            "segment . or ..",
        ),
        (route("http://c/a%2e%2e/b", ""), "route.a.upstream", "%"),
        (
            route("http://c/a//b", ""),
            "route.a.upstream",
            "empty segment",
        ),
        (
            route("http://localhost:9000", "reach = \"public\""),
            "route.a.reach",
            "this machine",
        ),
        (
            route(
                "http://c",
                "tls = { ca_file = \"Cargo.toml\" }\nenabled = false",
            ),
            "route.a.tls",
            "http://",
        ),
    ];
    for (text, key, problem) in cases {
        let errors = toml(&text).errors();
        let found = errors.iter().find(|error| error.key == key);
        let message = found
            .unwrap_or_else(|| panic!("{text}: {errors:#?}"))
            .to_string();
        assert!(message.contains(problem), "{message}");
    }
    refused(&[
        (
            "tls.ca_file = \"/nowhere.pem\"",
            "tls.ca_file",
            "cannot be read",
        ),
        (
            "tls.server_name = \"not a name\"",
            "tls.server_name",
            "DNS name",
        ),
    ]);
}

/// Scenario: more routes than there may be.
/// Guarantees: refused once, with the number.
#[test]
fn there_are_only_so_many_routes() {
    let routes = |count: usize| {
        let one = |n| format!("[route.r{n}]\nupstream = \"http://c\"\nprefix = \"/{n}\"\n");
        (0..count).map(one).collect::<String>()
    };
    toml(&routes(1000)).loaded();
    let (key, message) = error(&routes(1001));
    assert_eq!(key, "route");
    assert!(message.contains("1001 routes"), "{message}");
}

/// Scenario: prefixes that are no path, or that two readers could take for two paths.
/// Guarantees: each is refused; plain ones are legal, with a slash at the end or without.
#[test]
fn prefixes_are_plain_paths() {
    let cases = [
        ("", "does not begin with /"),
        ("stripe", "does not begin with /"),
        ("//", "empty segment"),
        ("/a//b", "empty segment"),
        ("//a", "empty segment"),
        ("/a//", "empty segment"),
        ("/.", "segment . or .."),
        ("/a/../b", "segment . or .."),
        ("/..", "segment . or .."),
        ("/a/..", "segment . or .."),
        ("/a/./", "segment . or .."),
        ("/a?b", "query"),
        ("/a#b", "query"),
        ("/%2e%2e/a", "holds %"),
        ("/a%20b", "holds %"),
        ("/a b", "needs encoding"),
        ("/ä", "needs encoding"),
        ("/a;b", "needs encoding"),
        ("/a\\\\b", "needs encoding"),
        ("/a\\u0000", "needs encoding"),
    ];
    for (prefix, problem) in cases {
        let (key, message) = error(&stripe(&format!("prefix = \"{prefix}\"")));
        assert_eq!(key, "route.a.prefix");
        assert!(message.contains(problem), "{prefix}: {message}");
    }
    for prefix in [
        "/",
        "/stripe",
        "/stripe/",
        "/v1/a.b",
        "/...",
        "/.well-known",
        "/~a:@,$",
    ] {
        toml(&stripe(&format!("prefix = \"{prefix}\""))).loaded();
    }
}

/// Scenario: hosts with a port, a scheme, a wildcard, brackets that are missing, or that only look like addresses.
/// Guarantees: each is refused with what to write; names and addresses in every spelling are legal.
#[test]
fn hosts_are_names_or_addresses() {
    let cases = [
        ("", "neither a host name nor an address"),
        ("http://a", "without http://"),
        ("a:80", "without a port"),
        ("10.0.0.5:80", "without a port"),
        ("[::1]:80", "without a port"),
        ("*.example", "no wildcards"),
        ("*", "no wildcards"),
        ("::1", "brackets"),
        ("[a]", "neither"),
        ("a b", "neither"),
        ("a/b", "neither"),
        ("me@a", "neither"),
        ("a..b", "neither"),
        ("ä.example", "neither"),
        ("127.1", "neither"),
        ("0x7f.1", "neither"),
        ("256.1.1.1", "neither"),
    ];
    for (host, problem) in cases {
        let (key, message) = error(&stripe(&format!("hosts = [\"{host}\"]")));
        assert_eq!(key, "route.a.hosts");
        assert!(message.contains(problem), "{host}: {message}");
    }
    for twice in [
        "\"a.b\", \"A.B.\"",
        "\"[::1]\", \"[0:0::1]\"",
        "\"[::ffff:10.0.0.1]\", \"10.0.0.1\"",
    ] {
        let (_, message) = error(&stripe(&format!("hosts = [{twice}]")));
        assert!(message.contains("more than once"), "{message}");
    }
    let legal =
        "hosts = [\"stripe.internal\", \"Shop_1.\", \"10.0.0.5\", \"[fd00::5]\", \"1.example\"]";
    toml(&stripe(legal)).loaded();
}

/// Scenario: routes with the same prefix, the same hosts, both, neither, and one that is disabled.
/// Guarantees: an error exactly where a request could take both, which names the other route.
#[test]
fn two_routes_cannot_take_the_same_requests() {
    let pair = |one: &str, other: &str| {
        format!(
            "{}[route.b]\nupstream = \"http://c\"\n{other}\n",
            stripe(one)
        )
    };
    let twins = [
        ("", ""),
        ("", "prefix = \"/\""),
        ("prefix = \"/a\"", "prefix = \"/a/\""),
        ("hosts = [\"x\"]", "hosts = [\"y\", \"X.\"]"),
        (
            "hosts = [\"x\"]\nprefix = \"/a\"",
            "prefix = \"/a\"\nhosts = [\"x\"]",
        ),
    ];
    for (one, other) in twins {
        let (key, message) = error(&pair(one, other));
        assert_eq!(key, "route.b.prefix");
        assert!(
            message.contains("route.a takes the same requests"),
            "{message}"
        );
    }
    let apart = [
        ("", "prefix = \"/a\""),
        ("", "hosts = [\"x\"]"),
        ("prefix = \"/a\"", "prefix = \"/A\""),
        ("prefix = \"/a\"", "prefix = \"/a/b\""),
        (
            "hosts = [\"x\"]\nprefix = \"/a\"",
            "prefix = \"/a\"\nhosts = [\"y\"]",
        ),
        ("", "enabled = false"),
    ];
    for (one, other) in apart {
        toml(&pair(one, other)).loaded();
    }
    let (key, _) = error(&pair("prefix = 5", ""));
    assert_eq!(key, "route.a.prefix");
}

/// Scenario: methods and header names that are none, that never pass, or that stand twice.
/// Guarantees: each is refused at its list.
#[test]
fn methods_and_headers_are_checked() {
    refused(&[
        ("methods = [\"\"]", "methods", "not a method"),
        ("methods = [\"GE T\"]", "methods", "not a method"),
        ("methods = [\"get\"]", "methods", "Write GET"),
        ("methods = [\"CONNECT\"]", "methods", "never passes"),
        ("methods = [\"TRACE\"]", "methods", "never passes"),
        ("methods = [\"GET\", \"GET\"]", "methods", "more than once"),
        (
            "headers = { \"a b\" = \"x\" }",
            "headers.a b",
            "not a header name",
        ),
        (
            "headers = { Host = \"x\" }",
            "headers.Host",
            "sets this header itself",
        ),
        (
            "headers = { te = \"x\" }",
            "headers.te",
            "sets this header itself",
        ),
        (
            "headers = { x = \"a\\nb\" }",
            "headers.x",
            "no header may hold",
        ),
        ("headers = { x = \"a\", X = \"b\" }", "headers.x", "twice"),
        (
            "drop_request_headers = [\"a b\"]",
            "drop_request_headers",
            "not a header name",
        ),
        (
            "drop_request_headers = [\"Host\"]",
            "drop_request_headers",
            "transport needs",
        ),
        (
            "drop_request_headers = [\"a\", \"A\"]",
            "drop_request_headers",
            "more than once",
        ),
        (
            "drop_answer_headers = [\"Content-Length\"]",
            "drop_answer_headers",
            "transport needs",
        ),
        ("caller = [\"\"]", "caller", "not a header name"),
        ("caller = [\"a\", \"a\"]", "caller", "more than once"),
    ]);
    toml(&stripe(
        "methods = [\"GET\", \"PROPFIND\", \"purge\"]\nheaders = { authorization = \"Bearer x\" }\n\
         drop_request_headers = [\"cookie\"]\ndrop_answer_headers = [\"server\", \"host\"]\ncaller = []",
    ))
    .loaded();
}

/// Scenario: routes that lead to each listener of the agent, by every name of this machine, and past them.
/// Guarantees: each is refused, with the listener's key; the gateway's address is taken only where a route is enabled.
#[test]
fn no_route_leads_to_the_agent_itself() {
    let cases = [
        ("http://127.0.0.1:2272", "", "gateway.listen"),
        ("http://localhost:2272/a", "", "gateway.listen"),
        ("http://0.0.0.0:2272", "", "gateway.listen"),
        (
            "https://[::1]:2272",
            "[gateway]\nlisten = \"[::]:2272\"",
            "gateway.listen",
        ),
        ("http://127.0.0.1:2271", "", "api.listen"),
        ("http://127.0.0.1:4318", "", "receive.http.listen"),
        (
            "http://localhost:80",
            "[gateway]\nlisten = \"0.0.0.0:80\"",
            "gateway.listen",
        ),
        (
            "http://10.0.0.5:81",
            "[gateway]\nlisten = \"10.0.0.5:81\"",
            "gateway.listen",
        ),
    ];
    for (upstream, lines, listener) in cases {
        let (key, message) = error(&route(upstream, lines));
        assert_eq!(key, "route.a.upstream");
        assert!(message.contains(listener), "{message}");
    }
    let legal = [
        ("http://127.0.0.1:2273", ""),
        ("http://127.0.0.2:2272", ""),
        ("https://[::1]:2272", ""),
        ("http://10.0.0.5:2272", ""),
        ("http://10.0.0.6:81", "[gateway]\nlisten = \"10.0.0.5:81\""),
        ("http://127.0.0.1:2272", "enabled = false"),
    ];
    for (upstream, lines) in legal {
        toml(&route(upstream, lines)).loaded();
    }
    let (key, _) = error(&route("http://c", "[gateway]\nlisten = \"127.0.0.1:2271\""));
    assert_eq!(key, "gateway.listen");
    toml("[gateway]\nlisten = \"127.0.0.1:2271\"").loaded();
}

/// Scenario: TLS of the gateway, with and without a route.
/// Guarantees: its files are looked for where it listens.
#[test]
fn the_gateways_tls_is_checked() {
    let tls = "[gateway.tls]\ncert_file = \"/nowhere\"\nkey_file = \"/nowhere\"";
    let errors = toml(&route("http://c", tls)).errors();
    let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
    assert_eq!(keys, ["gateway.tls.cert_file", "gateway.tls.key_file"]);
    toml(tls).loaded();
}

/// Scenario: legal settings of the gateway that show secrets to the network or to strangers.
/// Guarantees: each gives its warning, and the careful setting gives none.
#[test]
fn risky_routes_are_warned_about() {
    let open = "[gateway]\nlisten = \"0.0.0.0:2272\"";
    let secret = "headers = { authorization = \"x\" }";
    let cases = [
        (stripe(secret), &[][..]),
        (route("http://127.0.0.1:9", secret), &[]),
        (route("http://c", ""), &[]),
        (route("http://c", secret), &["route.a.headers"]),
        (
            route("http://c", &format!("{secret}\nenabled = false")),
            &[],
        ),
        (stripe(open), &["gateway.listen"]),
        (stripe(&format!("{secret}\n{open}")), &["gateway.listen"]),
        (format!("{open}\n"), &[]),
    ];
    for (text, keys) in cases {
        assert_eq!(warnings(&text), keys, "{text}");
    }
    let both_disabled = "[receive]\ngrpc = { enabled = false }\nhttp = { enabled = false }";
    assert_eq!(warnings(&stripe(both_disabled)), ["receive"]);
}
