//! `/health/diagnostics` for people.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::items::Items;
use super::selection::{EXPORTS, is_called};
use super::verdict::{Overall, Situation, clock, finding};
use crate::serve::answer::rfc3339;
use crate::serve::{Check, CheckStatus, Phase};

/// Lines end before this column, where their words allow it.
const WIDTH: usize = 120;
/// Cells that are longer stand out of their column.
const MAX_CELL: usize = 40;
const INDENT: &str = "    ";

/// What stands above the checks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) service: &'a str,
    pub(super) version: &'static str,
    pub(super) host: &'a str,
    pub(super) uptime: Duration,
    pub(super) now: SystemTime,
}

/// The whole page.
pub(super) fn page(
    head: &Head<'_>,
    situation: &Situation,
    exports: &BTreeMap<&str, Items>,
) -> String {
    let mut page = Page::default();
    page.line(&first_line(head, situation.overall()));
    if situation.phase != Phase::Running {
        for reason in situation.reasons(Overall::Healthy, head.now) {
            page.wrapped("… ", &reason);
        }
    }
    page.checks(&situation.checks, head.now);
    page.exports(exports);
    // The checks of exports say it as well, where they are shown.
    if !situation
        .checks
        .iter()
        .any(|check| is_called(check, EXPORTS))
    {
        for reason in &situation.stuck {
            page.line(&format!("✗ {reason}"));
        }
    }
    for name in &situation.unknown {
        page.line(&format!("nothing is called {name:?}"));
    }
    page.text
}

fn first_line(head: &Head<'_>, overall: Overall) -> String {
    let Head {
        service,
        version,
        host,
        ..
    } = head;
    let (uptime, now) = (brief(head.uptime), rfc3339(head.now));
    let now = now.replace('T', " ");
    let now = now.split('.').next().unwrap_or_default();
    let overall = overall.word("healthy");
    format!("{service} {version} on {host}, up {uptime}, at {now} UTC: {overall}")
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// What is shown comes from servers as well: none of it may command a terminal or begin a line.
    fn line(&mut self, line: &str) {
        let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
        self.text.extend(line.trim_end().chars().map(printable));
        self.text.push('\n');
    }

    /// `text` below what it is about, behind `mark`, on as many lines as it needs.
    fn wrapped(&mut self, mark: &str, text: &str) {
        let mut line = format!("{INDENT}{mark}");
        let mut is_begun = false;
        for word in text.split_whitespace() {
            if is_begun && length(&line) + 1 + length(word) > WIDTH {
                self.line(&line);
                line = format!("{INDENT}{}", " ".repeat(length(mark)));
            } else if is_begun {
                line.push(' ');
            }
            line.push_str(word);
            is_begun = true;
        }
        self.line(&line);
    }

    fn checks(&mut self, checks: &[Check], now: SystemTime) {
        self.line("");
        if checks.is_empty() {
            self.line(
                "no checks: add one as [probe.orders-db] with url = \"postgres://user@host/name\"",
            );
        }
        let rows: Vec<_> = checks.iter().map(|check| cells(check, now)).collect();
        let lines = aligned(&rows);
        for (check, line) in checks.iter().zip(lines) {
            self.line(&format!("{} {line}", mark(check)));
            if let Some(excused) = &check.excused {
                self.wrapped("excused: ", excused);
            }
            if check.status != CheckStatus::Pass {
                self.wrapped("", finding(check));
            }
            if let Some(advice) = &check.advice {
                self.wrapped("→ ", advice);
            }
        }
    }

    fn exports(&mut self, exports: &BTreeMap<&str, Items>) {
        self.line("");
        if exports.is_empty() {
            self.line("no exports: what is received is shown on /metrics and kept nowhere");
        }
        for (name, items) in exports {
            let Items {
                delivered,
                waiting,
                refused,
                dropped,
                ..
            } = items;
            self.line(&format!(
                "export {name}: {delivered} delivered, {waiting} waiting, {refused} refused, {dropped} dropped"
            ));
        }
    }
}

fn mark(check: &Check) -> char {
    match check.status {
        _ if check.excused.is_some() => '…',
        CheckStatus::Starting => '…',
        CheckStatus::Pass => '✓',
        CheckStatus::Warn => '⚠',
        CheckStatus::Fail => '✗',
    }
}

/// Name, kind, target, how long the last run took, how long ago it was, since when it is so.
fn cells(check: &Check, now: SystemTime) -> [String; 6] {
    let run = check.last_run.as_ref();
    let ago = |at| brief(now.duration_since(at).unwrap_or_default());
    let since = check.since.map(|since| clock(since, now));
    [
        check.name.clone(),
        check.kind.to_owned(),
        check.target.clone(),
        run.map_or("not run".to_owned(), |run| latency(run.took)),
        run.map_or(String::new(), |run| format!("{} ago", ago(run.at))),
        since.map_or(String::new(), |since| format!("since {since}")),
    ]
}

