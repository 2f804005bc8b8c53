//! Configured queries: their answers become numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Table;
use super::failure::cut;
use crate::config::QuerySettings;
use crate::probe::failure::{Failure, Reason};
use crate::probe::metric::Metric;
use crate::probe::run::Run;

/// A value that is no number is shown up to this length: enough to recognize it, too short to carry a document away.
const MAX_SHOWN_CHARS: usize = 40;

/// A longer attribute is cut.
const MAX_ATTRIBUTE_CHARS: usize = 256;

/// The share of the time left that the server gets for a query.
const QUERY_SHARE: f64 = 0.9;

/// Names that the agent gives; a query must not mix its numbers with those.
const RESERVED: [&str; 2] = ["db.server.", "lineside."];

/// The attribute that every reading has.
const PROBE: &str = "probe";

/// The queries of one probe, in the order of their names.
#[derive(Clone, Debug, Default)]
pub(in crate::probe::kind) struct Queries(Vec<Query>);

impl Queries {
    /// The queries that are configured.
    ///
    /// # Errors
    ///
    /// Says which of them has no value column, or a metric that another one or the agent has.
    pub(in crate::probe::kind) fn new(
        settings: &BTreeMap<String, QuerySettings>,
    ) -> Result<Queries, String> {
        let queries = settings
            .iter()
            .map(|(name, settings)| Query::new(name, settings));
        let queries = Queries(queries.collect::<Result<_, _>>()?);
        let mut seen = BTreeSet::new();
        for metric in queries.metrics() {
            if !seen.insert(metric.name.clone()) {
                return Err(format!(
                    "two queries measure {}: give one of them another `metric`",
                    metric.name
                ));
            }
        }
        Ok(queries)
    }

    /// One after the other.
    pub(in crate::probe::kind) fn iter(&self) -> impl Iterator<Item = &Query> {
        self.0.iter()
    }

    /// A gauge for each value column.
    pub(in crate::probe::kind) fn metrics(&self) -> Vec<Metric> {
        self.iter().flat_map(Query::metrics).collect()
    }
}

/// What the queries of one run came to. One that fails leaves the others what they are.
#[derive(Debug, Default)]
pub(in crate::probe::kind) struct Asked(Option<Failure>);

impl Asked {
    /// Takes in what was answered to `query`. `meaning` says what an error means; it is asked only of the failure that is
    /// told, since it also puts the error's code on the span.
    pub(in crate::probe::kind) fn take(
        &mut self,
        run: &Run,
        query: &Query,
        answer: Result<Table, sqlx::Error>,
        meaning: impl FnOnce(sqlx::Error) -> Failure,
    ) {
        let failed = match answer {
            Ok(table) => query.tell(run, &table).err(),
            Err(error) if self.0.is_none() => Some(query.blame(meaning(error))),
            Err(_) => None,
        };
        self.0 = self.0.take().or(failed);
    }

    /// The first failure, where there was one.
    pub(in crate::probe::kind) fn end(self) -> Result<(), Failure> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Whether the connection is of no use after `error`, so that there is nothing more to ask.
pub(in crate::probe::kind) fn is_lost(error: &sqlx::Error) -> bool {
    !matches!(
        error,
        sqlx::Error::Database(_) | sqlx::Error::ColumnDecode { .. }
    )
}

/// The time that a server gets for a query: a share of what is left, so that it ends the query before the run is cut off.
/// The server's end leaves nothing behind, and says which query it was.
pub(in crate::probe::kind) fn query_time(run: &Run) -> Duration {
    let left = run.timeout().saturating_sub(run.elapsed());
    left.mul_f64(QUERY_SHARE)
}

/// One configured query.
#[derive(Clone, Debug)]
pub(in crate::probe::kind) struct Query {
    name: String,
    sql: String,
    /// The value columns, each with the name of its metric.
    values: Vec<(String, String)>,
    unit: String,
    about: String,
    max_rows: usize,
}

impl Query {
    fn new(name: &str, settings: &QuerySettings) -> Result<Query, String> {
        let metric = settings.metric.as_deref().unwrap_or(name);
        if settings.values.is_empty() {
            return Err(format!(
                "query {name} names no column in `values`, so there is nothing to measure"
            ));
        }
        if let Some(taken) = RESERVED.iter().find(|taken| metric.starts_with(**taken)) {
            return Err(format!(
                "query {name}: names that begin with {taken} are the agent's own; choose another `metric`"
            ));
        }
        let values = settings.values.iter();
        let named = |column: &String| match settings.values.len() {
            1 => metric.to_owned(),
            _ => format!("{metric}.{column}"),
        };
        Ok(Query {
            name: name.to_owned(),
            sql: settings.sql.clone(),
            values: values
                .map(|column| (column.clone(), named(column)))
                .collect(),
            unit: settings.unit.clone(),
            about: settings.about.clone(),
            max_rows: settings.max_rows as usize,
        })
    }

