//! What the series get of what comes in.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::*;
use crate::journal::{DiskStorage, JournalOptions, Opened, SyncMode, WhenFull};
use crate::otlp::deflate;
use crate::series::SeriesOptions;
use crate::series::derived::DerivedOptions;
use crate::series::naming::Strategy;
use crate::series::percentiles::PercentileOptions;
use crate::series::received::ReceivedOptions;
use crate::series::store::{Expiry, Limits};
use crate::series::targets::TargetOptions;

fn series() -> SeriesHandle {
    let limits = Limits {
        series: 10,
        series_per_metric: 10,
        label_bytes: 100,
        memory_bytes: 1 << 20,
    };
    let expiry = Expiry {
        gauges_s: 10,
        counters_s: 10,
        derived_s: 10,
    };
    let targets = TargetOptions {
        strategy: Strategy::default(),
        scope_labels: true,
        target_info: true,
        max: 10,
    };
    let options = SeriesOptions {
        limits,
        expiry,
        targets,
        received: ReceivedOptions {
            strategy: Strategy::default(),
            scope_labels: true,
        },
        derived: DerivedOptions::default(),
        percentiles: PercentileOptions {
            window_ms: 60_000,
            sub_windows: 5,
            max_tracked: 10,
        },
        classic_names: false,
        continuity: None,
        queue_bytes: 1 << 20,
    };
    SeriesHandle::open(options, Arc::new(DiskStorage))
        .unwrap()
        .0
}

/// Stops the thread of the series, so that what comes stays in its queue, until the answer is dropped.
async fn hold(series: &SeriesHandle) -> Sender<()> {
    let (release, held) = channel::<()>();
    let series = series.clone();
    tokio::spawn(async move {
        let question = move |_: &mut _| held.recv().is_ok();
        series.ask(question).await
    });
    tokio::task::yield_now().await;
    release
}

fn intake(directory: &std::path::Path, series: &SeriesHandle) -> Intake {
    let options = JournalOptions {
        dir: directory.to_owned(),
        sync: SyncMode::Memory,
        segment_bytes: 1 << 20,
        max_bytes: 4 << 20,
        max_age: Some(Duration::from_secs(60)),
        when_full: WhenFull::Refuse,
        memory_bytes: 1 << 20,
    };
    let opened = Journal::open(options, Arc::new(DiskStorage), Vec::new());
    let Opened { journal, .. } = opened.unwrap();
    let limits = IntakeLimits {
        in_flight_bytes: 1 << 20,
        max_inflated_bytes: 1 << 20,
    };
    let mut kept = KeptEncodings::default();
    kept.keep(Signal::Traces, Encoding::Gzip);
    let ledger = Arc::new(Ledger::new(10));
    Intake::new(journal, ledger, limits, kept, Some(series.clone()))
}

/// A request with one span, and one without any.
fn requests() -> [Vec<u8>; 2] {
    let span = Span {
        name: "a".repeat(300),
        ..Span::default()
    };
    let of = |spans: Vec<Span>| ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    [vec![span], Vec::new()].map(|spans| of(spans).encode_to_vec())
}

/// Scenario: requests plain, compressed in an encoding that is kept and in one that is not, empty, malformed, and of
/// the agent's own, while the thread of the series stands still.
/// Guarantees: the series get each good one from outside once, without compression, and nothing else.
#[tokio::test]
async fn the_series_get_what_comes_from_outside_without_compression() {
    let (directory, series) = (tempfile::tempdir().unwrap(), series());
    let release = hold(&series).await;
    let intake = intake(directory.path(), &series);
    let [one, empty] = requests();
    let cases = [
        (Encoding::Identity, one.clone(), false, one.len()),
        (Encoding::Gzip, one.clone(), false, one.len()),
        (Encoding::Zstd, one.clone(), false, one.len()),
        (Encoding::Identity, empty, false, 0),
        (Encoding::Identity, b"rubbish".to_vec(), false, 0),
        (Encoding::Identity, one.clone(), true, 0),
    ];
    for (encoding, message, own, expected) in cases {
        let before = series.queued_bytes();
        let visit = match own {
            true => intake.enter_own(),
            false => intake.enter().unwrap(),
        };
        let bytes = match encoding {
            Encoding::Identity => message.into(),
            _ => deflate(encoding, 1, &[message.into()]).unwrap(),
        };
        let offer = Offer {
            signal: Signal::Traces,
            encoding,
            bytes,
        };
        let admitted = visit.offer(offer).await.is_ok();
        let got = series.queued_bytes() - before;
        assert_eq!(got, expected as u64, "{encoding:?} {own} {admitted}");
    }
    drop(release);
    series.close().await;
}
