//! Whether servers that freeze keep the checks of others waiting.
//!
//! `cargo bench --bench probes`. The release binary runs 150 probes of servers that answer, first alone and then beside 50
//! of servers that took the connection and say nothing more. Both rounds print how much later than due runs began, how
//! many sockets the agent had open, what a run cost, and how long `/health/live` and `/health` took to answer.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

type Fallible<T> = Result<T, Box<dyn Error>>;

const ANSWERING: usize = 150;
const FROZEN: usize = 50;
const EVERY: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(1);
const MAX_CONCURRENT: usize = 64;
const MEASURED: Duration = Duration::from_secs(40);
/// Clock ticks a second in `/proc/<pid>/stat`: fixed in Linux's user interface.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() -> Fallible<()> {
    println!(
        "{ANSWERING} probes every {EVERY:?} of servers that answer, {MAX_CONCURRENT} checks at the same time at most,\n\
         then beside {FROZEN} of servers that are frozen (timeout {TIMEOUT:?}); {MEASURED:?} each\n"
    );
    let answering = answering_server()?;
    let frozen = frozen_server()?;
    println!("{:<26}{:>14}{:>22}", "", "alone", "beside the frozen");
    let alone = round(answering, None)?;
    let beside = round(answering, Some(frozen.local_addr()?))?;
    for (name, alone) in &alone {
        let beside = &beside[name];
        println!("{name:<26}{alone:>14}{beside:>22}");
    }
    Ok(())
}

/// A server that greets, as mail servers do, on a thread for each connection.
fn answering_server() -> Fallible<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            // A client that is gone is its own affair.
            let _ = connection.write_all(b"220 ready\r\n");
        }
    });
    Ok(address)
}

/// The kernel takes connections for it, and nothing ever reads from them: a process that was stopped.
fn frozen_server() -> Fallible<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    rustix::net::listen(&listener, 4096)?;
    Ok(listener)
}

/// What one round measured, by name, ready to print.
fn round(
    answering: SocketAddr,
    frozen: Option<SocketAddr>,
) -> Fallible<BTreeMap<&'static str, String>> {
    let agent = Agent::start(answering, frozen)?;
    thread::sleep(EVERY * 2);
    let (before, cpu_before, began) = (agent.metrics()?, agent.cpu_s()?, Instant::now());
    let (mut live, mut health, mut sockets) = (Vec::new(), Vec::new(), 0);
    let mut live_client = Client::open(agent.api)?;
    let mut health_client = Client::open(agent.api)?;
    while began.elapsed() < MEASURED {
        live.push(live_client.get("/health/live", 200)?);
        // Fails once the frozen count as down; how fast it says so is what counts.
        health.push(health_client.get("/health", 0)?);
        sockets = sockets.max(agent.sockets()?);
        thread::sleep(Duration::from_millis(20));
    }
    let after = agent.metrics()?;
    let runs = sum(&after, "lineside_probe_runs_total", "success")
        - sum(&before, "lineside_probe_runs_total", "success");
    let all_runs = sum(&after, "lineside_probe_runs_total", "")
        - sum(&before, "lineside_probe_runs_total", "");
    let wanted = ANSWERING as f64 * MEASURED.as_secs_f64() / EVERY.as_secs_f64();
    let late = Lateness::between(&before, &after, "success");
    let frozen_late = Lateness::between(&before, &after, "failure");
    Ok(BTreeMap::from([
        ("1 runs that answered", format!("{runs:.0}")),
        ("2   at least, as configured", format!("{wanted:.0}")),
        ("3 these late, mean", late.mean()),
        ("4 these late, p99 within", late.quantile(0.99)),
        ("5 these late, all within", late.quantile(1.0)),
        ("6 the frozen late, mean", frozen_late.mean()),
        ("7 sockets at most", format!("{sockets}")),
        (
            "8 CPU a run",
            format!("{:.0} µs", (agent.cpu_s()? - cpu_before) / all_runs * 1e6),
        ),
        ("9 /health/live, median", millis(quantile(&mut live, 0.5))),
        ("9 /health/live, p99", millis(quantile(&mut live, 0.99))),
        ("9 /health, median", millis(quantile(&mut health, 0.5))),
        ("9 /health, p99", millis(quantile(&mut health, 0.99))),
    ]))
}

fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times
        .get((last as f64 * share) as usize)
        .copied()
        .unwrap_or_default()
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// The agent under test; killed when dropped.
struct Agent {
    child: Child,
    api: SocketAddr,
    _data: tempfile::TempDir,
}

