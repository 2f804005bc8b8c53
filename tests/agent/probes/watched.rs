//! An agent with one probe, and everything it says about it.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::Value;

use crate::fixture::{Agent, Config, Reply, Signal, Sink, eventually, post};

/// A state, with a debug build on a busy machine, shows within this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// An agent with a probe named "it" that runs often, and whose own spans go to a sink.
pub struct Watched {
    pub agent: Agent,
    pub sink: Sink,
}

/// The span of a run.
#[derive(Clone, Debug)]
pub struct RunSpan {
    /// Its attributes, as text.
    pub attributes: HashMap<String, String>,
    /// The names of its phases, in the order in which they began.
    pub phases: Vec<String>,
    /// The message of its status; empty when that is not an error.
    pub error: String,
    pub trace_id: Vec<u8>,
    pub span_id: Vec<u8>,
}

impl Watched {
    /// Starts the agent; `settings` are keys below `probe.it`.
    pub async fn start(settings: &[(&str, Value)]) -> Watched {
        Watched::start_with(Config::new(), settings).await
    }

    /// As [`Watched::start`], with further settings of the agent.
    pub async fn start_with(config: Config, settings: &[(&str, Value)]) -> Watched {
        let sink = Sink::start().await;
        let agent = Agent::start(Watched::config(config, &sink, settings)).await;
        Watched { agent, sink }
    }

    fn config(config: Config, sink: &Sink, settings: &[(&str, Value)]) -> Config {
        let often = config
            .export("sink", sink)
            .set("telemetry.export_own", true)
            .set("telemetry.trace_ratio", 0.0)
            .environment("OTEL_BSP_SCHEDULE_DELAY", "50")
            .set("probe.it.every", "300ms")
            .set("probe.it.timeout", "1s")
            .set("probe.it.confirm_every", "100ms")
            .set("probe.it.failures", 1)
            .set("probe.it.recoveries", 1);
        settings.iter().fold(often, |config, (key, value)| {
            config.set(&format!("probe.it.{key}"), value.clone())
        })
    }

    /// The check as `/api/health` shows it.
    pub async fn check(&self) -> Value {
        let reply = self.agent.get("/api/health?include=it").await;
        let health = reply.expect("the agent answers").json();
        health["checks"]["it"].clone()
    }

    /// Waits until its status is `status`.
    pub async fn until(&self, status: &str) -> Value {
        let mut last = Value::Null;
        let within = tokio::time::timeout(PATIENCE, async {
            loop {
                last = self.check().await;
                if last["status"] == status {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        if within.await.is_err() {
            panic!(
                "not {status} within {PATIENCE:?} but: {last:#}\n{}",
                self.agent.log()
            );
        }
        last
    }

    /// Waits until it works without a warning, and holds metrics and span to that.
    pub async fn passes(&self) -> Value {
        let check = self.until("pass").await;
        self.agrees(None).await;
        check
    }

    /// Waits until it works, but with a warning that holds `text`.
    pub async fn warns(&self, text: &str) -> Value {
        let what = format!("a warning with {text:?}");
        let warning = async || {
            let check = self.check().await;
            let message = check["message"].as_str().unwrap_or_default().to_owned();
            (check["status"] == "warn" && message.contains(text)).then_some(check)
        };
        eventually(&what, PATIENCE, warning).await
    }

    /// Waits until it fails for `reason` in `phase`, and holds metrics and span to that.
    pub async fn fails(&self, reason: &str, phase: Option<&str>) -> Value {
        let mut last = Value::Null;
        let within = tokio::time::timeout(PATIENCE, async {
            loop {
                last = self.check().await;
                let run = &last["lastRun"];
                let in_phase = phase.is_none_or(|phase| run["phase"] == phase);
                if last["status"] == "fail" && run["reason"] == reason && in_phase {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        if within.await.is_err() {
            panic!(
                "not {reason} in {phase:?} within {PATIENCE:?} but: {last:#}\n{}",
                self.agent.log()
            );
        }
        self.agrees(Some(reason)).await;
        last
    }

    /// Waits until metrics and the newest span say the same as the health endpoint did.
    async fn agrees(&self, reason: Option<&str>) {
        let success = if reason.is_none() { 1.0 } else { 0.0 };
        let what = format!("metrics that say {reason:?}");
        eventually(&what, PATIENCE, async || {
            let same = [
                self.reading("probe_success", "probe=\"it\"").await,
                self.reading("lineside_probe_up", "probe=\"it\"").await,
            ] == [success; 2];
            let label = format!("reason=\"{}\"", reason.unwrap_or("none"));
            let runs = self.reading("lineside_probe_runs_total", &label).await;
            (same && runs >= 1.0).then_some(())
        })
        .await;
        let what = format!("a span that says {reason:?}");
        eventually(&what, PATIENCE, async || {
            let span = self.newest_span()?;
            let error = span.attributes.get("error.type").map(String::as_str);
            let told = span.error.is_empty() == reason.is_none();
            (error == reason && told).then_some(())
        })
        .await;
    }

    /// The sum of the samples of `metric` whose labels hold `label`.
    pub async fn reading(&self, metric: &str, label: &str) -> f64 {
        self.agent.metric(metric, label).await
    }

    /// Waits for a sample of `metric` whose labels hold `label` and that is as `is` says.
    pub async fn reading_where(&self, metric: &str, label: &str, is: impl Fn(f64) -> bool) -> f64 {
        let what = format!("{metric}{{{label}}} as expected");
        eventually(&what, PATIENCE, async || {
            Some(self.reading(metric, label).await).filter(|value| is(*value))
        })
        .await
    }

    /// Runs the probe by hand: the check's JSON.
    pub async fn run(&self) -> Value {
        let reply: Reply = post(self.agent.api(), "/api/probes/it/run").await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// The span of the newest run that the sink has, waiting for the first.
    pub async fn span(&self) -> RunSpan {
        eventually("a span of the probe", PATIENCE, async || self.newest_span()).await
    }

    fn newest_span(&self) -> Option<RunSpan> {
        let spans = self.spans();
        let runs = spans.iter().filter(|span| span.name == "probe it");
        let run = runs.max_by_key(|span| span.start_time_unix_nano)?;
        let mut phases: Vec<_> = spans
            .iter()
            .filter(|span| span.parent_span_id == run.span_id)
            .collect();
        phases.sort_by_key(|phase| phase.start_time_unix_nano);
        Some(RunSpan {
            attributes: attributes(run),
            phases: phases.iter().map(|phase| phase.name.clone()).collect(),
            error: run.status.clone().unwrap_or_default().message,
            trace_id: run.trace_id.clone(),
            span_id: run.span_id.clone(),
        })
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.sink.taken().into_iter();
        let traces = requests.filter(|request| request.signal == Signal::Traces);
        let resources = traces.flat_map(|request| {
            let request = ExportTraceServiceRequest::decode(request.message).unwrap();
            request.resource_spans
        });
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }
}

fn attributes(span: &Span) -> HashMap<String, String> {
    let text = |value: &AnyValue| match value {
        AnyValue::StringValue(text) => text.clone(),
        AnyValue::IntValue(number) => number.to_string(),
        AnyValue::DoubleValue(number) => number.to_string(),
        AnyValue::BoolValue(truth) => truth.to_string(),
        other => format!("{other:?}"),
    };
    let pairs = span.attributes.iter().filter_map(|attribute| {
        let value = attribute.value.as_ref()?.value.as_ref()?;
        Some((attribute.key.clone(), text(value)))
    });
    pairs.collect()
}
