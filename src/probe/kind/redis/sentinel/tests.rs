//! What is made of sentinels, masters and replicas.

use std::time::Duration;

use redis::Value;

use super::places;
use super::replicas::{OwnWord, judge, known};
use super::verdict::{Heard, agreement, master, master_lost};
use super::view::{ReplicaView, View};
use crate::config::{ProbeSettings, ProbeUrl, RedisProbeSettings};
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::kind::redis::replication::{Place, Replica, Role, Upstream};

const LAG: Duration = Duration::from_secs(30);

fn place(host: &str) -> Place {
    Place::of(host, "6379").unwrap()
}

/// A sentinel that names `master`.
fn view(master: &str) -> View {
    View {
        master: place(master),
        flags: "master".to_owned(),
        quorum: 2,
        sentinels: 3,
        no_quorum: None,
        replicas: Vec::new(),
    }
}

fn says(sentinel: &str, view: View) -> Heard {
    Heard {
        sentinel: place(sentinel),
        said: Ok(view),
    }
}

fn silent(sentinel: &str, reason: Reason, phase: Phase) -> Heard {
    let message = format!("{} at {sentinel}", reason.name());
    Heard {
        sentinel: place(sentinel),
        said: Err(Failure {
            phase: Some(phase),
            ..Failure::new(reason, message)
        }),
    }
}

fn refused(sentinel: &str) -> Heard {
    silent(sentinel, Reason::Refused, Phase::Connect)
}

/// Scenario: three that agree; one silent; all but one silent; all silent. Guarantees: agreement; with a warning; below the
/// quorum the failure of the first that is silent, naming each.
#[test]
fn enough_sentinels_must_answer() {
    let all = [
        says("s1", view("m")),
        says("s2", view("m")),
        says("s3", view("m")),
    ];
    let agreed = agreement("shop", &all).unwrap();
    assert_eq!(
        (agreed.master, agreed.quorum, agreed.sentinels),
        (place("m"), 2, 3)
    );
    assert!(agreed.warnings.is_empty());

    let two = [says("s1", view("m")), refused("s2"), says("s3", view("m"))];
    let agreed = agreement("shop", &two).unwrap();
    assert_eq!(agreed.warnings.len(), 1);
    assert!(agreed.warnings[0].contains("the sentinel s2:6379 does not answer"));

    let hung = silent("s3", Reason::Timeout, Phase::Handshake);
    let one = [says("s1", view("m")), hung.clone(), refused("s2")];
    let failure = agreement("shop", &one).unwrap_err();
    assert_eq!(
        (failure.reason, failure.phase),
        (Reason::Timeout, Some(Phase::Handshake))
    );
    assert!(
        failure
            .message
            .contains("s3:6379: timeout at s3; s2:6379: refused at s2")
    );

    let none = [refused("s1"), hung];
    let failure = agreement("shop", &none).unwrap_err();
    assert_eq!(
        (failure.reason, failure.phase),
        (Reason::Refused, Some(Phase::Connect))
    );
    assert_eq!(agreement("shop", &[]).unwrap_err().reason, Reason::Internal);
}

/// Scenario: fewer sentinels configured than the quorum asks for; a quorum beyond all numbers. Guarantees: those that are
/// configured are enough when all of them answer.
#[test]
fn sentinels_that_nobody_named_are_not_missed() {
    let mut huge = view("m");
    huge.quorum = u64::MAX;
    assert!(agreement("shop", &[says("s1", view("m"))]).is_ok());
    assert!(agreement("shop", &[says("s1", huge)]).is_ok());
}