impl Agent {
    fn start(answering: SocketAddr, frozen: Option<SocketAddr>) -> Fallible<Agent> {
        let data = tempfile::tempdir()?;
        let api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let file = data.path().join("lineside.toml");
        fs::write(&file, configuration(api, answering, frozen)?)?;
        let child = Command::new(env!("CARGO_BIN_EXE_lineside"))
            .arg("--config")
            .arg(&file)
            .current_dir(data.path())
            .stderr(Stdio::null())
            .spawn()?;
        let agent = Agent {
            child,
            api,
            _data: data,
        };
        let began = Instant::now();
        while TcpStream::connect(api).is_err() {
            if began.elapsed() > Duration::from_secs(10) {
                return Err("the agent does not serve".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(agent)
    }

    fn metrics(&self) -> Fallible<String> {
        let mut client = Client::open(self.api)?;
        client.ask("/metrics")?;
        Ok(client.body)
    }

    fn proc(&self, what: &str) -> String {
        format!("/proc/{}/{what}", self.child.id())
    }

    /// User and system time so far.
    fn cpu_s(&self) -> Fallible<f64> {
        let stat = fs::read_to_string(self.proc("stat"))?;
        // The second field, the name, may hold anything, but ends at the last parenthesis.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = |index: usize| {
            let field = fields.split_whitespace().nth(index);
            field.and_then(|ticks| ticks.parse::<f64>().ok())
        };
        let (user, system) = ticks(11).zip(ticks(12)).ok_or("short stat")?;
        Ok((user + system) / TICKS_PER_SECOND)
    }

    /// Sockets that are open now.
    fn sockets(&self) -> Fallible<usize> {
        let files = fs::read_dir(self.proc("fd"))?.flatten();
        let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
        Ok(targets
            .filter(|target| target.to_string_lossy().starts_with("socket:"))
            .count())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Fails only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(
    api: SocketAddr,
    answering: SocketAddr,
    frozen: Option<SocketAddr>,
) -> Fallible<String> {
    let mut text = format!(
        "data_dir = \"data\"\napi.listen = \"{api}\"\nreceive.grpc.enabled = false\nreceive.http.enabled = false\n\
         telemetry.metrics_every = \"1h\"\nprobes.max_concurrent = {MAX_CONCURRENT}\n"
    );
    let mut probe = |name: String, address: SocketAddr| {
        writeln!(
            text,
            "[probe.{name}]\nurl = \"tcp://{address}\"\nevery = \"{EVERY:?}\"\nconfirm_every = \"{EVERY:?}\"\n\
             timeout = \"{TIMEOUT:?}\"\ntcp.expect = \"^220 \""
        )
    };
    for number in 0..ANSWERING {
        probe(format!("answers-{number}"), answering)?;
    }
    for number in 0..frozen.map_or(0, |_| FROZEN) {
        probe(format!("frozen-{number}"), frozen.unwrap_or(answering))?;
    }
    Ok(text)
}

/// A connection to the HTTP face that is kept.
struct Client {
    stream: TcpStream,
    body: String,
}

impl Client {
    fn open(api: SocketAddr) -> Fallible<Client> {
        let stream = TcpStream::connect(api)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Client {
            stream,
            body: String::new(),
        })
    }

    /// How long an answer takes; any status but `expected` is an error, 0 stands for all.
    fn get(&mut self, path: &str, expected: u16) -> Fallible<Duration> {
        let began = Instant::now();
        let status = self.ask(path)?;
        let took = began.elapsed();
        match expected == 0 || status == expected {
            true => Ok(took),
            false => Err(format!("{path} answered {status}").into()),
        }
    }

    fn ask(&mut self, path: &str) -> Fallible<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n");
        self.stream.write_all(request.as_bytes())?;
        let (mut answer, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
        loop {
            let count = self.stream.read(&mut chunk)?;
            answer.extend_from_slice(&chunk[..count]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                if count == 0 {
                    return Err("the answer ended early".into());
                }
                continue;
            };
            let head = head.to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.ok_or("no content-length")?.trim().parse()?;
            if body.len() >= length {
                let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
                self.body = body.to_owned();
                return Ok(status);
            }
        }
    }
}

/// How much later than due runs began.
struct Lateness {
    mean_s: f64,
    /// Upper bounds in seconds, each with how many runs began no later.
    buckets: Vec<(f64, f64)>,
    count: f64,
}

impl Lateness {
    fn between(before: &str, after: &str, outcome: &str) -> Lateness {
        let outcome = format!("outcome=\"{outcome}\"");
        const NAME: &str = "lineside_probe_lateness_seconds";
        let grown = |what: &str| {
            let name = format!("{NAME}{what}");
            sum(after, &name, &outcome) - sum(before, &name, &outcome)
        };
        let count = grown("_count");
        let bounds = after.lines().filter_map(|line| {
            let rest = line.strip_prefix(NAME)?.strip_prefix("_bucket{")?;
            let labels = rest.contains(&outcome).then_some(rest)?;
            Some(labels.split_once("le=\"")?.1.split_once('"')?.0.to_owned())
        });
        let of_bound = |metrics: &str, bound: &str| -> f64 {
            let lines = metrics
                .lines()
                .filter(|line| line.starts_with(&format!("{NAME}_bucket{{")));
            let label = format!("le=\"{bound}\"");
            let lines = lines.filter(|line| line.contains(&outcome) && line.contains(&label));
            let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            values.sum()
        };
        let mut buckets: Vec<_> = bounds
            .map(|bound| {
                let grown = of_bound(after, &bound) - of_bound(before, &bound);
                (bound.parse().unwrap_or(f64::INFINITY), grown)
            })
            .collect();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        Lateness {
            mean_s: grown("_sum") / count,
            buckets,
            count,
        }
    }

    fn mean(&self) -> String {
        match self.count > 0.0 {
            true => format!("{:.2} ms", self.mean_s * 1e3),
            false => "none".to_owned(),
        }
    }

    /// The bound below which this share of the runs began.
    fn quantile(&self, share: f64) -> String {
        let enough = self
            .buckets
            .iter()
            .find(|(_, runs)| *runs >= self.count * share);
        enough.map_or("none".to_owned(), |(bound, _)| {
            format!("{} ms", bound * 1e3)
        })
    }
}

/// The sum of the samples of `name` whose labels hold `label`.
fn sum(metrics: &str, name: &str, label: &str) -> f64 {
    let of_family = metrics.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label)
    });
    of_family
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
