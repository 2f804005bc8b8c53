use super::*;

/// Scenario: names that people and instrumentations give to operations.
/// Guarantees: they stay as they are, byte for byte.
#[test]
fn good_names_stay_byte_for_byte() {
    let table = [
        "",
        "GET",
        "GET /",
        "GET /api/v2/users",
        "GET /users/{id}",
        "GET /users/:id",
        "GET /users/:id?",
        "GET /users/<int:pk>",
        "/static/*",
        "HTTP/1.1",
        "HTTP/2",
        "HTTP GET",
        "oauth2",
        "v1",
        "oauth2 callback v1",
        "s3.PutObject",
        "S3.ListObjectsV2",
        "DynamoDB.GetItem",
        "ListObjectsV2ForCustomerAccountWithRetries",
        "grpc.health.v1.Health/Check",
        "shop.v1.OrderService/PlaceOrder",
        "orders process",
        "orders publish",
        "SELECT shop.orders",
        "SELECT orders",
        "INSERT INTO orders",
        "SELECT * FROM orders WHERE id = ?",
        "SELECT * FROM orders WHERE id = $1",
        "select name from users where id = :id",
        "sha256",
        "base64 decode",
        "eu-west-1",
        "my-service-name-v2-prod-eu-west-1",
        "process order",
        "UsersController#show",
        "App\\Http\\Controllers\\UserController@index",
        "com.example.OrderService.placeOrder",
        "redis.GET",
        "defaced facade",
        "http://payments:8080/charge",
        "größe berechnen",
        "処理する",
        "x509 verify",
        "log4j2.flush",
        "utf-8",
        "C++20 modules",
        "top-10",
        "v1.2.3",
        "middleware - jsonParser",
        "tcp.connect",
        "render_template",
        "/healthz",
        "/api/v1/namespaces/{namespace}/pods",
    ];
    for name in table {
        assert_eq!(fold(name), name);
    }
}

