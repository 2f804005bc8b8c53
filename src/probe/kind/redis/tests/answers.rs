//! INFO, CLIENT LIST and what is read out of them.

use std::time::Duration;

use super::super::clients::connections;
use super::super::load::{tell_memory, tell_numbers, tell_persistence};
use super::super::replication::{Place, Replica, Role, tell};
use super::{a_run, info, reading};

const LAG: Duration = Duration::from_secs(30);

/// Scenario: INFO with sections, empty values, a name that comes twice, numbers that are none. Guarantees: values by their
/// whole name, the first where it comes twice; only numbers that count something are numbers.
#[test]
fn info_is_read_line_by_line() {
    let info = info(
        "# Server\nredis_version:7.0.15\nconfig_file:\nused_memory:5\nused_memory:6\nused:1\n\
         lag:-1\nhuge:99999999999999999999\nratio:1.5\nslave0:ip=a\nslave_priority:100\nslave7:ip=b\nslavex:c",
    );
    assert_eq!(info.text("redis_version"), Some("7.0.15"));
    assert_eq!(info.text("config_file"), None);
    assert_eq!(info.text("version"), None);
    assert_eq!(info.count("used_memory"), Some(5));
    for none in ["lag", "huge", "ratio", "redis_version", "nothing"] {
        assert_eq!(info.count(none), None, "{none}");
    }
    assert_eq!(info.numbered("slave", 9), ["ip=a", "ip=b"]);
    assert_eq!(info.numbered("slave", 1), ["ip=a"]);
}

/// Scenario: versions as Redis and Valkey write them. Guarantees: Valkey is named so, although it claims a version of Redis
/// too.
#[test]
fn valkey_is_told_from_redis() {
    let valkey = info("redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.0.1");
    assert_eq!(valkey.version(), Some(("valkey", "8.0.1")));
    assert_eq!(
        info("redis_version:6.2.1").version(),
        Some(("redis", "6.2.1"))
    );
    assert_eq!(info("role:master").version(), None);
}

/// Scenario: connections of every kind. Guarantees: by the name that each gave itself, or its library; by what it does;
/// links between servers and sentinels' many names are one application each.
#[test]
fn clients_are_counted_by_application_and_state() {
    let list = "id=1 addr=1 name=billing idle=0 flags=N multi=-1 cmd=get\n\
                id=2 addr=1 name=billing idle=9 flags=N multi=-1\n\
                id=3 addr=1 name=billing idle=9 flags=x multi=2\n\
                id=4 addr=1 name= idle=50 flags=b multi=-1 lib-name=jedis\n\
                id=5 addr=1 name= idle=50 flags=P multi=-1\n\
                id=6 addr=1 name= idle=0 flags=S multi=-1\n\
                id=7 addr=1 name=sentinel-19ce2e50-cmd idle=0 flags=N multi=-1\n\
                id=8 addr=1 name=sentinel-77aa2e50-pubsub idle=3 flags=P multi=-1\n\
                garbage \u{fffd} id=9\n\nid=\n";
    let run = a_run();
    let connections = connections(&info("connected_clients:700"), Some(list));
    connections.tell(&run, 10, 0.8, "do something");
    let found = run.take();
    let mut told: Vec<_> = found
        .readings
        .iter()
        .filter(|reading| &*reading.metric == "db.server.connections")
        .map(|reading| {
            let [application, state] = [0, 1].map(|at| &*reading.attributes[at].1);
            (application, state, reading.value)
        })
        .collect();
    told.sort_by(|one, other| one.partial_cmp(other).unwrap());
    let expected = [
        ("billing", "active", 1.0),
        ("billing", "idle", 1.0),
        ("billing", "idle_in_transaction", 1.0),
        ("jedis", "blocked", 1.0),
        ("replication", "active", 1.0),
        ("sentinel", "active", 1.0),
        ("sentinel", "subscribed", 1.0),
        ("unnamed", "active", 1.0),
        ("unnamed", "subscribed", 1.0),
    ];
    assert_eq!(told, expected);
    let [warning] = &*found.warnings else {
        panic!("{:?}", found.warnings);
    };
    let words = "9 of 10 connections are in use, 3 by billing (1 active, 1 idle, 1 idle in transaction): do something";
    assert_eq!(warning, words);
}

