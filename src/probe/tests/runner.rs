//! Runs: when, how long, how many, and what they leave behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::rig::{Does, Rig, Scripted, spec};
use crate::config::ProbesSettings;
use crate::probe::{Look, Reason, Spec, State, Windows};

const SECOND: Duration = Duration::from_secs(1);

fn every_second(name: &str) -> Spec {
    Spec {
        every: SECOND,
        confirm_every: SECOND,
        timeout: SECOND * 3,
        ..spec(name)
    }
}

/// Scenario: a check that hangs for ever, beside one that answers. Guarantees: the first is cut off at its timeout with the
/// phase it hung in, again and again and never twice at the same time; the second keeps its schedule.
#[tokio::test(start_paused = true)]
async fn one_that_hangs_is_cut_off_and_alone() {
    let (hangs, answers) = (Scripted::new(Does::Hangs), Scripted::new(Does::Succeeds));
    let probes = vec![
        (every_second("hangs"), hangs.clone()),
        (every_second("answers"), answers.clone()),
    ];
    let rig = Rig::start(probes);
    sleep(SECOND * 60).await;
    let (hung, answered) = (hangs.runs(), answers.runs());
    assert!((18..=21).contains(&hung), "{hung} runs of 3 s in 60 s");
    assert!(
        (58..=68).contains(&answered),
        "{answered} runs of every second in 60 s"
    );
    assert_eq!(hangs.most.load(Ordering::Relaxed), 1);
    let now = std::time::SystemTime::now();
    let status = rig.probes.board().one("hangs", now).unwrap();
    assert_eq!((status.look, status.state), (Look::Bad, State::Down));
    assert_eq!(
        status.message,
        "no TCP connection within 3s: nothing answers there [timeout, connect]"
    );
    assert!(status.advice.unwrap().contains("firewalls"));
}

/// Scenario: 200 probes, 50 of which hang, and room for 16 checks. Guarantees: never more than 16 are under way, the others
/// run as often as they should, and begin no later than a tenth of a second after they are due once the first have run.
#[tokio::test(start_paused = true)]
async fn those_that_hang_do_not_keep_the_others_waiting() {
    let answers = Scripted::new(Does::TakesFor(Duration::from_millis(20)));
    let hangs = Scripted {
        does: Scripted::new(Does::Hangs).does,
        runs: Arc::default(),
        ..answers.clone()
    };
    let every_ten = |name: String| Spec {
        every: SECOND * 10,
        confirm_every: SECOND * 10,
        timeout: SECOND,
        ..spec(&name)
    };
    let mut probes: Vec<_> = (0..150)
        .map(|number| (every_ten(format!("answers-{number}")), answers.clone()))
        .collect();
    probes.extend((0..50).map(|number| (every_ten(format!("hangs-{number}")), hangs.clone())));
    let settings = ProbesSettings {
        max_concurrent: 16,
        ..ProbesSettings::default()
    };
    let rig = Rig::start_with(probes, settings, Windows::default());
    sleep(SECOND * 20).await;
    let before = answers.runs();
    sleep(SECOND * 100).await;
    let runs = answers.runs() - before;
    assert!(
        (1450..=1700).contains(&runs),
        "{runs} runs of 150 probes in 100 s"
    );
    assert!(answers.most.load(Ordering::Relaxed) <= 16);
    drop(rig);
}

/// Scenario: a check that panics. Guarantees: that is a failed run with the reason `internal`, and the probe runs again.
#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failed_run() {
    let check = Scripted::new(Does::Panics);
    let rig = Rig::start(vec![(every_second("a"), check.clone())]);
    sleep(SECOND * 5).await;
    let status = rig.probes.board().one("a", std::time::SystemTime::now());
    let last = status.unwrap().last.unwrap();
    assert_eq!(last.failure.as_ref().unwrap().reason, Reason::Internal);
    check.now(Does::Succeeds);
    let before = check.runs();
    sleep(SECOND * 5).await;
    assert!(check.runs() >= before + 4);
}

/// Scenario: a dependency dies right after it was looked at. Guarantees: with a threshold of one, that shows within the
/// interval and the timeout, at every jitter; with three, `confirm_every` and the timeout come on top twice.
#[tokio::test(start_paused = true)]
async fn a_death_shows_in_time() {
    for (failures, most) in [(1, 30 + 5), (3, 30 + 5 + 2 * (3 + 5))] {
        let mut probe = spec("a");
        probe.thresholds.failures = failures;
        let check = Scripted::new(Does::Succeeds);
        let rig = Rig::start(vec![(probe, check.clone())]);
        sleep(SECOND * 70).await;
        let ran = check.runs();
        while check.runs() == ran {
            sleep(Duration::from_millis(10)).await;
        }
        check.now(Does::Hangs);
        let died = Instant::now();
        let board = rig.probes.board();
        let state = || board.one("a", std::time::SystemTime::now()).unwrap().state;
        while state() != State::Down {
            sleep(Duration::from_millis(10)).await;
            assert!(died.elapsed() <= SECOND * most + SECOND / 10, "{failures}");
        }
    }
}

/// Scenario: somebody asks for a run between two that are due, and for one of a probe that does not exist. Guarantees: the
/// first is answered once a run that began later has ended, and the schedule goes on; the second is told so.
#[tokio::test(start_paused = true)]
async fn a_run_can_be_asked_for() {
    let check = Scripted::new(Does::TakesFor(SECOND));
    let rig = Rig::start(vec![(spec("a"), check.clone())]);
    sleep(SECOND * 3).await;
    let before = check.runs();
    let asked = Instant::now();
    assert!(rig.probes.board().run("a").await);
    assert_eq!(check.runs(), before + 1);
    assert!(asked.elapsed() >= SECOND);
    assert!(!rig.probes.board().run("b").await);
}

