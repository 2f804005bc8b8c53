//! The agent's own metrics under their classic names.

use super::rules::{self, Rule};
use crate::series::exposition::{OwnFamily, OwnSeries};
use crate::series::naming::Strategy;
use crate::series::store::{Reading, Value};

/// How the registry's exporter names metrics, whatever is set for received ones.
const STRATEGY: Strategy = Strategy::UnderscoreEscapingWithSuffixes;

/// Adds the classic names of the agent's own families.
pub fn add_own(families: &mut Vec<OwnFamily>) {
    let rules = rules::all().into_iter();
    let classic: Vec<_> = rules.filter_map(|rule| classic(families, &rule)).collect();
    families.extend(classic);
}

fn classic(families: &[OwnFamily], rule: &Rule) -> Option<OwnFamily> {
    let name = rule.source.exposed(STRATEGY)?;
    let source = families.iter().find(|family| family.name == name);
    let source = source.filter(|family| rule.source.kinds.contains(&family.kind))?;
    let series: Vec<_> = source
        .series
        .iter()
        .filter_map(|one| shown(one, rule))
        .collect();
    (!series.is_empty()).then(|| OwnFamily {
        name: rule.shown.name.to_owned(),
        kind: rule.shown.kind,
        help: rule.shown.help.to_owned(),
        series,
        left_out: 0,
    })
}

fn shown(series: &OwnSeries, rule: &Rule) -> Option<OwnSeries> {
    let value = match (rule.shown.reading, &series.value) {
        (Reading::Same, value) => value.clone(),
        (Reading::Count, Value::Histogram(histogram)) => {
            Value::Integer(i64::try_from(histogram.count).unwrap_or(i64::MAX))
        }
        (Reading::Count, _) => return None,
    };
    let labels = rule.labels(STRATEGY, &series.labels)?.into();
    Some(OwnSeries { labels, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::naming::MetricKind;

    fn gauge(name: &str, labels: &str, value: f64) -> OwnFamily {
        OwnFamily {
            name: name.to_owned(),
            kind: MetricKind::Gauge,
            help: String::new(),
            series: vec![OwnSeries {
                labels: labels.into(),
                value: Value::Double(value),
            }],
            left_out: 0,
        }
    }

    /// Scenario: the agent's uptime, requests being answered, and a metric without a classic name.
    /// Guarantees: the first two are there twice, under both names, with classic labels.
    #[test]
    fn own_metrics_have_classic_names_too() {
        let mut families = vec![
            gauge("process_uptime_seconds", "", 21.0),
            gauge(
                "http_server_active_requests",
                r#"http_request_method="GET""#,
                1.0,
            ),
            gauge("lineside_series_active", "", 3.0),
        ];
        add_own(&mut families);
        let added: Vec<_> = families[3..]
            .iter()
            .map(|family| (family.name.as_str(), &*family.series[0].labels))
            .collect();
        assert_eq!(
            added,
            [
                ("http_active_connections", r#"method="GET""#),
                ("uptime_seconds", "")
            ]
        );
    }
}