    /// The statement.
    pub(in crate::probe::kind) fn sql(&self) -> &str {
        &self.sql
    }

    /// Rows that are read at most.
    pub(in crate::probe::kind) fn max_rows(&self) -> usize {
        self.max_rows
    }

    fn metrics(&self) -> impl Iterator<Item = Metric> {
        let names = self.values.iter().map(|(_, metric)| metric);
        names.map(|metric| Metric::gauge(metric, &self.unit, &self.about))
    }

    /// `failure` with the query's name before its message.
    pub(in crate::probe::kind) fn blame(&self, failure: Failure) -> Failure {
        Failure {
            message: format!("query {}: {}", self.name, failure.message),
            ..failure
        }
    }

    /// Turns the answer into readings. A NULL among the numbers is left out, and so is an attribute that is NULL. Rows
    /// whose attributes are those of an earlier row are left out with a warning: neither their sum nor the last of them
    /// would be what was asked for.
    ///
    /// # Errors
    ///
    /// [`Reason::Query`] when a value column is missing or holds something else than numbers, or when two columns have the
    /// same name; nothing is read then.
    pub(in crate::probe::kind) fn tell(&self, run: &Run, table: &Table) -> Result<(), Failure> {
        if table.rows.is_empty() {
            return Ok(());
        }
        self.check_columns(&table.columns)?;
        let mut numbers = Vec::new();
        let (mut seen, mut repeated) = (BTreeSet::new(), 0usize);
        for row in &table.rows {
            let attributes = self.attributes(&table.columns, row);
            for (column, metric) in &self.values {
                if let Some(number) = self.number(&table.columns, row, column)? {
                    numbers.push((metric, attributes.clone(), number));
                }
            }
            repeated += usize::from(!seen.insert(attributes));
        }
        let mut told = BTreeSet::new();
        for (metric, attributes, number) in numbers {
            if told.insert((metric, attributes.clone())) {
                let attributes: Vec<_> = attributes
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect();
                run.reading(metric, &attributes, number);
            }
        }
        self.warn(run, table, repeated);
        Ok(())
    }

    fn check_columns(&self, columns: &[String]) -> Result<(), Failure> {
        let wrong = |message: String| Err(self.wrong(message));
        for (column, _) in &self.values {
            if !columns.contains(column) {
                return wrong(format!(
                    "has no column {column} (it has {}): name it so in the statement, or set `values`",
                    columns.join(", ")
                ));
            }
        }
        let mut seen = BTreeSet::new();
        for column in columns {
            if !seen.insert(column) {
                return wrong(format!("has two columns {column}: rename one with AS"));
            }
        }
        match columns.iter().any(|column| column == PROBE) {
            true => wrong(format!(
                "has a column {PROBE}, which is the attribute that names the probe: rename it with AS"
            )),
            false => Ok(()),
        }
    }

    fn attributes<'t>(
        &self,
        columns: &'t [String],
        row: &[Option<String>],
    ) -> Vec<(&'t str, String)> {
        let others = columns
            .iter()
            .zip(row)
            .filter(|(column, _)| !self.values.iter().any(|(value, _)| value == *column));
        others
            .filter_map(|(column, value)| Some((column.as_str(), value.as_deref()?)))
            .map(|(column, value)| (column, cut(value, MAX_ATTRIBUTE_CHARS)))
            .collect()
    }