/// Scenario: sentinels that name two masters; one that does not know the group; none that does. Guarantees: disagreement with
/// who says what; a warning; missing.
#[test]
fn sentinels_must_name_one_master() {
    let split = [
        says("s1", view("a")),
        says("s2", view("b")),
        says("s3", view("a")),
    ];
    let failure = agreement("shop", &split).unwrap_err();
    assert_eq!(failure.reason, Reason::Disagreement);
    let words = "s1:6379, s3:6379 say a:6379; s2:6379 says b:6379";
    assert!(failure.message.contains(words), "{}", failure.message);

    let unknown = |sentinel| silent(sentinel, Reason::Missing, Phase::Query);
    let one = [says("s1", view("a")), unknown("s2"), says("s3", view("a"))];
    let warnings = agreement("shop", &one).unwrap().warnings;
    assert!(
        warnings[0].contains("s2:6379 does not tell of the group"),
        "{warnings:?}"
    );
    let failure = agreement("shop", &[unknown("s1"), unknown("s2")]).unwrap_err();
    assert_eq!(
        (failure.reason, failure.phase),
        (Reason::Missing, Some(Phase::Query))
    );
}

/// Scenario: one sentinel, then all of them see too few others. Guarantees: a warning, then unavailable.
#[test]
fn a_quorum_must_be_possible() {
    let mut alone = view("m");
    alone.no_quorum = Some("1 usable".to_owned());
    let one = [says("s1", alone.clone()), says("s2", view("m"))];
    let warnings = agreement("shop", &one).unwrap().warnings;
    assert!(warnings[0].contains("s1:6379: 1 usable"), "{warnings:?}");
    let failure = agreement("shop", &[says("s1", alone.clone()), says("s2", alone)]).unwrap_err();
    assert_eq!(failure.reason, Reason::Unavailable);
}

fn follower_of(host: &str, linked: bool) -> Role {
    Role::Replica(Upstream {
        place: place(host),
        linked,
        silent: Some(Duration::from_secs(7)),
    })
}

/// Scenario: a master that says so, one that follows another, one that says nothing; and sentinels that count it as down.
/// Guarantees: well; disagreement that names the other; protocol; a warning for s_down, a failure for o_down.
#[test]
fn a_master_must_say_that_it_is_one() {
    let with_flags = |flags: &str| {
        let mut view = view("m");
        view.flags = flags.to_owned();
        [says("s1", view)]
    };
    let well = with_flags("master");
    assert_eq!(master(&place("m"), Some(&Role::Primary), &well), Ok(None));
    let failure = master(&place("m"), Some(&follower_of("n", true)), &well).unwrap_err();
    assert_eq!(failure.reason, Reason::Disagreement);
    assert!(
        failure.message.contains("a replica of n:6379"),
        "{}",
        failure.message
    );
    let failure = master(&place("m"), None, &well).unwrap_err();
    assert_eq!(failure.reason, Reason::Protocol);
    let doubted = master(
        &place("m"),
        Some(&Role::Primary),
        &with_flags("s_down,master"),
    );
    assert!(doubted.unwrap().unwrap().contains("not s1:6379 (s_down)"));
    let failure = master(
        &place("m"),
        Some(&Role::Primary),
        &with_flags("s_down,o_down,master"),
    );
    assert_eq!(failure.unwrap_err().reason, Reason::Unavailable);
    // A name that only contains the flag is not the flag.
    let other = with_flags("master,not_o_down");
    assert_eq!(master(&place("m"), Some(&Role::Primary), &other), Ok(None));
}

/// Scenario: a master that cannot be reached, and one that refuses the login. Guarantees: reason and phase stay; what to do
/// about addresses is said of the first only.
#[test]
fn an_address_that_leads_nowhere_is_explained() {
    for (phase, hints) in [
        (Phase::Connect, true),
        (Phase::Resolve, true),
        (Phase::Handshake, false),
    ] {
        let failure = Failure {
            phase: Some(phase),
            ..Failure::new(Reason::Timeout, "nothing")
        };
        let lost = master_lost(&place("172.18.0.3"), failure);
        assert_eq!((lost.reason, lost.phase), (Reason::Timeout, Some(phase)));
        assert!(
            lost.message
                .contains("172.18.0.3:6379 as master, but from here: nothing")
        );
        assert_eq!(lost.message.contains("announce"), hints, "{phase:?}");
    }
}