/// Scenario: no list, and numbers as large as they can be. Guarantees: everything that counts against maxclients counts, and
/// nothing overflows.
#[test]
fn connections_without_a_list_are_those_of_info() {
    let counted = |text| connections(&info(text), None).used();
    let all = "connected_clients:5\nconnected_slaves:2\ncluster_connections:4";
    assert_eq!(counted(all), 11);
    let most = u64::MAX;
    let huge =
        format!("connected_clients:{most}\nconnected_slaves:{most}\ncluster_connections:{most}");
    assert_eq!(connections(&info(&huge), None).used(), most);
    assert_eq!(counted("connected_clients:-5"), 0);
}

/// Scenario: memory below and above the share, with and without a limit, with each kind of policy. Guarantees: a warning only
/// above, which says what happens then.
#[test]
fn memory_is_judged_by_its_limit() {
    let cases = [
        (
            "used_memory:95\nmaxmemory:100\nmaxmemory_policy:noeviction",
            Some("writes are refused"),
        ),
        (
            "used_memory:95\nmaxmemory:100\nmaxmemory_policy:allkeys-lru",
            Some("evicted when it is full (allkeys-lru)"),
        ),
        ("used_memory:90\nmaxmemory:100", None),
        ("used_memory:95\nmaxmemory:0", None),
        ("used_memory:-1\nmaxmemory:100", None),
        (
            "used_memory:18446744073709551615\nmaxmemory:1",
            Some("of the memory is in use"),
        ),
    ];
    for (text, expected) in cases {
        let run = a_run();
        tell_memory(&run, &info(text), 0.9);
        let warnings = run.take().warnings;
        match expected {
            Some(words) => assert!(warnings[0].contains(words), "{warnings:?}"),
            None => assert!(warnings.is_empty(), "{warnings:?}"),
        }
    }
}

/// Scenario: snapshots and the append-only file, well and not. Guarantees: a warning for each that is not; nothing about a
/// file that is not in use.
#[test]
fn broken_persistence_is_a_warning() {
    let cases = [
        (
            "rdb_last_bgsave_status:ok\naof_enabled:1\naof_last_write_status:ok",
            0,
        ),
        ("rdb_last_bgsave_status:err", 1),
        (
            "rdb_last_bgsave_status:ok\naof_enabled:0\naof_last_write_status:err",
            0,
        ),
        (
            "rdb_last_bgsave_status:err\naof_enabled:1\naof_last_write_status:err\naof_last_bgrewrite_status:err",
            3,
        ),
    ];
    for (text, count) in cases {
        let run = a_run();
        tell_persistence(&run, &info(text));
        assert_eq!(run.take().warnings.len(), count, "{text}");
    }
}

/// Scenario: counters, one of them negative. Guarantees: told as they are, without the one that is none.
#[test]
fn counters_are_told_as_they_are() {
    let run = a_run();
    tell_numbers(
        &run,
        &info("keyspace_hits:7\nkeyspace_misses:-1\nuptime_in_seconds:60"),
    );
    let mut readings = run.take().readings;
    readings.sort_by(|one, other| one.metric.cmp(&other.metric));
    let told: Vec<_> = readings
        .iter()
        .map(|one| (&*one.metric, one.value))
        .collect();
    assert_eq!(
        told,
        [("db.server.uptime", 60.0), ("redis.keyspace.hits", 7.0)]
    );
}

/// Scenario: a primary with replicas in step, behind, joining, and nonsense. Guarantees: lag in seconds and bytes of each;
/// warnings for those behind and joining; nonsense is left out.
#[test]
fn a_primary_tells_of_its_replicas() {
    let text = "role:master\nmaster_repl_offset:1000\n\
                slave0:ip=10.0.0.1,port=6379,state=online,offset=990,lag=1\n\
                slave1:ip=10.0.0.2,port=6379,state=online,offset=1200,lag=31\n\
                slave2:ip=fd00::3,port=6379,state=send_bulk,offset=0,lag=-1\n\
                slave3:ip=,port=6379,state=online,offset=1,lag=1\n\
                slave4:ip=10.0.0.4,port=99999,state=online,offset=1,lag=1\n\
                slave5:ip=10.0.0.1,port=6379,state=online,offset=990,lag=1";
    let replicas = Replica::all(&info(text));
    let found: Vec<_> = replicas
        .iter()
        .map(|replica| {
            (
                replica.place.to_string(),
                replica.lag_ms(),
                replica.bytes_behind,
            )
        })
        .collect();
    let expected = [
        ("10.0.0.1:6379".to_owned(), Some(1000), Some(10)),
        ("10.0.0.2:6379".to_owned(), Some(31_000), Some(0)),
        ("[fd00::3]:6379".to_owned(), None, Some(1000)),
    ];
    assert_eq!(found, expected);
    let run = a_run();
    tell(&run, &info(text), LAG);
    let found = run.take();
    assert_eq!(found.facts["role"], "primary");
    let warnings = &found.warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].contains("10.0.0.2:6379 is 31s behind"),
        "{warnings:?}"
    );
    assert!(
        warnings[1].contains("[fd00::3]:6379 is not in step yet (send_bulk)"),
        "{warnings:?}"
    );
}