/// Scenario: many ask at the same time. Guarantees: they share runs instead of queueing one each.
#[tokio::test(start_paused = true)]
async fn those_who_ask_together_share_a_run() {
    let check = Scripted::new(Does::TakesFor(SECOND));
    let rig = Rig::start(vec![(spec("a"), check.clone())]);
    sleep(SECOND * 3).await;
    let before = check.runs();
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let board = rig.probes.board();
            tokio::spawn(async move { board.run("a").await })
        })
        .collect();
    for asked in asking {
        assert!(asked.await.unwrap());
    }
    assert!(check.runs() <= before + 2, "{} runs", check.runs() - before);
}

/// Scenario: a child fails while its parent does not, and then because the parent does. Guarantees: the parent is looked
/// at as soon as the child fails, and the child is excused once the parent fails as well.
#[tokio::test(start_paused = true)]
async fn a_parent_is_looked_at_and_excuses() {
    let (vpn, db) = (Scripted::new(Does::Succeeds), Scripted::new(Does::Succeeds));
    let child = Spec {
        parent: Some("vpn".to_owned()),
        every: SECOND * 2,
        ..every_second("db")
    };
    let parent = Spec {
        every: SECOND * 600,
        ..spec("vpn")
    };
    let rig = Rig::start(vec![(parent, vpn.clone()), (child, db.clone())]);
    sleep(SECOND * 5).await;
    db.now(Does::Fails);
    let looked = vpn.runs();
    sleep(SECOND * 10).await;
    assert!(vpn.runs() > looked, "the parent was not looked at");
    let excused = || {
        let status = rig.probes.board().one("db", std::time::SystemTime::now());
        status.unwrap().excused
    };
    assert_eq!(excused(), None);
    vpn.now(Does::Fails);
    sleep(SECOND * 4).await;
    assert!(excused().unwrap().contains("vpn does not work either"));
}

/// Scenario: the agent ends while checks hang. Guarantees: they are cut off at once, and nothing runs any more.
#[tokio::test(start_paused = true)]
async fn the_end_cuts_off_what_hangs() {
    let check = Scripted::new(Does::Hangs);
    let mut rig = Rig::start(vec![(every_second("a"), check.clone())]);
    sleep(SECOND * 2).await;
    let began = Instant::now();
    rig.probes.close().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    tokio::task::yield_now().await;
    assert_eq!(check.under_way.load(Ordering::Relaxed), 0);
    assert!(!rig.probes.board().run("a").await);
}

/// Scenario: a run that succeeds and one that is cut off. Guarantees: each leaves one CLIENT span with the probe's name,
/// kind and own attributes, a child for its phase, and on failure the reason and the sentence.
#[tokio::test(start_paused = true)]
async fn every_run_is_a_span() {
    use opentelemetry::trace::{SpanKind, Status};
    let check = Scripted::new(Does::TakesFor(SECOND));
    let rig = Rig::start(vec![(spec("a"), check.clone())]);
    sleep(SECOND * 3).await;
    check.now(Does::Hangs);
    rig.probes.board().run("a").await;
    let spans = rig.spans();
    let runs: Vec<_> = spans.iter().filter(|span| span.name == "probe a").collect();
    assert_eq!(runs.len(), 2);
    for (run, phase) in runs.iter().zip(["query", "connect"]) {
        assert_eq!(run.span_kind, SpanKind::Client);
        let has = |key: &str, value: &str| {
            let mut attributes = run.attributes.iter();
            attributes.any(|one| one.key.as_str() == key && one.value.as_str() == value)
        };
        assert!(has("lineside.probe.name", "a") && has("lineside.probe.kind", "tcp"));
        let id = run.span_context.span_id();
        let phases = spans.iter().filter(|span| span.parent_span_id == id);
        let phases: Vec<_> = phases.map(|span| span.name.as_ref()).collect();
        assert_eq!(phases, [phase]);
        assert_eq!(has("error.type", "timeout"), phase == "connect");
        assert_eq!(
            matches!(run.status, Status::Error { .. }),
            phase == "connect"
        );
    }
}

/// Scenario: a probe that succeeded and then timed out. Guarantees: the metrics say so: state, last run, counts by reason,
/// and the phase.
#[tokio::test(start_paused = true)]
async fn runs_are_counted() {
    let check = Scripted::new(Does::Succeeds);
    let rig = Rig::start(vec![(every_second("a"), check.clone())]);
    sleep(SECOND * 2).await;
    check.now(Does::Hangs);
    rig.probes.board().run("a").await;
    let text = rig.telemetry.scrape();
    for line in [
        r#"lineside_probe_up{kind="tcp",probe="a"} 1"#,
        r#"lineside_probe_success{kind="tcp",probe="a"} 0"#,
        r#"lineside_probe_phase_duration_seconds{kind="tcp",phase="connect",probe="a"} "#,
        r#"lineside_probe_runs_total{kind="tcp",outcome="failure",probe="a",reason="timeout"} 1"#,
        r#"lineside_probe_duration_seconds_count{kind="tcp",outcome="failure",probe="a"} 1"#,
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
}
