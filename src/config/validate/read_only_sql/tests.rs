use super::{Dialect, check};

use Dialect::{Mysql, Postgres, Sqlite};

const ALL: &[Dialect] = &[Postgres, Mysql, Sqlite];

/// Scenario: statements that read, with words that write wherever they mean something else: in texts, comments, quoted
/// names, behind dots, as columns, aliases, functions and names of WITH; in every dialect's quotes.
/// Guarantees: all are taken.
#[test]
fn what_reads_is_taken() {
    let cases: &[(&[Dialect], &str)] = &[
        (ALL, "SELECT 1"),
        (ALL, "select count(*) AS value from jobs;"),
        (ALL, " ;SELECT 1".trim_start_matches([' ', ';'])),
        (ALL, "SELECT 1 ; ; -- done\n"),
        (ALL, "-- DELETE FROM jobs;\nSELECT 1"),
        (ALL, "/* DROP TABLE jobs; */ SELECT 1 /* INTO */"),
        (ALL, "SELECT 'DELETE FROM jobs; it''s fine' AS value"),
        (ALL, "SELECT \"update\", \"into\" FROM jobs"),
        (
            ALL,
            "SELECT jobs.update, jobs . delete, jobs.into FROM jobs",
        ),
        (ALL, "SELECT replace(name, 'a', 'b') FROM jobs"),
        (
            ALL,
            "SELECT (replace(name, 'a', 'b')), (insert(name, 1, 2, 'x')) FROM jobs",
        ),
        (
            ALL,
            "SELECT count(*) AS update, max(id) AS delete FROM jobs",
        ),
        (
            ALL,
            "SELECT 1 WHERE (update IS NOT NULL) AND (delete OR insert)",
        ),
        (
            ALL,
            "SELECT updated, inserted, selected_into, into_, drop_off FROM jobs",
        ),
        (ALL, "WITH x AS (SELECT 1) SELECT * FROM x"),
        (
            ALL,
            "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 9) SELECT count(*) FROM x",
        ),
        (
            ALL,
            "WITH a AS (SELECT 1), update AS (SELECT 2), delete AS (SELECT 3) SELECT 4",
        ),
        (ALL, "WITH update AS (SELECT 1) SELECT * FROM update"),
        (ALL, "WITH x AS (SELECT 1) SELECT count(*) replace FROM x"),
        (ALL, "WITH x(update, set) AS (SELECT 1, 2) SELECT * FROM x"),
        (ALL, "WITH x AS (SELECT 1) (SELECT 2)"),
        (ALL, "(SELECT 1) UNION ALL (SELECT 2)"),
        (ALL, "((SELECT 1))"),
        (ALL, "VALUES (1), (2)"),
        (
            ALL,
            "SELECT (SELECT max(id) FROM jobs) FROM (SELECT 1) AS delete",
        ),
        (
            ALL,
            "SELECT substring(name, 1, 3) FROM jobs WHERE id BETWEEN 1 AND 2.5e3",
        ),
        (ALL, "EXPLAIN SELECT replace(a, b, c) FROM jobs"),
        (
            ALL,
            "SELECT rank() OVER w FROM jobs WINDOW w AS (PARTITION BY kind)",
        ),
        (ALL, "SELECT CAST(update AS int) FROM jobs"),
        (ALL, "SELECT 'ü', naïve FROM größe"),
        (&[Postgres], "TABLE jobs"),
        (&[Postgres], "SHOW server_version"),
        (&[Postgres], "SELECT substring(name FOR 3) FROM jobs"),
        (&[Postgres], "SELECT E'it\\'s; DELETE' AS value, e'\\\\'"),
        (&[Postgres], "SELECT 'a\\' AS value"),
        (&[Postgres], "SELECT E'\\'; DELETE FROM jobs; --'"),
        (&[Postgres], "SELECT U&'d\\0061t', B'01', x'1f', N'n'"),
        (
            &[Postgres],
            "SELECT $$DELETE; it's$$, $tag$ $$ INTO $other$ $tag$",
        ),
        (&[Postgres], "SELECT a$b$ FROM jobs WHERE id = $1"),
        (&[Postgres], "/* a /* DROP */ b */ SELECT 1"),
        (
            &[Postgres],
            "SELECT data #>> '{a}', data #- '{b}', tags @> '{x}' FROM jobs",
        ),
        (
            &[Postgres],
            "SELECT id::text, extract(epoch FROM now()) FROM jobs",
        ),
        (&[Postgres], "EXPLAIN (FORMAT JSON, VERBOSE) SELECT 1"),
        (
            &[Postgres],
            "SELECT * FROM json_to_record('{}') AS (update int, delete text)",
        ),
        (
            &[Postgres],
            "WITH x AS NOT MATERIALIZED (SELECT 1) SELECT 2",
        ),
        (
            &[Postgres],
            "WITH RECURSIVE t AS (SELECT 1 AS id) SEARCH DEPTH FIRST BY id SET o SELECT * FROM t",
        ),
        (&[Mysql], "# DROP TABLE jobs\nSELECT 1"),
        (&[Mysql], "SELECT `update`, `in``to` FROM jobs"),
        (
            &[Mysql],
            "SELECT 'it\\'s; DELETE', \"say \\\"DROP\\\"\", \"x\"\"y\"",
        ),
        (&[Mysql], "SELECT 5--3"),
        (&[Mysql], "SELECT @@global.max_connections, @update"),
        (&[Mysql], "SELECT /*+ MAX_EXECUTION_TIME(100) */ 1"),
        (&[Mysql], "SELECT _utf8mb4'DROP' COLLATE utf8mb4_bin"),
        (&[Mysql], "SHOW GLOBAL STATUS LIKE 'Threads%'"),
        (&[Mysql], "SHOW REPLICA STATUS"),
        (&[Mysql], "DESCRIBE jobs"),
        (&[Mysql], "EXPLAIN FORMAT=TREE SELECT 1"),
        (&[Mysql], "TABLE jobs LIMIT 1"),
        (&[Sqlite], "SELECT [delete from], `into` FROM jobs"),
        (&[Sqlite], "SELECT 'a\\' FROM jobs"),
        (&[Sqlite], "PRAGMA page_count"),
        (&[Sqlite], "PRAGMA table_info(jobs);"),
        (&[Sqlite], "PRAGMA quick_check(1)"),
        (
            &[Sqlite],
            "SELECT freelist_count FROM pragma_freelist_count",
        ),
        (&[Sqlite], "EXPLAIN QUERY PLAN SELECT 1"),
    ];
    for (dialects, sql) in cases {
        for dialect in *dialects {
            assert_eq!(check(sql, *dialect), Ok(()), "{dialect:?}: {sql}");
        }
    }
}