/// Scenario: a primary that claims a million replicas. Guarantees: the first of them are told of.
#[test]
fn replicas_are_limited() {
    let lines = (0..100_000).map(|number| {
        let [high, low] = [number / 250, number % 250];
        format!(
            "slave{number}:ip=10.0.{}.{low},port={},state=online,offset=1,lag=1\n",
            high % 250,
            1 + high
        )
    });
    let text = format!("role:master\n{}", lines.collect::<String>());
    assert_eq!(Replica::all(&info(&text)).len(), 20);
}

/// Scenario: a replica whose link stands, is silent, is down for a time, never stood. Guarantees: the lag of itself; a warning
/// where it is down or silent for longer than a primary ever is; a primary that has nothing to say is no lag.
#[test]
fn a_replica_tells_of_its_primary() {
    let up = "role:slave\nmaster_host:db-1\nmaster_port:6379\nmaster_link_status:up\nmaster_last_io_seconds_ago:";
    let down = "role:slave\nmaster_host:db-1\nmaster_port:6379\nmaster_link_status:down\nmaster_link_down_since_seconds:";
    let short = Duration::from_secs(1);
    for (text, warn, lag, words) in [
        (format!("{up}2"), LAG, Some(2.0), None),
        (format!("{up}9"), short, Some(9.0), None),
        (
            format!("{up}11"),
            short,
            Some(11.0),
            Some("nothing was heard of the primary db-1:6379 for 11s"),
        ),
        (format!("{up}11"), LAG, Some(11.0), None),
        (
            format!("{down}75"),
            LAG,
            Some(75.0),
            Some("the link to the primary db-1:6379 is down for 1m 15s"),
        ),
        (
            format!("{down}-1"),
            LAG,
            None,
            Some("the link to the primary db-1:6379 is down:"),
        ),
        (
            format!("{down}18446744073709551615"),
            LAG,
            Some(u64::MAX as f64),
            Some("is down for"),
        ),
    ] {
        let run = a_run();
        tell(&run, &info(&text), warn);
        let found = run.take();
        let warnings = &found.warnings;
        match words {
            Some(words) => assert!(warnings[0].contains(words), "{warnings:?}"),
            None => assert!(warnings.is_empty(), "{text}: {warnings:?}"),
        }
        let own = [("replica", "self")];
        assert_eq!(
            reading(&found, "db.server.replication.lag", &own),
            lag,
            "{text}"
        );
    }
}

/// Scenario: INFO of a sentinel, of a stranger, of a replica that names no primary. Guarantees: no role is made up.
#[test]
fn a_role_is_not_made_up() {
    for text in [
        "redis_mode:sentinel",
        "role:king",
        "role:slave\nmaster_host:\nmaster_port:1",
        "",
    ] {
        assert_eq!(Role::of(&info(text)), None, "{text}");
    }
    assert_eq!(Role::of(&info("role:master")), Some(Role::Primary));
}

/// Scenario: places as strangers may write them. Guarantees: ports are ports, names are short and without control characters.
#[test]
fn places_are_places() {
    assert_eq!(Place::of("db-1", "0"), None);
    assert_eq!(Place::of("", "1"), None);
    assert_eq!(Place::of("db-1", "-1"), None);
    let long = "x".repeat(5000);
    assert_eq!(Place::of(&long, "1").unwrap().host.len(), 253);
    assert_eq!(Place::of("a\r\nb", "1").unwrap().to_string(), "ab:1");
}