fn replica(flags: &str, linked: bool, follows: &str) -> ReplicaView {
    ReplicaView {
        place: place("r"),
        flags: flags.to_owned(),
        linked,
        follows: Some(place(follows)),
    }
}

/// Scenario: replicas as they and the sentinels see them: well, astray, taking writes, without a link, silent, counted as
/// down, behind, and not asked. Guarantees: whether each follows, and the words of its trouble.
#[test]
fn replicas_are_judged_by_what_they_say() {
    let says = |role, follows| OwnWord::Says { role, follows };
    let lost = || OwnWord::Silent(Failure::new(Reason::Refused, "connection refused"));
    let (well, down) = (
        replica("slave", true, "m"),
        replica("s_down,slave", true, "m"),
    );
    let stale = replica("slave", false, "m");
    let cases = [
        (&well, says(follower_of("m", true), true), true, None),
        // What a sentinel saw up to ten seconds ago counts less than what the replica says.
        (&stale, says(follower_of("m", true), true), true, None),
        (
            &well,
            says(follower_of("n", true), false),
            false,
            Some("r:6379 follows n:6379, not the master m:6379"),
        ),
        (
            &well,
            says(Role::Primary, false),
            false,
            Some("says that it is a master"),
        ),
        (
            &well,
            says(follower_of("m", false), true),
            false,
            Some("the link to the primary m:6379 is down for 7s"),
        ),
        (
            &well,
            lost(),
            false,
            Some("does not answer (connection refused)"),
        ),
        (
            &down,
            says(follower_of("m", true), true),
            true,
            Some("for the sentinels it is down (s_down,slave)"),
        ),
        (&well, OwnWord::NotAsked, true, None),
        (
            &down,
            OwnWord::NotAsked,
            false,
            Some("is down for the sentinels"),
        ),
        (&stale, OwnWord::NotAsked, false, Some("has no link")),
        (
            &replica("slave", true, "n"),
            OwnWord::NotAsked,
            false,
            Some("follows n:6379"),
        ),
    ];
    for (view, asked, follows, words) in cases {
        let (followed, trouble) = judge(view, &asked, &place("m"), None, LAG);
        assert_eq!(followed, follows, "{view:?} {asked:?}");
        match (words, trouble) {
            (None, trouble) => assert_eq!(trouble, None),
            (Some(words), trouble) => {
                let trouble = trouble.unwrap_or_default();
                assert!(trouble.contains(words), "{trouble:?}");
            }
        }
    }
    let behind = Replica {
        place: place("r"),
        state: "online".to_owned(),
        lag: Some(Duration::from_secs(31)),
        bytes_behind: Some(9),
    };
    let asked = says(follower_of("m", true), true);
    let (follows, trouble) = judge(&well, &asked, &place("m"), Some(&behind), LAG);
    assert!(follows && trouble.unwrap().contains("31s behind"));
}

