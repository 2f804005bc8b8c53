//! `process.*` and `lineside.build_info`.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::{signed, up_down};
use crate::telemetry::{names, process};

/// Registers the instruments about this process.
pub(in crate::telemetry) fn process(meter: &Meter) {
    up_down(
        meter,
        names::PROCESS_MEMORY_USAGE,
        "By",
        "Resident memory of the process.",
        || signed(process::resident_bytes()),
    );
    up_down(
        meter,
        names::PROCESS_THREADS,
        "{thread}",
        "Threads of the process.",
        || signed(process::threads()),
    );
    up_down(
        meter,
        names::PROCESS_FILE_DESCRIPTORS,
        "{file_descriptor}",
        "Open file descriptors of the process.",
        || signed(process::open_files()),
    );
    process_cpu(meter);
    meter
        .f64_observable_gauge(names::PROCESS_UPTIME)
        .with_unit("s")
        .with_description("Time since the process started.")
        .with_callback(|observer| observer.observe(process::uptime().as_secs_f64(), &[]))
        .build();
    meter
        .u64_observable_gauge(names::BUILD_INFO)
        .with_description("Always 1; the version that runs is an attribute.")
        .with_callback(|observer| {
            observer.observe(
                1,
                &[KeyValue::new(names::VERSION, env!("CARGO_PKG_VERSION"))],
            )
        })
        .build();
}

fn process_cpu(meter: &Meter) {
    meter
        .f64_observable_counter(names::PROCESS_CPU_TIME)
        .with_unit("s")
        .with_description("CPU time the process has used.")
        .with_callback(|observer| {
            let cpu = process::cpu_time();
            observer.observe(cpu.user_s, &[KeyValue::new(names::CPU_MODE, "user")]);
            observer.observe(cpu.system_s, &[KeyValue::new(names::CPU_MODE, "system")]);
        })
        .build();
}
