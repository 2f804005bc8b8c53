//! Runs each scenario with each system and collects what was seen.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cli::Options;
use crate::disk::{best_append, device_flushes};
use crate::order::{Listening, LoadOrder, LoadSeen, Order, SinkOrder, SinkSeen};
use crate::process::{Process, Role, nap};
use crate::results::{LoadNumbers, Numbers, Row};
use crate::scenario::{
    Compression, HELD_UNDER_LOAD, Load, Scenario, SignalName, System, Transport,
};
use crate::scrape::Scraping;
use crate::system::{Destination, Running};
use crate::{Fallible, face, hold};

/// Requests that the load generator keeps in flight.
pub const IN_FLIGHT: usize = 16;
/// How long the sink may see nothing new before what is missing counts as not delivered.
const PATIENCE: Duration = Duration::from_secs(3);
/// The grain of `/proc/<pid>/stat`.
const TICK_S: f64 = 0.01;
/// How often a start is measured; the median counts.
const STARTS: usize = 7;
/// The most points of which one may be faulty: such points cost less than those that are taken.
const FAULTY_ONE_IN: f64 = 1000.0;

/// Measures every scenario and system that the options leave.
pub fn run_all(options: &Options) -> Fallible<Vec<Row>> {
    let mut rows = Vec::new();
    for scenario in options.scenarios()? {
        for system in options.systems(&scenario) {
            eprintln!("measuring {scenario}: {system}");
            let outcome = run(options, scenario, system).map_err(|error| error.to_string());
            if let Err(error) = &outcome {
                eprintln!("  failed: {error}");
            }
            rows.push(Row {
                scenario,
                system,
                outcome,
            });
        }
    }
    Ok(rows)
}

fn run(options: &Options, scenario: Scenario, system: System) -> Fallible<Numbers> {
    let rotel = options.rotel.as_deref();
    match scenario {
        Scenario::Load {
            load,
            transport,
            signal,
            compression,
        } => {
            let case = Case {
                load,
                transport,
                signal,
                compression,
                system,
            };
            let mut runs = (0..options.rounds())
                .map(|_| case.run(options))
                .collect::<Fallible<Vec<LoadNumbers>>>()?;
            runs.sort_by(|a, b| a.cpu_s_per_million().total_cmp(&b.cpu_s_per_million()));
            let median = runs.swap_remove(runs.len() / 2);
            Ok(Numbers::Load(Box::new(median)))
        }
        Scenario::Idle => idle(options, system),
        Scenario::Start => start(system, rotel),
        Scenario::Hold => hold::run(options, system),
    }
}

struct Case {
    load: Load,
    transport: Transport,
    signal: SignalName,
    compression: Compression,
    system: System,
}

impl Case {
    fn run(&self, options: &Options) -> Fallible<LoadNumbers> {
        let mut sink = Sink::start(self.transport, self.load.refuse_every())?;
        let to = Destination {
            transport: self.transport,
            port: sink.port,
            compression: self.compression.export(),
            max_series: None,
            own_telemetry: false,
        };
        let running = Running::start(self.system, &to, options.rotel.as_deref())?;
        let numbers = self.observe(options, &running, &mut sink);
        let mut numbers = numbers.map_err(|error| format!("{error}{}", running.last_words()))?;
        drop(running);
        if self.system.is_durable() {
            numbers.check_durable()?;
        }
        if self.system == System::LinesideAlways && self.load == Load::Saturate {
            numbers.disk = Some(best_append(numbers.group_bytes())?);
        }
        Ok(numbers)
    }

    fn observe(
        &self,
        options: &Options,
        running: &Running,
        sink: &mut Sink,
    ) -> Fallible<LoadNumbers> {
        if self.load.fills() {
            face::fill_series(running.port, HELD_UNDER_LOAD)?;
        }
        let mut load = Role::start(&Order::Load(self.load_order(options, running.port)))?;
        let warm: LoadSeen = load.hear()?;
        if warm.accepted_items == 0 {
            return Err(
                format!("nothing was accepted: {}", warm.example.unwrap_or_default()).into(),
            );
        }
        let signal = self.signal;
        let awaited = self.load != Load::Refusing;
        sink.wait_for(signal, warm.accepted_items, awaited)?;

        self.settle(running)?;
        let before = Reading::take(running, sink, &load)?;
        load.cue(&"go")?;
        let scraping = (self.load == Load::Scraped).then(|| Scraping::start(running.api));
        let sent: LoadSeen = load.hear()?;
        let scrapes = scraping.map(Scraping::stop).transpose()?;
        let reached = before.items(signal) + sent.accepted_items;
        sink.wait_for(signal, reached, awaited)?;
        self.settle(running)?;
        let after = Reading::take(running, sink, &load)?;
        let last_arrival_us = after
            .sink
            .last_arrival_unix_us
            .saturating_sub(sent.started_unix_us);
        self.check_series(running, warm.accepted_items + sent.accepted_items)?;
        Ok(LoadNumbers {
            arrived_items: after.items(signal) - before.items(signal),
            arrived: after.sink.since(&before.sink),
            cpu_s: after.cpu_s - before.cpu_s,
            peak_rss_mib: running.process.status_mib("VmHWM")?,
            elapsed_s: if awaited {
                last_arrival_us as f64 / 1e6
            } else {
                sent.elapsed_s
            },
            load_cpu_s: after.load_cpu_s - before.load_cpu_s,
            sink_cpu_s: after.sink_cpu_s - before.sink_cpu_s,
            waiting_before: warm.accepted_items.saturating_sub(before.items(signal)),
            written_bytes: after.written_bytes - before.written_bytes,
            device_flushes: after
                .flushes
                .zip(before.flushes)
                .map(|(after, before)| after - before),
            disk: None,
            scrapes,
            sent,
        })
    }