/// Scenario: two sentinels that know the same replica, one of which counts it as down, and a third one. Guarantees: each once,
/// as the one that worries sees it.
#[test]
fn each_replica_is_known_once() {
    let with = |replicas: &[&ReplicaView]| {
        let mut view = view("m");
        view.replicas = replicas.iter().map(|replica| (*replica).clone()).collect();
        view
    };
    let mut other = replica("slave", true, "m");
    other.place = place("q");
    let (well, down) = (
        replica("slave", true, "m"),
        replica("s_down,slave", false, "m"),
    );
    let heard = [
        says("s1", with(&[&well])),
        says("s2", with(&[&down, &other])),
        says("s3", with(&[&well])),
    ];
    assert_eq!(known(&heard), [other, down]);
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn flat(words: &[&str]) -> Value {
    Value::Array(words.iter().map(|word| bulk(word)).collect())
}

/// Scenario: what a sentinel answers; then with what it needs left out, made negative or of another type. Guarantees: the view;
/// otherwise none, and no panic; a replica that cannot be read is left out.
#[test]
fn answers_of_a_sentinel_are_read() {
    let address = flat(&["10.0.0.1", "6379"]);
    let group = flat(&[
        "ip",
        "10.0.0.1",
        "port",
        "6379",
        "flags",
        "master,s_down",
        "num-other-sentinels",
        "2",
        "quorum",
        "2",
    ]);
    let good = flat(&[
        "ip",
        "10.0.0.2",
        "port",
        "6379",
        "flags",
        "slave",
        "master-link-status",
        "ok",
        "master-host",
        "10.0.0.1",
        "master-port",
        "6379",
    ]);
    let bad = flat(&["ip", "10.0.0.3", "port", "none"]);
    let replicas = Value::Array(vec![good, bad, Value::Nil]);
    let seen = View::of(&address, &group, None, &replicas).unwrap();
    assert_eq!(seen.master, place("10.0.0.1"));
    assert_eq!((seen.quorum, seen.sentinels), (2, 3));
    assert_eq!(seen.flags, "master,s_down");
    let [replica] = &*seen.replicas else {
        panic!("{:?}", seen.replicas);
    };
    assert!(replica.linked && !replica.counts_as_down());
    assert_eq!(replica.follows, Some(place("10.0.0.1")));

    // Of a master that was just chosen, the sentinel has no opinion yet.
    let chosen = flat(&["10.0.0.2", "6379"]);
    let seen = View::of(&chosen, &group, None, &replicas).unwrap();
    assert_eq!((seen.master, &*seen.flags), (place("10.0.0.2"), ""));

    for address in [
        Value::Nil,
        flat(&["10.0.0.1"]),
        flat(&["", "6379"]),
        flat(&["a", "-1"]),
    ] {
        assert_eq!(
            View::of(&address, &group, None, &replicas),
            None,
            "{address:?}"
        );
    }
    for group in [
        Value::Nil,
        flat(&["quorum", "2"]),
        flat(&["num-other-sentinels", "-1", "quorum", "2"]),
        flat(&["num-other-sentinels", "2", "quorum"]),
    ] {
        assert_eq!(
            View::of(&address, &group, None, &replicas),
            None,
            "{group:?}"
        );
    }
    let huge = flat(&["num-other-sentinels", "18446744073709551615", "quorum", "1"]);
    assert_eq!(
        View::of(&address, &huge, None, &Value::Okay)
            .unwrap()
            .sentinels,
        u64::MAX
    );
}

/// Scenario: further sentinels as people write them, some twice, some wrong. Guarantees: each once and in order, that of the URL
/// first; what is not host:port is named.
#[test]
fn sentinels_are_named_by_host_and_port() {
    let named = |sentinels: &[&str]| {
        let url = ProbeUrl::parse("redis-sentinel://s1/shop").unwrap();
        let mut settings = ProbeSettings::new(url);
        settings.redis = Some(RedisProbeSettings {
            sentinels: sentinels.iter().map(|text| text.to_string()).collect(),
            ..RedisProbeSettings::default()
        });
        let places = places::places(&settings)?;
        Ok::<_, String>(places.iter().map(Place::to_string).collect::<Vec<_>>())
    };
    let good = ["s2:26379", "s1:26379", "[fd00::1]:26380", "s2:26379"];
    assert_eq!(
        named(&good).unwrap(),
        ["s1:26379", "s2:26379", "[fd00::1]:26380"]
    );
    for bad in [
        "s2",
        "s2:",
        ":26379",
        "s2:0",
        "s2:65536",
        "fd00::1:26379",
        "redis://s2:26379",
        "u@s2:1",
    ] {
        let error = named(&[bad]).unwrap_err();
        assert!(error.contains(bad), "{error}");
    }
}
