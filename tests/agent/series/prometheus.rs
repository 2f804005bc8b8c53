//! A real Prometheus beside an agent.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Agent, debian_tool, eventually, get, own_loopback};

/// How often it scrapes.
pub const INTERVAL: Duration = Duration::from_millis(250);

/// How long it may take until something that was sent stands in Prometheus, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// Prometheus with native histograms and exemplars, in a directory of its own; it ends with the test.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
}

/// One series of an answer.
#[derive(Clone, Debug)]
pub struct Series {
    pub labels: BTreeMap<String, String>,
    /// Its samples by time in seconds; a native histogram counts as its number of observations.
    pub samples: Vec<(f64, f64)>,
}

impl Series {
    /// The latest value.
    pub fn value(&self) -> f64 {
        self.samples.last().expect("a sample").1
    }
}

impl Prometheus {
    /// Scrapes `agent` as the job "lineside".
    pub async fn scraping(agent: &Agent) -> Prometheus {
        Prometheus::start(&[("direct", agent.api())]).await
    }

    /// Scrapes every target, whose series all carry the label `via` with its name.
    pub async fn start(targets: &[(&str, SocketAddr)]) -> Prometheus {
        let directory = TempDir::with_prefix("lineside-prometheus-").unwrap();
        let address = SocketAddr::new(own_loopback().into(), 9090);
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("prometheus.yml"), configuration(targets)).unwrap();
        let log = std::fs::File::create(path("log")).unwrap();
        let child = debian_tool("prometheus", "prometheus")
            .arg(format!(
                "--config.file={}",
                path("prometheus.yml").display()
            ))
            .arg(format!("--storage.tsdb.path={}", path("tsdb").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--enable-feature=native-histograms,exemplar-storage")
            .arg("--log.level=debug")
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(log)
            .spawn()
            .unwrap();
        let prometheus = Prometheus {
            child,
            address,
            directory,
        };
        eventually("Prometheus is ready", PATIENCE, async || {
            let reply = get(address, "/-/ready").await.ok()?;
            (reply.status == 200).then_some(())
        })
        .await;
        prometheus
    }

    /// The answer to `query` now: one entry for each series.
    pub async fn query(&self, query: &str) -> Vec<Series> {
        let answer = self.ask(&format!("query?query={}", encoded(query))).await;
        let result = answer["data"]["result"].as_array().expect("a list");
        result.iter().map(series).collect()
    }

    /// The value of `query`; `None` unless exactly one series answers.
    pub async fn value(&self, query: &str) -> Option<f64> {
        match &self.query(query).await[..] {
            [one] => Some(one.value()),
            _ => None,
        }
    }

    /// Waits until the one value of `query` passes `check`.
    pub async fn value_where(&self, query: &str, check: impl Fn(f64) -> bool) -> f64 {
        self.until(query, "the value that is expected", |found| match found {
            [one] => Some(one.value()).filter(|value| check(*value)),
            _ => None,
        })
        .await
    }

    /// Waits until the one value of `query` is `expected`.
    pub async fn reaches(&self, query: &str, expected: f64) {
        self.until(query, &expected.to_string(), |found| match found {
            [one] => Some(()).filter(|()| one.value() == expected),
            _ => None,
        })
        .await;
    }

    /// Waits until `query` returns data that is not NaN.
    pub async fn has_data(&self, query: &str) -> Vec<Series> {
        self.until(query, "data", |found| {
            let has_data = found.iter().any(|series| !series.value().is_nan());
            has_data.then(|| found.to_vec())
        })
        .await
    }

    async fn until<T>(&self, query: &str, what: &str, check: impl Fn(&[Series]) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let found = self.query(query).await;
            if let Some(answer) = check(&found) {
                return answer;
            }
            let is_late = begun.elapsed() > PATIENCE;
            assert!(!is_late, "{query} is not {what}, but {found:#?}");
            tokio::time::sleep(INTERVAL / 5).await;
        }
    }

    /// The labels of the exemplars of `selector`.
    pub async fn exemplars(&self, selector: &str) -> Vec<BTreeMap<String, String>> {
        let path = format!(
            "query_exemplars?query={}&start=0&end=9999999999",
            encoded(selector)
        );
        let answer = self.ask(&path).await;
        let series = answer["data"].as_array().cloned().unwrap_or_default();
        let exemplars = series.iter().filter_map(|one| one["exemplars"].as_array());
        exemplars
            .flatten()
            .map(|exemplar| text_map(&exemplar["labels"]))
            .collect()
    }

    /// Fails if a scrape was refused in whole or in part.
    pub fn assert_took_everything(&self) {
        let log = self.log();
        let complaints = ["Append failed", "Error on ingesting", "append failed"];
        let refused: Vec<&str> = log
            .lines()
            .filter(|line| complaints.iter().any(|words| line.contains(words)))
            .take(20)
            .collect();
        assert!(refused.is_empty(), "{}", refused.join("\n"));
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    async fn ask(&self, path: &str) -> Value {
        let reply = get(self.address, &format!("/api/v1/{path}")).await.unwrap();
        let answer = reply.json();
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last = log.lines().rev().take(30).collect::<Vec<_>>();
            eprintln!(
                "--- the last of Prometheus' log, newest first ---\n{}",
                last.join("\n")
            );
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(targets: &[(&str, SocketAddr)]) -> String {
    let milliseconds = INTERVAL.as_millis();
    let mut text = format!(
        "global: {{scrape_interval: {milliseconds}ms, scrape_timeout: {milliseconds}ms}}\n\
         scrape_configs:\n  - job_name: lineside\n    honor_labels: true\n    static_configs:\n"
    );
    for (via, address) in targets {
        writeln!(
            text,
            "      - {{targets: [\"{address}\"], labels: {{via: {via}}}}}"
        )
        .unwrap();
    }
    text
}

fn encoded(query: &str) -> String {
    query.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02X}").unwrap();
        text
    })
}

fn series(result: &Value) -> Series {
    let floats = pairs(&result["value"], &result["values"], |value| {
        value.as_str().expect("a number").parse().expect("a number")
    });
    let histograms = pairs(&result["histogram"], &result["histograms"], |histogram| {
        let count = histogram["count"].as_str().expect("a count");
        count.parse().expect("a count")
    });
    Series {
        labels: text_map(&result["metric"]),
        samples: [floats, histograms].concat(),
    }
}

fn pairs(one: &Value, many: &Value, read: impl Fn(&Value) -> f64) -> Vec<(f64, f64)> {
    let many = many.as_array().cloned().unwrap_or_default();
    let all = many.iter().chain((!one.is_null()).then_some(one));
    all.map(|pair| (pair[0].as_f64().expect("a time"), read(&pair[1])))
        .collect()
}

fn text_map(value: &Value) -> BTreeMap<String, String> {
    let map = value.as_object().expect("an object");
    map.iter()
        .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
        .collect()
}