    fn number(
        &self,
        columns: &[String],
        row: &[Option<String>],
        column: &str,
    ) -> Result<Option<f64>, Failure> {
        let mut named = columns.iter().zip(row).filter(|(name, _)| *name == column);
        let Some((_, Some(text))) = named.next() else {
            return Ok(None);
        };
        match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(self.wrong(format!(
                "the column {column} holds \"{}\", which is not a number: cast it, or leave it out of `values`",
                cut(text, MAX_SHOWN_CHARS)
            ))),
        }
    }

    fn warn(&self, run: &Run, table: &Table, repeated: usize) {
        let name = &self.name;
        if table.more {
            run.warn(format!(
                "query {name} has more than {} rows, and the rest was not read: narrow it down, or raise max_rows",
                table.rows.len()
            ));
        }
        if repeated > 0 {
            run.warn(format!(
                "query {name}: rows with the attributes of an earlier row were left out ({repeated}): group by all \
                 columns that are not values"
            ));
        }
    }

    fn wrong(&self, message: String) -> Failure {
        self.blame(Failure::new(Reason::Query, message))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::probe::run::Found;

    fn settings(change: impl Fn(&mut QuerySettings)) -> QuerySettings {
        let mut settings = QuerySettings::new("SELECT 1".to_owned());
        change(&mut settings);
        settings
    }

    fn table(columns: &[&str], rows: &[&[&str]]) -> Table {
        let value = |text: &&str| (*text != "NULL").then(|| (*text).to_owned());
        Table {
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            rows: rows
                .iter()
                .map(|row| row.iter().map(value).collect())
                .collect(),
            more: false,
        }
    }

    fn told(settings: &QuerySettings, table: &Table) -> Result<Found, Failure> {
        let run = Run::begin(Duration::from_secs(1), http::HeaderMap::new());
        let query = Query::new("queue", settings).unwrap();
        query.tell(&run, table).map(|()| run.take())
    }

    fn shown(found: &Found) -> Vec<String> {
        let pairs = |attributes: &[(std::sync::Arc<str>, std::sync::Arc<str>)]| {
            let pairs = attributes
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join(",")
        };
        let readings = found.readings.iter();
        readings
            .map(|one| format!("{}{{{}}} {}", one.metric, pairs(&one.attributes), one.value))
            .collect()
    }

    /// Scenario: one value column among two others. Guarantees: a reading for each row, named as the query, with the other
    /// columns as attributes; NULL is left out, as number and as attribute.
    #[test]
    fn other_columns_become_attributes() {
        let answer = table(
            &["name", "value", "status"],
            &[
                &["mail", "3", "new"],
                &["mail", "NULL", "old"],
                &["sms", "-1.5e3", "NULL"],
            ],
        );
        let found = told(&settings(|_| ()), &answer).unwrap();
        assert_eq!(
            shown(&found),
            ["queue{name=mail,status=new} 3", "queue{name=sms} -1500"]
        );
        assert_eq!(found.warnings, [""; 0]);
    }

    /// Scenario: two value columns and a metric's name. Guarantees: each column has its metric, in the readings as in the list
    /// of metrics.
    #[test]
    fn several_values_become_several_metrics() {
        let settings = settings(|query| {
            query.metric = Some("jobs".to_owned());
            query.values = vec!["size".to_owned(), "age".to_owned()];
            query.unit = "{job}".to_owned();
        });
        let found = told(&settings, &table(&["size", "age"], &[&["1", "2"]])).unwrap();
        assert_eq!(shown(&found), ["jobs.size{} 1", "jobs.age{} 2"]);
        let metrics = Query::new("queue", &settings).unwrap();
        let names: Vec<_> = metrics
            .metrics()
            .map(|metric| metric.name.to_string())
            .collect();
        assert_eq!(names, ["jobs.size", "jobs.age"]);
    }

    /// Scenario: rows with the same attributes, and more rows than may be read. Guarantees: the first of the same is shown; a
    /// warning says of both what to do.
    #[test]
    fn repeated_and_further_rows_are_warned_of() {
        let mut answer = table(&["name", "value"], &[&["a", "1"], &["a", "2"], &["b", "3"]]);
        answer.more = true;
        let found = told(&settings(|_| ()), &answer).unwrap();
        assert_eq!(shown(&found), ["queue{name=a} 1", "queue{name=b} 3"]);
        let [more, repeated] = found.warnings.as_slice() else {
            panic!("{:?}", found.warnings);
        };
        assert!(
            more.contains("more than 3 rows") && more.contains("max_rows"),
            "{more}"
        );
        assert!(
            repeated.contains("(1)") && repeated.contains("group by"),
            "{repeated}"
        );
    }

    /// Scenario: answers that are not what was configured. Guarantees: the query fails, names itself, the column and what to do,
    /// shows no more than 40 characters of a value, and gives no reading.
    #[test]
    fn answers_that_do_not_fit_fail() {
        let secret = "x".repeat(100);
        let cases = [
            (
                table(&["name"], &[&["a"]]),
                "has no column value (it has name)",
            ),
            (
                table(&["value"], &[&["many"]]),
                "column value holds \"many\", which is not a number",
            ),
            (table(&["value"], &[&["1"], &["NaN"]]), "holds \"NaN\""),
            (table(&["value"], &[&["inf"]]), "holds \"inf\""),
            (table(&["value"], &[&[""]]), "holds \"\""),
            (table(&["value"], &[&[secret.as_str()]]), "xxx…\""),
            (
                table(&["value", "a", "a"], &[&["1", "2", "3"]]),
                "has two columns a",
            ),
            (
                table(&["value", "probe"], &[&["1", "2"]]),
                "has a column probe",
            ),
        ];
        for (answer, expected) in cases {
            let failure = told(&settings(|_| ()), &answer).unwrap_err();
            assert_eq!(failure.reason, Reason::Query);
            let message = &failure.message;
            assert!(
                message.starts_with("query queue: ") && message.contains(expected),
                "{message}"
            );
            assert!(!message.contains(&secret[..41]), "{message}");
        }
    }

    /// Scenario: no rows at all. Guarantees: no reading, and no failure for want of columns.
    #[test]
    fn no_rows_are_no_failure() {
        assert_eq!(
            shown(&told(&settings(|_| ()), &Table::default()).unwrap()),
            [""; 0]
        );
    }

    /// Scenario: settings that cannot work. Guarantees: each is told at the start, with what to change.
    #[test]
    fn queries_that_cannot_work_are_told_at_the_start() {
        let named =
            |metric: &'static str| settings(move |query| query.metric = Some(metric.to_owned()));
        let cases = [
            (
                vec![("a", named("x")), ("b", named("x"))],
                "two queries measure x",
            ),
            (
                vec![("a", settings(|query| query.values.clear()))],
                "names no column",
            ),
            (
                vec![("a", named("db.server.uptime"))],
                "begin with db.server.",
            ),
            (
                vec![("lineside.x", settings(|_| ()))],
                "begin with lineside.",
            ),
        ];
        for (queries, expected) in cases {
            let queries = queries
                .into_iter()
                .map(|(name, query)| (name.to_owned(), query));
            let error = Queries::new(&queries.collect()).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let fine = [
            ("a".to_owned(), settings(|_| ())),
            ("b".to_owned(), settings(|_| ())),
        ];
        assert_eq!(Queries::new(&fine.into()).unwrap().metrics().len(), 2);
    }

    /// Scenario: an attribute of 1000 characters. Guarantees: it is cut.
    #[test]
    fn long_attributes_are_cut() {
        let long = "ä".repeat(1000);
        let found = told(
            &settings(|_| ()),
            &table(&["name", "value"], &[&[&long, "1"]]),
        )
        .unwrap();
        let (_, value) = &found.readings[0].attributes[0];
        assert_eq!(value.chars().count(), 257);
    }
}
