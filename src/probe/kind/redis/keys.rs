//! Lists and streams: how long they are, and how far each consumer group is behind.

use std::collections::BTreeSet;

use redis::Value;

use super::connection::Connection;
use super::numbers::{GROUP_LAG, GROUP_PENDING, LIST_LENGTH, STREAM_LENGTH};
use super::refusal::clipped;
use super::resp::{Answer, Command, count, field, items, text};
use crate::config::RedisProbeSettings;
use crate::probe::failure::Failure;
use crate::probe::run::Run;

/// Groups of one stream that are told of.
const MAX_GROUPS: usize = 50;

/// No more of a group's name is shown.
const MAX_NAME_CHARS: usize = 128;

/// The keys that are looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    lists: BTreeSet<String>,
    streams: BTreeSet<String>,
}

impl Keys {
    /// Those that are configured.
    pub(super) fn of(settings: &RedisProbeSettings) -> Keys {
        Keys {
            lists: settings.lists.iter().cloned().collect(),
            streams: settings.streams.iter().cloned().collect(),
        }
    }

    /// What to ask. The answers belong to [`Keys::tell`].
    pub(super) fn questions(&self) -> Vec<Command> {
        let lists = self.lists.iter().map(|key| Command::new(&["LLEN", key]));
        let streams = self.streams.iter().flat_map(|key| {
            [
                Command::new(&["XLEN", key]),
                Command::new(&["XINFO", "GROUPS", key]),
            ]
        });
        lists.chain(streams).collect()
    }

    /// Tells what was answered to [`Keys::questions`].
    pub(super) fn tell(
        &self,
        run: &Run,
        connection: &Connection<'_>,
        answers: Vec<Answer>,
    ) -> Result<(), Failure> {
        let mut answers = answers.into_iter();
        for (key, answer) in self.lists.iter().zip(answers.by_ref()) {
            let length = connection.granted(answer)?;
            read_length(run, LIST_LENGTH, key, &length);
        }
        for key in &self.streams {
            let (Some(length), Some(groups)) = (answers.next(), answers.next()) else {
                return Ok(());
            };
            let length = connection.granted(length)?;
            read_length(run, STREAM_LENGTH, key, &length);
            match groups {
                // A stream that nobody has written to yet.
                Err(refusal) if refusal.detail().contains("no such key") => {}
                groups => read_groups(run, key, &connection.granted(groups)?),
            }
        }
        Ok(())
    }
}

fn read_length(run: &Run, metric: &str, key: &str, length: &Value) {
    if let Some(length) = count(length) {
        run.reading(metric, &[("key", key)], length as f64);
    }
}

/// `XINFO GROUPS`. Before Redis 7 there is no lag, and after some deletions the server cannot tell it.
fn read_groups(run: &Run, key: &str, groups: &Value) {
    let mut told = BTreeSet::new();
    for group in items(groups).iter().take(MAX_GROUPS) {
        let name = field(group, "name").and_then(text);
        let name = clipped(&name.unwrap_or_default(), MAX_NAME_CHARS);
        if !told.insert(name.clone()) {
            continue;
        }
        let of_it = [("key", key), ("group", &*name)];
        for (metric, value) in [
            (GROUP_LAG, field(group, "lag")),
            (GROUP_PENDING, field(group, "pending")),
        ] {
            if let Some(value) = value.and_then(count) {
                run.reading(metric, &of_it, value as f64);
            }
        }
    }
}
