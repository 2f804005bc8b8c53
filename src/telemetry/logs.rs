//! Log lines on stderr, and the same events as OTLP logs and spans.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::{
    EnvFilter, FilterExt as _, LevelFilter, dynamic_filter_fn, filter_fn,
};
use tracing_subscriber::fmt::format::{DefaultFields, Format, Full, Json, JsonFields};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter, format};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::{Layer, fmt as lines};

use super::StartError;
use super::propagation::RequestId;
use super::providers::Providers;
use super::settings::{LogFormat, Settings};

/// What the libraries beneath an export say about it is not exported: it would feed itself.
const NOT_EXPORTED: [&str; 7] = [
    "h2",
    "hyper",
    "opentelemetry",
    "reqwest",
    "rustls",
    "tonic",
    "tower",
];

/// What libraries say below `warn` is only shown to someone who asks for it by name. sqlx says again at each run of a probe
/// what a database server remarked.
const QUIET_LIBRARIES: &str =
    "opentelemetry=warn,h2=warn,hyper=warn,rustls=warn,sqlx=off,tonic=warn,tower=warn,warp=warn";

/// The subscriber for the whole process, writing lines to `writer`.
///
/// # Errors
/// When the filter, of the settings or of `RUST_LOG`, cannot be parsed.
pub(super) fn subscriber<W>(
    settings: &Settings,
    providers: &Providers,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, StartError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let directives = std::env::var("RUST_LOG")
        .ok()
        .filter(|value| !value.is_empty());
    let directives = directives.as_deref().unwrap_or(&settings.log);
    let exported = filter_fn(is_exported);
    let spans = tracing_opentelemetry::layer()
        .with_tracer(providers.tracer())
        .with_filter(exported.clone().and(LevelFilter::INFO));
    let takes_logs = providers.takes_logs();
    // One filter, its fixed parts first: what they rule out is never even made. A filter of its own
    // for the dynamic part would have every span of h2 made and thrown away.
    let exported_now = exported
        .and(env_filter(directives)?)
        .and(dynamic_filter_fn(move |_, _| takes_logs()));
    let logs = OpenTelemetryTracingBridge::new(providers.logger()).with_filter(exported_now);
    let lines = line_layer(settings.log_format, writer).with_filter(env_filter(directives)?);
    Ok(Registry::default().with(lines).with(logs).with(spans))
}

fn env_filter(directives: &str) -> Result<EnvFilter, StartError> {
    EnvFilter::builder()
        .parse(format!("{QUIET_LIBRARIES},{directives}"))
        .map_err(|error| StartError::LogFilter {
            filter: directives.to_owned(),
            error: error.to_string(),
        })
}

fn is_exported(metadata: &Metadata<'_>) -> bool {
    !NOT_EXPORTED
        .iter()
        .any(|library| metadata.target().starts_with(library))
}

fn line_layer<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = lines::layer().with_ansi(false).with_writer(writer);
    match format {
        LogFormat::Text => {
            let lines = TextLines(format::format().with_ansi(false));
            Box::new(layer.fmt_fields(DefaultFields::new()).event_format(lines))
        }
        LogFormat::Json => {
            let json = format::json().flatten_event(true).with_span_list(false);
            Box::new(
                layer
                    .fmt_fields(JsonFields::new())
                    .event_format(JsonLines(json)),
            )
        }
    }
}

/// The ids that let a reader find the trace of a line: `trace_id`, `span_id`, `request_id`.
fn ids() -> Vec<(&'static str, String)> {
    Context::map_current(|context| {
        let mut ids = Vec::new();
        let span = context.span();
        if span.span_context().is_valid() {
            ids.push(("trace_id", span.span_context().trace_id().to_string()));
            ids.push(("span_id", span.span_context().span_id().to_string()));
        }
        ids.extend(
            context
                .get::<RequestId>()
                .map(|id| ("request_id", id.as_str().to_owned())),
        );
        ids
    })
}

/// The usual line of words with the ids at its end.
struct TextLines(Format<Full>);

impl<S, N> FormatEvent<S, N> for TextLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: format::Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::with_capacity(256);
        self.0
            .format_event(context, format::Writer::new(&mut line), event)?;
        writer.write_str(line.trim_end_matches('\n'))?;
        for (name, id) in ids() {
            write!(writer, " {name}={id}")?;
        }
        writer.write_char('\n')
    }
}

/// One JSON object a line with the ids as its last members.
struct JsonLines(Format<Json>);

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: format::Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::with_capacity(256);
        self.0
            .format_event(context, format::Writer::new(&mut line), event)?;
        let object = line.trim_end_matches('\n');
        writer.write_str(object.strip_suffix('}').unwrap_or(object))?;
        for (name, id) in ids() {
            // Ids are visible ASCII, but a caller's request id may hold quotes.
            write!(writer, ",\"{name}\":{}", serde_json::Value::from(id))?;
        }
        writer.write_str("}\n")
    }
}