/// Scenario: statements that write, lock, run code, end the transaction or come in company; those that hide in WITH, in
/// brackets, behind comments and in comments that MySQL executes; and what no database would take.
/// Guarantees: each is refused with a reason that names the word.
#[test]
fn what_writes_is_refused() {
    let cases: &[(&[Dialect], &str, &str)] = &[
        (ALL, "", "is empty"),
        (ALL, " ; -- nothing\n;", "is empty"),
        (ALL, "INSERT INTO jobs VALUES (1)", "INSERT"),
        (ALL, "update jobs set done = 1", "UPDATE"),
        (ALL, "DeLeTe FROM jobs", "DELETE"),
        (ALL, "MERGE INTO jobs USING x ON true", "MERGE"),
        (ALL, "REPLACE INTO jobs VALUES (1)", "REPLACE"),
        (ALL, "/* report */ -- daily\nDELETE FROM jobs", "DELETE"),
        (ALL, "((DELETE FROM jobs))", "DELETE"),
        (ALL, "CREATE TABLE x (id int)", "changes the database"),
        (ALL, "ALTER TABLE jobs ADD x int", "ALTER"),
        (ALL, "DROP TABLE jobs", "DROP"),
        (ALL, "TRUNCATE jobs", "TRUNCATE"),
        (ALL, "GRANT SELECT ON jobs TO app", "changes rights"),
        (ALL, "REVOKE ALL ON jobs FROM app", "REVOKE"),
        (ALL, "COPY jobs TO PROGRAM 'sh'", "COPY"),
        (ALL, "CALL clean()", "CALL"),
        (ALL, "DO SLEEP(5)", "DO"),
        (ALL, "EXECUTE clean", "EXECUTE"),
        (ALL, "PREPARE x FROM 'DELETE FROM jobs'", "PREPARE"),
        (
            ALL,
            "SET default_transaction_read_only = off",
            "changes the session",
        ),
        (ALL, "LOCK TABLE jobs", "LOCK"),
        (ALL, "BEGIN", "transactions"),
        (ALL, "COMMIT", "transactions"),
        (ALL, "ROLLBACK", "transactions"),
        (ALL, "END", "transactions"),
        (ALL, "VACUUM", "VACUUM"),
        (ALL, "ATTACH DATABASE 'x' AS y", "ATTACH"),
        (ALL, "REINDEX jobs", "REINDEX"),
        (ALL, "EXPLAIN ANALYZE SELECT 1", "EXPLAIN ANALYZE"),
        (ALL, "EXPLAIN DELETE FROM jobs", "DELETE"),
        (ALL, "SELECT 1; DELETE FROM jobs", "more than one"),
        (ALL, "SELECT 1; SELECT 2", "more than one"),
        (ALL, "COMMIT; DROP TABLE jobs", "more than one"),
        (ALL, "SELECT * INTO copy FROM jobs", "INTO"),
        (ALL, "SELECT 1INTO copy", "INTO"),
        (ALL, "SELECT 1.INTO copy", "INTO"),
        (ALL, "SELECT 'a'INTO copy", "INTO"),
        (ALL, "SELECT * FROM jobs FOR UPDATE", "locks rows"),
        (
            ALL,
            "SELECT * FROM jobs FOR/**/UPDATE SKIP LOCKED",
            "locks rows",
        ),
        (
            ALL,
            "SELECT * FROM (SELECT * FROM jobs FOR SHARE) AS x",
            "locks rows",
        ),
        (
            ALL,
            "WITH x AS (SELECT 1) DELETE FROM jobs",
            "DELETE behind WITH",
        ),
        (
            ALL,
            "WITH x AS (SELECT 1) UPDATE jobs SET id = 1",
            "UPDATE behind WITH",
        ),
        (
            ALL,
            "WITH x AS (SELECT 1) INSERT INTO jobs SELECT 1",
            "INSERT behind WITH",
        ),
        (
            ALL,
            "WITH x(n) AS (SELECT 1), y AS (SELECT 2) REPLACE INTO jobs SELECT 1",
            "REPLACE behind WITH",
        ),
        (
            ALL,
            "WITH x AS (WITH y AS (SELECT 1) DELETE FROM jobs) SELECT 1",
            "DELETE behind WITH",
        ),
        (
            ALL,
            "(WITH x AS (SELECT 1) DELETE FROM jobs)",
            "DELETE behind WITH",
        ),
        (
            ALL,
            "WITH x AS (DELETE FROM jobs RETURNING *) SELECT * FROM x",
            "DELETE in brackets",
        ),
        (
            ALL,
            "WITH x AS (INSERT INTO jobs VALUES (1)) SELECT 1",
            "INSERT in brackets",
        ),
        (
            ALL,
            "WITH x AS (UPDATE ONLY jobs j SET id = 1 RETURNING *) TABLE x",
            "UPDATE in brackets",
        ),
        (
            ALL,
            "WITH x AS (UPDATE \"jobs\" SET id = 1) TABLE x",
            "UPDATE in brackets",
        ),
        (
            ALL,
            "WITH x AS ((MERGE INTO jobs USING y ON true)) SELECT 1",
            "MERGE in brackets",
        ),
        (ALL, "PANCAKE", "neither SELECT"),
        (ALL, "5", "neither SELECT"),
        (ALL, "'SELECT'", "neither SELECT"),
        (ALL, "SELECT (1", "( without its )"),
        (ALL, "SELECT 1)", ") without its ("),
        (ALL, "SELECT 'a", "' without its second"),
        (ALL, "SELECT \"a", "\" without its second"),
        (ALL, "SELECT 1 /* a", "comment without an end"),
        (ALL, "SELECT '\0'", "NUL"),
        (
            &[Postgres],
            "WITH x AS NOT MATERIALIZED (DELETE FROM jobs) SELECT 1",
            "DELETE in brackets",
        ),
        (
            &[Postgres],
            "SELECT * FROM jobs FOR NO KEY UPDATE",
            "locks rows",
        ),
        (
            &[Postgres],
            "SELECT * FROM jobs FOR KEY SHARE",
            "locks rows",
        ),
        (
            &[Postgres],
            "EXPLAIN (VERBOSE, ANALYZE) SELECT 1",
            "EXPLAIN ANALYZE",
        ),
        (
            &[Postgres],
            "SELECT 'a\\'; DELETE FROM jobs; --'",
            "more than one",
        ),
        (&[Postgres], "SELECT $a$ x", "without its end"),
        (&[Postgres], "SELECT $a$ x $a$ INTO y", "INTO"),
        (&[Postgres], "/* /* */ SELECT 1", "comment without an end"),
        (&[Postgres], "PRAGMA page_count", "neither SELECT"),
        (
            &[Postgres, Mysql],
            "WITH x AS (SELECT 1) SELECT * INTO y FROM x",
            "INTO",
        ),
        (
            &[Mysql],
            "SELECT * FROM jobs LOCK IN SHARE MODE",
            "locks rows",
        ),
        (&[Mysql], "SELECT * FROM jobs INTO OUTFILE '/tmp/x'", "INTO"),
        (&[Mysql], "SELECT 1 /*! INTO @x */", "executes"),
        (&[Mysql], "/*!50000 DELETE FROM jobs */", "executes"),
        (&[Mysql], "SELECT 1 /*M!100000 INTO @x */", "executes"),
        (&[Mysql], "SELECT 1 --\n; DELETE FROM jobs", "more than one"),
        (&[Mysql], "SELECT 1 --1; DELETE FROM jobs", "more than one"),
        (
            &[Mysql],
            "SELECT 'a\\'' ; DELETE FROM jobs",
            "more than one",
        ),
        (&[Mysql], "/* /* */ DELETE FROM jobs", "DELETE"),
        (&[Mysql], "LOAD DATA INFILE 'x' INTO TABLE jobs", "LOAD"),
        (&[Mysql], "HANDLER jobs OPEN", "HANDLER"),
        (&[Mysql], "ANALYZE FORMAT=JSON SELECT 1", "ANALYZE"),
        (&[Mysql], "KILL 5", "KILL"),
        (&[Sqlite], "PRAGMA journal_mode = delete", "PRAGMA"),
        (&[Sqlite], "PRAGMA user_version(5)", "PRAGMA"),
        (&[Sqlite], "PRAGMA wal_checkpoint", "PRAGMA"),
        (&[Sqlite], "PRAGMA optimize", "PRAGMA"),
        (&[Sqlite], "SELECT [a", "without its end"),
        (&[Sqlite], "SHOW TABLES", "neither SELECT"),
        (&[Sqlite], "/* /* */ DELETE FROM jobs", "DELETE"),
    ];
    for (dialects, sql, reason) in cases {
        for dialect in *dialects {
            let refused = check(sql, *dialect).expect_err(sql);
            assert!(refused.contains(reason), "{dialect:?}: {sql}: {refused}");
        }
    }
}