    /// Waits until the series, where they are kept, have taken what was accepted.
    fn settle(&self, running: &Running) -> Fallible<()> {
        match self.system {
            System::LinesideSeries => face::settle(running.api),
            _ => Ok(()),
        }
    }

    /// An error unless everything was derived from what was accepted since the start: a row in which points were
    /// left out would be cheap.
    fn check_series(&self, running: &Running, items: u64) -> Fallible<()> {
        if self.system != System::LinesideSeries {
            return Ok(());
        }
        let faulty = face::faulty(running.api)?;
        if faulty * FAULTY_ONE_IN > items as f64 {
            return Err(format!("{faulty} of {items} items were faulty").into());
        }
        if self.load.fills() {
            face::check_filled(running.api, HELD_UNDER_LOAD)?;
        }
        face::check_derived(running.api, self.signal.0, items)
    }

    fn load_order(&self, options: &Options, port: u16) -> LoadOrder {
        LoadOrder {
            transport: self.transport,
            signal: self.signal,
            gzip: self.compression.gzip_in(),
            port,
            in_flight: IN_FLIGHT,
            items_per_second: self.load.items_per_second(),
            warm_up_ms: options.warm_up_of(self.load).as_millis() as u64,
            window_ms: options.window_of(self.load).as_millis() as u64,
        }
    }
}

/// Everything that is read before and after a window.
struct Reading {
    sink: SinkSeen,
    cpu_s: f64,
    load_cpu_s: f64,
    sink_cpu_s: f64,
    written_bytes: u64,
    flushes: Option<u64>,
}

impl Reading {
    fn take(running: &Running, sink: &mut Sink, load: &Role) -> Fallible<Reading> {
        Ok(Reading {
            cpu_s: running.process.cpu_s()?,
            load_cpu_s: load.process.cpu_s()?,
            sink_cpu_s: sink.role.process.cpu_s()?,
            written_bytes: running.process.written_bytes()?,
            flushes: device_flushes(),
            sink: sink.look()?,
        })
    }

    fn items(&self, signal: SignalName) -> u64 {
        self.sink.items[signal.0.index()]
    }
}

pub struct Sink {
    role: Role,
    port: u16,
}

impl Sink {
    fn start(transport: Transport, refuse_every: Option<u64>) -> Fallible<Sink> {
        let mut role = Role::start(&Order::Sink(SinkOrder {
            transport,
            refuse_every,
        }))?;
        let Listening { port } = role.hear()?;
        Ok(Sink { role, port })
    }

    fn look(&mut self) -> Fallible<SinkSeen> {
        self.role.cue(&"report")?;
        self.role.hear()
    }

    /// Waits until `items` have arrived, or nothing has for a while; not at all unless `awaited`.
    fn wait_for(&mut self, signal: SignalName, items: u64, awaited: bool) -> Fallible<()> {
        let (mut arrived, mut changed) = (0, Instant::now());
        while awaited && arrived < items && changed.elapsed() < PATIENCE {
            let now = self.look()?.items[signal.0.index()];
            if now != arrived {
                (arrived, changed) = (now, Instant::now());
            }
            nap(10);
        }
        Ok(())
    }
}

/// A sink that gets next to nothing, and how to export to it by default.
pub fn quiet_destination() -> Fallible<(Sink, Destination)> {
    let sink = Sink::start(Transport::Grpc, None)?;
    let port = sink.port;
    Ok((
        sink,
        Destination {
            transport: Transport::Grpc,
            port,
            compression: "gzip",
            max_series: None,
            own_telemetry: true,
        },
    ))
}

fn idle(options: &Options, system: System) -> Fallible<Numbers> {
    let (_sink, to) = quiet_destination()?;
    let running = Running::start(system, &to, options.rotel.as_deref())?;
    nap(2000);
    let window = Duration::from_secs(if options.quick { 3 } else { 10 });
    let cpu_s = fine_cpu_s(&running.process, window)?;
    Ok(Numbers::Idle {
        cpu_percent: cpu_s * 100.0 / window.as_secs_f64(),
        rss_mib: running.process.status_mib("VmRSS")?,
    })
}

/// CPU time that a nearly idle process takes in `window`. The ticks in `stat` are too coarse for it, and
/// its threads' finer times lack those of threads that end; the ticks tell when that matters.
fn fine_cpu_s(process: &Process, window: Duration) -> Fallible<f64> {
    let (ticks_before_s, threads_before) = (process.cpu_s()?, process.threads_cpu_s()?);
    std::thread::sleep(window);
    let ticks_s = process.cpu_s()? - ticks_before_s - TICK_S;
    let before = |id: &String| threads_before.get(id).copied().unwrap_or(0.0);
    let threads_s: f64 = process
        .threads_cpu_s()?
        .iter()
        .map(|(id, cpu_s)| cpu_s - before(id))
        .sum();
    Ok(threads_s.max(ticks_s))
}

fn start(system: System, rotel: Option<&Path>) -> Fallible<Numbers> {
    let (_sink, to) = quiet_destination()?;
    let mut times_ms = (0..STARTS)
        .map(|_| {
            Ok(Running::start(system, &to, rotel)?
                .ready_after
                .as_secs_f64()
                * 1e3)
        })
        .collect::<Fallible<Vec<f64>>>()?;
    times_ms.sort_by(f64::total_cmp);
    Ok(Numbers::Start {
        median_ms: times_ms[STARTS / 2],
        worst_ms: times_ms[STARTS - 1],
    })
}
