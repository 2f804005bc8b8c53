use super::{error, probe};

/// Scenario: settings that belong to another kind, passwords where nobody logs in or in two places, TLS where there is none.
/// Guarantees: each is refused at its key, and the message says which URL it would need.
#[test]
fn settings_of_another_kind_are_refused() {
    let query = "query.q.sql = \"SELECT 1 AS value\"";
    let cases = [
        (
            "postgres://db/x",
            "http.method = \"GET\"",
            "http",
            "http or https",
        ),
        ("https://shop", query, "query", "postgres, mysql or sqlite"),
        ("redis://cache", "tcp = {}", "tcp", "tcp or tls"),
        (
            "tcp://db:1",
            "grpc.service = \"x\"",
            "grpc",
            "grpc or grpcs",
        ),
        ("http://shop", "dns = {}", "dns", "a url with dns"),
        (
            "mysql://db/x",
            "redis.lists = [\"jobs\"]",
            "redis",
            "redis-sentinel",
        ),
        ("sqlite:x.db", "disk = {}", "disk", "a url with disk"),
        (
            "tcp://db:1",
            "password = \"x\"",
            "password",
            "nobody logs in",
        ),
        (
            "dns:example.org",
            "password = \"x\"",
            "password",
            "nobody logs in",
        ),
        (
            "postgres://app:x@db/x",
            "password = \"x\"",
            "password",
            "too",
        ),
        ("http://shop", "tls = {}", "tls", "no effect"),
        ("redis://cache", "tls = {}", "tls", "redis://"),
        ("sqlite:x.db", "tls = {}", "tls", "sqlite:,"),
        (
            "postgres://db/x?sslmode=disable",
            "tls = {}",
            "tls",
            "without TLS",
        ),
        (
            "mysql://db/x?ssl-mode=DISABLED",
            "tls = {}",
            "tls",
            "without TLS",
        ),
        (
            "redis://cache",
            "redis.sentinels = [\"s:1\"]",
            "redis.sentinels",
            "no sentinel",
        ),
        (
            "redis://cache",
            "redis.server_user = \"x\"",
            "redis.server_user",
            "no sentinel",
        ),
        (
            "redis://cache",
            "redis.server_password = \"x\"",
            "redis.server_password",
            "no sentinel",
        ),
    ];
    for (url, line, key, problem) in cases {
        let (found, message) = error(&probe(url, line));
        assert_eq!(found, format!("probe.a.{key}"), "{message}");
        assert!(message.contains(problem), "{message}");
    }
}

/// Scenario: each kind's own settings with one thing wrong.
/// Guarantees: each is refused at its key, with what to write.
#[test]
fn settings_of_each_kind_are_checked() {
    let cases = [
        (
            "https://shop",
            "http.method = \"G T\"",
            "http.method",
            "no method",
        ),
        (
            "https://shop",
            "http.method = \"CONNECT\"",
            "http.method",
            "no method",
        ),
        (
            "https://shop",
            "http.headers = { \"a b\" = \"x\" }",
            "http.headers.a b",
            "not a header name",
        ),
        (
            "https://shop",
            "http.headers = { Content-Length = \"5\" }",
            "http.headers.Content-Length",
            "transport",
        ),
        (
            "https://shop",
            "http.headers = { a = \"x\", A = \"y\" }",
            "http.headers.a",
            "twice",
        ),
        (
            "https://shop",
            "http.headers = { a = \"x\\ny\" }",
            "http.headers.a",
            "character",
        ),
        (
            "https://u@shop",
            "http.headers = { Authorization = \"x\" }",
            "http.headers.Authorization",
            "user and password",
        ),
        (
            "https://shop",
            "http.status = []",
            "http.status",
            "no answer",
        ),
        (
            "https://shop",
            "http.status = [\"2xx\", \"ok\"]",
            "http.status",
            "\"ok\" is not a status",
        ),
        (
            "https://shop",
            "http.status = [\"299-200\"]",
            "http.status",
            "200-299",
        ),
        (
            "https://shop",
            "http.version = \"3\"",
            "http.version",
            "not known",
        ),
        (
            "https://shop",
            "http.redirects = 21",
            "http.redirects",
            "outside",
        ),
        (
            "https://shop",
            "http.expect_headers = { \"a b\" = \"x\" }",
            "http.expect_headers.a b",
            "not a header name",
        ),
        (
            "https://shop",
            "http.expect_headers = { a = \"(\" }",
            "http.expect_headers.a",
            "unclosed group",
        ),
        (
            "https://shop",
            "http.expect_body = [\"ok\", \"[\"]",
            "http.expect_body",
            "unclosed character class",
        ),
        (
            "https://shop",
            "http.refuse_body = [\"*\"]",
            "http.refuse_body",
            "regular expression",
        ),
        (
            "https://shop",
            "http.expect_json = { \"status\" = \"ok\" }",
            "http.expect_json.status",
            "$.status",
        ),
        (
            "https://shop",
            "http.expect_json = { \"$.a\" = \"(\" }",
            "http.expect_json.$.a",
            "unclosed group",
        ),
        (
            "https://shop",
            "http = { max_body = 0, expect_body = [\"ok\"] }",
            "http.max_body",
            "nothing is read",
        ),
        (
            "tcp://smtp:25",
            "tcp.expect = \"(\"",
            "tcp.expect",
            "unclosed group",
        ),
        (
            "grpc://stock:1",
            "grpc.service = \"shop/Orders\"",
            "grpc.service",
            "name of a service",
        ),
        (
            "grpc://stock:1",
            "grpc.metadata = { grpc-timeout = \"1s\" }",
            "grpc.metadata.grpc-timeout",
            "transport",
        ),
        (
            "grpc://stock:1",
            "grpc.metadata = { te = \"x\" }",
            "grpc.metadata.te",
            "transport",
        ),
        (
            "grpc://stock:1",
            "grpc.metadata = { a-bin = \"!\" }",
            "grpc.metadata.a-bin",
            "base64",
        ),
        (
            "dns:example.org",
            "dns.expect = \"(\"",
            "dns.expect",
            "unclosed group",
        ),
        (
            "dns:example.org",
            "dns.expect_all = true",
            "dns.expect_all",
            "no expect",
        ),
        (
            "redis://cache",
            "redis.lists = [\"jobs\", \"jobs\"]",
            "redis.lists",
            "more than once",
        ),
        (
            "redis://cache",
            "redis.streams = [\"\"]",
            "redis.streams",
            "empty",
        ),
        (
            "redis-sentinel://s/m",
            "redis.sentinels = [\"s2\"]",
            "redis.sentinels",
            "host:port",
        ),
        (
            "redis-sentinel://s/m",
            "redis.sentinels = [\"::1:1\"]",
            "redis.sentinels",
            "host:port",
        ),
        (
            "redis-sentinel://s/m",
            "redis.sentinels = [\"s2:0\"]",
            "redis.sentinels",
            "host:port",
        ),
        (
            "disk:/",
            "disk = { warn_free = 0.1, fail_free = 0.2 }",
            "disk.fail_free",
            "more than warn_free",
        ),
    ];
    for (url, line, key, problem) in cases {
        let (found, message) = error(&probe(url, line));
        assert_eq!(found, format!("probe.a.{key}"), "{message}");
        assert!(message.contains(problem), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}
