//! Starts each measured system and finds out when it is ready.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::order::{Order, RelayOrder};
use crate::process::{Process, Role, free_ports};
use crate::scenario::{System, Transport};
use crate::{Fallible, face};

/// Where data directories, configuration and logs lie: beside the build, so on a real disk even
/// where `/tmp` is in memory.
pub const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");
/// How long a system may take to become ready before its row is given up.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// How a system is to export.
pub struct Destination {
    pub transport: Transport,
    pub port: u16,
    /// `none` or `gzip`.
    pub compression: &'static str,
    /// The most series that Lineside may hold, where not its default.
    pub max_series: Option<u64>,
    /// Whether Lineside exports its own telemetry too, as it does by default: not where arrivals count.
    pub own_telemetry: bool,
}

/// A measured system that is ready. It is killed, then its files removed, when dropped.
pub struct Running {
    pub process: Process,
    /// Where it receives, over the destination's transport.
    pub port: u16,
    /// Where Lineside answers questions.
    pub api: u16,
    /// From just before exec until ready.
    pub ready_after: Duration,
    /// The relay ends when this closes.
    _stdin: Option<ChildStdin>,
    dir: TempDir,
}

impl Running {
    pub fn start(system: System, to: &Destination, rotel: Option<&Path>) -> Fallible<Running> {
        let dir = tempfile::Builder::new()
            .prefix("forward-")
            .tempdir_in(SCRATCH)?;
        let [receive, other, api] = free_ports()?;
        let ports = Ports {
            receive,
            other,
            api,
        };
        let started = Instant::now();
        let (process, stdin) = match system {
            System::Relay => start_relay(&ports, to)?,
            System::Rotel => (start_rotel(rotel, &ports, to, dir.path())?, None),
            lineside => (start_lineside(lineside, &ports, to, dir.path())?, None),
        };
        let mut running = Running {
            process,
            port: ports.receive,
            api: ports.api,
            ready_after: READY_WITHIN,
            _stdin: stdin,
            dir,
        };
        running.wait_until_ready(system, &ports, started)?;
        Ok(running)
    }

    fn wait_until_ready(
        &mut self,
        system: System,
        ports: &Ports,
        started: Instant,
    ) -> Fallible<()> {
        while started.elapsed() < READY_WITHIN {
            let ready = if system.is_lineside() {
                face::get(ports.api, "/health/ready", "").is_ok()
            } else {
                accepts(ports.receive)
            };
            if ready {
                self.ready_after = started.elapsed();
                return Ok(());
            }
            self.process
                .check_alive()
                .map_err(|error| format!("{error}{}", self.last_words()))?;
            std::thread::sleep(Duration::from_micros(500));
        }
        Err(format!(
            "not ready within {} s{}",
            READY_WITHIN.as_secs(),
            self.last_words()
        )
        .into())
    }

    /// The end of what the system has logged, to show beside an error.
    pub fn last_words(&self) -> String {
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(3)..].join(" / ");
        if last.is_empty() {
            String::new()
        } else {
            format!("; its log ends: {last}")
        }
    }
}

struct Ports {
    receive: u16,
    /// For the transport that is not measured.
    other: u16,
    api: u16,
}

impl Ports {
    /// The ports for gRPC and for HTTP, in this order.
    fn by_transport(&self, measured: Transport) -> (u16, u16) {
        match measured {
            Transport::Grpc => (self.receive, self.other),
            Transport::Http => (self.other, self.receive),
        }
    }
}

fn start_relay(ports: &Ports, to: &Destination) -> Fallible<(Process, Option<ChildStdin>)> {
    let order = RelayOrder {
        transport: to.transport,
        listen_port: ports.receive,
        sink_port: to.port,
    };
    let Role { process, stdin, .. } = Role::start(&Order::Relay(order))?;
    Ok((process, Some(stdin)))
}

fn start_lineside(
    system: System,
    ports: &Ports,
    to: &Destination,
    dir: &Path,
) -> Fallible<Process> {
    let sync = if system.is_durable() {
        "always"
    } else {
        "memory"
    };
    // Room for the most that may be asked for: it is the series that are measured, not the limit.
    let limits = to.max_series.map_or(String::new(), |max_series| {
        format!("max_series = {max_series}\nmax_memory = \"4GiB\"\n")
    });
    let (grpc, http) = ports.by_transport(to.transport);
    let data_dir = dir.join("data");
    let settings = format!(
        r#"data_dir = "{data_dir}"
[api]
listen = "127.0.0.1:{api}"
[receive.grpc]
listen = "127.0.0.1:{grpc}"
[receive.http]
listen = "127.0.0.1:{http}"
[journal]
sync = "{sync}"
[series]
enabled = {series}
{limits}[telemetry]
export_own = {own}
[export.sink]
endpoint = "http://127.0.0.1:{sink}"
protocol = "{protocol}"
compression = "{compression}"
"#,
        data_dir = data_dir.display(),
        api = ports.api,
        series = system == System::LinesideSeries,
        own = to.own_telemetry,
        sink = to.port,
        protocol = to.transport.tag(),
        compression = to.compression,
    );
    let file = dir.join("lineside.toml");
    fs::write(&file, settings)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_lineside"));
    Process::start(logging_to(
        command.args(["run", "--config"]).arg(file),
        dir,
    )?)
}

fn start_rotel(
    binary: Option<&Path>,
    ports: &Ports,
    to: &Destination,
    dir: &Path,
) -> Fallible<Process> {
    let (grpc, http) = ports.by_transport(to.transport);
    let mut command = Command::new(binary.ok_or("give Rotel's binary with --rotel")?);
    command
        .arg("start")
        .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
        .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
        .args(["--exporter", "otlp"])
        .args([
            "--otlp-exporter-endpoint",
            &format!("http://127.0.0.1:{}", to.port),
        ])
        .args(["--otlp-exporter-protocol", to.transport.tag()])
        .args(["--otlp-exporter-compression", to.compression])
        .arg("--pid-file")
        .arg(dir.join("pid"))
        .arg("--log-file")
        .arg(dir.join("rotel.log"));
    Process::start(logging_to(&mut command, dir)?)
}

fn logging_to<'a>(command: &'a mut Command, dir: &Path) -> Fallible<&'a mut Command> {
    let log = File::create(dir.join("log"))?;
    Ok(command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log))
}

fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