/// Scenario: a password in a text of a statement that is refused.
/// Guarantees: no reason repeats it.
#[test]
fn reasons_repeat_no_text() {
    for sql in [
        "DELETE FROM jobs WHERE name = 'canary5f3a9c'",
        "SELECT 'canary5f3a9c",
        "SELECT $canary5f3a9c$ x",
        "canary5f3a9c",
        "SELECT 'canary5f3a9c'; SELECT 2",
        "PRAGMA key = 'canary5f3a9c'",
    ] {
        for dialect in ALL {
            if let Err(reason) = check(sql, *dialect) {
                assert!(!reason.contains("canary"), "{sql}: {reason}");
            }
        }
    }
}

/// Scenario: statements put together at random from parts that mean something, and cut anywhere; and brackets in their
/// thousands.
/// Guarantees: nothing panics, and what begins with a word that writes is never taken, whatever follows.
#[test]
fn random_text_never_panics() {
    const PARTS: [&str; 40] = [
        "SELECT", "WITH", "x", "AS", "(", ")", "DELETE", "FROM", "UPDATE", "SET", "'", "''", "\"",
        "`", "\\", "$", "$$", "$a$", "--", "/*", "*/", "/*!", "#", "\n", ";", ",", ".", "1", "E'",
        "[", "]", "ö", "٣", "@", ":", "INTO", "FOR", "EXPLAIN", "PRAGMA", " ",
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..60_000 {
        let count = random.usize(0..14);
        let parts: String = (0..count)
            .map(|_| PARTS[random.usize(0..PARTS.len())])
            .collect();
        let cut = parts
            .char_indices()
            .map(|(at, _)| at)
            .nth(random.usize(0..30));
        for dialect in ALL {
            let _ = check(&parts[..cut.unwrap_or(parts.len())], *dialect);
            assert!(
                check(&format!("DELETE {parts}"), *dialect).is_err(),
                "{parts}"
            );
        }
    }
    let deep = format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(check(&deep, Postgres), Ok(()));
}