/// Each row as a line, its cells in columns.
fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let lengths = rows.iter().map(|row| length(&row[column]));
        lengths.max().unwrap_or(0).min(MAX_CELL)
    });
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths);
        let padded: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn latency(took: Duration) -> String {
    match took < Duration::from_secs(1) {
        true => format!("{:.1} ms", took.as_secs_f64() * 1000.0),
        false => format!("{:.2} s", took.as_secs_f64()),
    }
}

/// The two greatest units: "2h 5m".
fn brief(duration: Duration) -> String {
    let text = humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string();
    let units: Vec<_> = text.split(' ').take(2).collect();
    units.join(" ")
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::serve::LastRun;

    const NOW: Duration = Duration::from_secs(1_772_366_591);

    fn check(name: &str, status: CheckStatus, message: &str) -> Check {
        let now = UNIX_EPOCH + NOW;
        Check {
            name: name.to_owned(),
            kind: "postgres",
            groups: Vec::new(),
            required: true,
            status,
            excused: None,
            message: message.to_owned(),
            advice: None,
            target: "db:5432/orders".to_owned(),
            since: Some(now - Duration::from_secs(7500)),
            last_run: Some(LastRun {
                at: now - Duration::from_millis(3900),
                took: Duration::from_micros(1250),
                phases: Vec::new(),
                failure: None,
            }),
            next_run: None,
            certificate_ends: None,
            facts: BTreeMap::new(),
        }
    }

    fn checks() -> Vec<Check> {
        let mut down = check(
            "cache",
            CheckStatus::Fail,
            "connection refused [refused, connect]",
        );
        (down.kind, down.target) = ("redis", "cache:6379".to_owned());
        down.advice = Some("Nobody listens at cache:6379. See whether Redis runs there, and whether it listens at that address and not at 127.0.0.1 alone.".to_owned());
        let mut excused = check(
            "legacy-db",
            CheckStatus::Fail,
            "no TCP connection within 5s: nothing answers there",
        );
        excused.excused = Some("maintenance \"night\" until 03:30".to_owned());
        excused.since = Some(UNIX_EPOCH + NOW - Duration::from_secs(90_000));
        excused.last_run = excused.last_run.map(|run| LastRun {
            took: Duration::from_millis(5001),
            ..run
        });
        let mut starting = check("stock-db", CheckStatus::Starting, "not looked at yet");
        (starting.last_run, starting.since) = (None, None);
        vec![
            down,
            excused,
            check("orders-db", CheckStatus::Pass, "answers"),
            starting,
            check(
                "users-db",
                CheckStatus::Warn,
                "95 of 100 connections are in use,\n\u{1b}[2J80 by billing",
            ),
        ]
    }

    fn shown(situation: &Situation, exports: &BTreeMap<&str, Items>) -> String {
        let head = Head {
            service: "lineside",
            version: "1.2.3",
            host: "web-1",
            uptime: Duration::from_secs(7503),
            now: UNIX_EPOCH + NOW,
        };
        page(&head, situation, exports)
    }

    /// Scenario: a check in every state, one of whose messages would clear a terminal, an export that is stuck and one
    /// that is not, and a name that nothing has.
    /// Guarantees: exactly this page; no line is longer than a terminal is wide.
    #[test]
    fn the_page_is_as_people_know_it() {
        let situation = Situation {
            phase: Phase::Running,
            stuck: vec![
                "export \"archive\" has had batches waiting for 6m: connection refused".to_owned(),
            ],
            checks: checks(),
            unknown: vec!["mongo".to_owned()],
        };
        let items = Items {
            delivered: 1204,
            waiting: 3,
            ..Items::default()
        };
        let exports = BTreeMap::from([("archive", Items::default()), ("collector", items)]);
        let page = shown(&situation, &exports);
        assert_eq!(page, include_str!("../tests/diagnostics.txt"), "{page}");
        assert!(page.lines().all(|line| length(line) < 160));
    }

    /// Scenario: an agent that starts, with nothing configured.
    /// Guarantees: the page says that, and what to configure.
    #[test]
    fn an_empty_page_says_what_to_do() {
        let situation = Situation {
            phase: Phase::Starting,
            stuck: Vec::new(),
            checks: Vec::new(),
            unknown: Vec::new(),
        };
        let page = shown(&situation, &BTreeMap::new());
        let lines: Vec<_> = page.lines().collect();
        assert_eq!(
            lines[0],
            "lineside 1.2.3 on web-1, up 2h 5m, at 2026-03-01 12:03:11 UTC: starting"
        );
        assert_eq!(lines[1], "    … the agent is starting");
        assert!(
            lines[3].starts_with("no checks: ") && lines[5].starts_with("no exports: "),
            "{page}"
        );
    }
}