/// Scenario: names with ids of every sort, in paths, in words, in statements.
/// Guarantees: the ids fold, and what is around them stays.
#[test]
fn ids_fold() {
    let table = [
        ("GET /users/8231", "GET /users/{id}"),
        ("GET /users/7/orders/12", "GET /users/{id}/orders/{id}"),
        ("users/8231", "users/{id}"),
        ("GET /users/8231?x=1&y=2", "GET /users/{id}"),
        ("GET /search?q=shoes", "GET /search"),
        ("/a;jsessionid=1A2B/b", "/a"),
        ("GET /search/red%20shoes", "GET /search/{id}"),
        (
            "GET /o/550e8400-e29b-41d4-a716-446655440000/items",
            "GET /o/{id}/items",
        ),
        ("user-550e8400-e29b-41d4-a716-446655440000", "user-{id}"),
        ("GET /c/5f3e9c1ab2", "GET /c/{id}"),
        ("GET /c/deadbeef", "GET /c/{id}"),
        ("blob 0x1F", "blob {id}"),
        ("GET /files/app.3f2a9c1b.js", "GET /files/app.{id}.js"),
        ("GET /t/01ARZ3NDEKTSV4RRFFQ69G5FAV", "GET /t/{id}"),
        ("GET /v/dQw4w9WgXcQ", "GET /v/{id}"),
        ("GET /k/Zk3-9fQ_x2LmN8-pR4tV", "GET /k/{id}"),
        ("token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "token {id}"),
        ("mail to ann.lee+x@example.org", "mail to {id}"),
        ("report 2024-01-31", "report {id}"),
        ("report-2024-01-31.csv", "report-{id}.csv"),
        ("tick 2024-01-31T10:00:00.000Z", "tick {id}"),
        ("tick 12:30:59", "tick {id}"),
        ("connect 10.0.3.17:5432", "connect {id}"),
        ("GET http://10.0.3.17:8080/a/1", "GET http://{id}/a/{id}"),
        ("GET https://bob:pw@host/x", "GET https://{id}/x"),
        ("ping fe80::1:2b", "ping {id}"),
        ("process order 8231", "process order {id}"),
        ("process order #8231", "process order #{id}"),
        ("process order-8231", "process order-{id}"),
        ("process order8231", "process order{id}"),
        ("iso-8859-15", "iso-{id}-15"),
        ("order:8231 (retry=3)", "order:{id} (retry={id})"),
        ("fetch 1,2,3, 4 5", "fetch {id}"),
        ("job 1700000000123ms", "job {id}"),
        (
            "SELECT * FROM orders WHERE id = 42 AND name = 'O''Neil \\' x'",
            "SELECT * FROM orders WHERE id = ? AND name = ?",
        ),
        (
            "select a from t where id in (1, 2,3)\n  limit 10 -- for ann",
            "select a from t where id in (?) limit ?",
        ),
        (
            "INSERT INTO t2 (a, b) VALUES (1, 'x'), (2, 'y')",
            "INSERT INTO t2 (a, b) VALUES (?)",
        ),
        (
            "/* trace=77 */ UPDATE t SET a=0x1f, b=-1.5e-3 WHERE \"k\" = \"v\"",
            "UPDATE t SET a=?, b=-? WHERE \"k\" = ?",
        ),
        ("DELETE FROM t WHERE k='unclosed", "DELETE FROM t WHERE k=?"),
    ];
    for (name, expected) in table {
        assert_eq!(fold(name), expected, "{name}");
    }
}

/// Scenario: server spans with a route, under good, raw, and half-raw names.
/// Guarantees: raw names give way to method and route; good ones stay.
#[test]
fn the_route_names_raw_spans() {
    let table = [
        ("GET /users/8231", "GET", "/users/{id}", "GET /users/{id}"),
        (
            "GET /users/ann",
            "GET",
            "/users/{name}",
            "GET /users/{name}",
        ),
        ("/users/ann", "", "/users/{name}", "/users/{name}"),
        ("GET /users/{id}", "GET", "/users/:id", "GET /users/{id}"),
        ("GET /users/:id", "GET", "/users/:id", "GET /users/:id"),
        ("GET /api/users", "GET", "/users", "GET /api/users"),
        ("GET", "GET", "/users/{id}", "GET"),
        ("list users", "GET", "/users", "list users"),
        ("user 8231", "GET", "/users/{id}", "GET /users/{id}"),
        ("GET /a/8231", "GET", "/b/77", "GET /b/{id}"),
        ("GET /a/8231", "GET", "/", "GET /a/{id}"),
    ];
    for (name, method, path, expected) in table {
        let route = Some(Route { method, path });
        assert_eq!(span_name(name, route), expected, "{name} {path}");
    }
}

/// Scenario: names longer than a label should be, of one byte or more a character.
/// Guarantees: they are cut at a character, and say so.
#[test]
fn long_names_are_cut() {
    for one in ["ab-", "ü", "語", "a/"] {
        let folded = fold(&one.repeat(3000)).into_owned();
        assert_eq!(folded.chars().count(), MAX_CHARS);
        assert!(folded.ends_with('…'));
    }
    let just = "ab-".repeat(42);
    assert_eq!(fold(&just), just);
}

/// Scenario: random names made of what names are made of, and of anything.
/// Guarantees: what is folded stays when folded again, within the length; nothing panics.
#[test]
fn folding_again_changes_nothing() {
    const PARTS: [&str; 36] = [
        "GET",
        " ",
        "/",
        "users",
        "8231",
        "7",
        "-",
        "_",
        ".",
        ":",
        "{id}",
        "{",
        "}",
        "?",
        "=",
        "'",
        "\"",
        "(",
        ")",
        ",",
        "select ",
        " from ",
        "where id = ",
        "deadbeef01",
        "a@b.org",
        "2024-01-31",
        "T10:00",
        "10.0.0.1",
        "dQw4w9WgXcQ",
        "ü",
        "…",
        "%20",
        "://",
        "--",
        "/*",
        "\\",
    ];
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let parts = (0..rng.usize(..30)).map(|_| match rng.u8(..20) {
            0 => rng.char(..).to_string(),
            _ => PARTS[rng.usize(..PARTS.len())].to_owned(),
        });
        let name: String = parts.collect();
        let folded = fold(&name).into_owned();
        assert!(folded.chars().count() <= MAX_CHARS);
        assert_eq!(fold(&folded), folded, "{name:?}");
    }
}

/// Scenario: ten thousand requests that differ in their ids.
/// Guarantees: each sort of them has one name.
#[test]
fn ids_of_any_value_make_one_name() {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..10_000 {
        let (number, long) = (rng.u32(..), rng.u128(..));
        names.insert(fold(&format!("GET /users/{number}")).into_owned());
        names.insert(fold(&format!("GET /objects/{long:032x}")).into_owned());
        names.insert(fold(&format!("load {number} for {}", rng.u8(..))).into_owned());
        names.insert(fold(&format!("SELECT a FROM b WHERE c = {number}")).into_owned());
    }
    let expected = [
        "GET /objects/{id}",
        "GET /users/{id}",
        "SELECT a FROM b WHERE c = ?",
        "load {id} for {id}",
    ];
    assert!(names.iter().eq(expected), "{names:?}");
}
