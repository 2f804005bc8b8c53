//! The stack beside the agent: what can be checked of it without a container engine.

mod past;

use std::collections::BTreeSet;
use std::path::Path;

use lineside::config::{Environment, Sources, load};
use serde_json::Value;

use crate::fixture::{Signal, debian_tool, repository, run};
use past::Past;

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A YAML file as JSON, by the YAML reader that docker-compose brings.
async fn yaml(text: String) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let mut python = debian_tool("/usr/bin/python3", "docker-compose");
    python.args([
        "-c",
        "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))",
    ]);
    python.arg(file.path());
    serde_json::from_slice(&run(python).await.stdout).unwrap()
}

/// The stack as Debian's docker-compose understands it.
async fn compose() -> Value {
    let mut command = debian_tool("docker-compose", "docker-compose");
    command
        .args(["--file", "compose.yaml", "config"])
        .current_dir(repository());
    let output = run(command).await;
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaints.is_empty(), "docker-compose: {complaints}");
    yaml(String::from_utf8(output.stdout).unwrap()).await
}

fn services(compose: &Value) -> &serde_json::Map<String, Value> {
    compose["services"].as_object().expect("services")
}

/// Scenario: compose.yaml through `docker-compose config`. Guarantees: the five services are there, those of others at a
/// pinned version, and none runs the newest of anything.
#[tokio::test]
async fn the_compose_model_is_whole() {
    let compose = compose().await;
    let names: BTreeSet<&str> = services(&compose).keys().map(String::as_str).collect();
    for expected in [
        "lineside",
        "otel-collector",
        "jaeger",
        "prometheus",
        "grafana",
    ] {
        assert!(names.contains(expected), "no {expected} in {names:?}");
    }
    for (name, service) in services(&compose) {
        let built = !service["build"].is_null();
        let pinned = service["image"].as_str().is_some_and(|image| {
            image.rsplit_once(':').is_some_and(|(_, tag)| {
                tag.contains(|c: char| c.is_ascii_digit()) && tag != "latest"
            })
        });
        assert!(
            built || pinned,
            "{name} is not pinned: {}",
            service["image"]
        );
    }
}

/// The source and target of a bind mount in either spelling; `None` for a named volume.
fn bind_mount(volume: &Value) -> Option<(String, String)> {
    let (source, target) = match volume {
        Value::String(text) => {
            let mut parts = text.split(':');
            (parts.next()?.to_owned(), parts.next()?.to_owned())
        }
        mount => (
            mount["source"].as_str()?.to_owned(),
            mount["target"].as_str()?.to_owned(),
        ),
    };
    (source.starts_with('/') || source.starts_with('.')).then_some((source, target))
}

/// Scenario: every file and directory that a service mounts. Guarantees: it is in the repository, so that no container
/// engine makes an empty directory in its place.
#[tokio::test]
async fn every_mounted_path_exists() {
    let compose = compose().await;
    let mut mounts = 0;
    for (name, service) in services(&compose) {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let Some((source, _)) = bind_mount(volume) else {
                continue;
            };
            assert!(
                Path::new(&source).exists(),
                "{name} mounts {source}, which is not there"
            );
            mounts += 1;
        }
    }
    assert!(
        mounts >= 3,
        "only {mounts} mounts: are they written as named volumes?"
    );
}

/// The host and port of `http://host:port/…` or `host:port`.
fn host_and_port(address: &str) -> Option<(String, u16)> {
    let authority = address.split("://").last()?.split('/').next()?;
    let (host, port) = authority.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

/// The environment of a service, in either spelling.
fn environment(service: &Value) -> Vec<(String, String)> {
    match &service["environment"] {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| {
                (
                    name.clone(),
                    value.as_str().map_or(value.to_string(), str::to_owned),
                )
            })
            .collect(),
        Value::Array(list) => {
            let split = |entry: &Value| {
                entry
                    .as_str()?
                    .split_once('=')
                    .map(|(n, v)| (n.to_owned(), v.to_owned()))
            };
            list.iter().filter_map(split).collect()
        }
        _ => Vec::new(),
    }
}

/// Scenario: the agent's file in the image with the environment of the stack. Guarantees: its settings are valid, and its
/// probes keep nothing else from being ready.
#[tokio::test]
async fn the_agents_settings_are_valid() {
    let compose = compose().await;
    // `${NAME:-}` is empty where nobody sets it.
    let set = environment(&compose["services"]["lineside"]).into_iter();
    let set = set.filter(|(_, value)| !value.starts_with("${"));
    let sources = Sources {
        config: Some(repository().join("deploy/docker/lineside.toml")),
        directory: Default::default(),
        environment: set.collect::<Environment>(),
    };
    let loaded = load(&sources).unwrap_or_else(|errors| panic!("{errors}"));
    let probes = loaded.settings.probe;
    assert!(probes.len() >= 4 && probes.values().all(|probe| !probe.required));
}

/// Scenario: who talks to whom: lineside to the collector and to all that it probes, the collector to Jaeger, Prometheus to both, Grafana to Jaeger
/// and Prometheus. Guarantees: each name is a service, and each port is one that this service's settings open.
#[tokio::test]
async fn every_port_agrees_with_the_settings() {
    let compose = compose().await;
    let collector = yaml(read("otel-collector/config.yaml")).await;
    let prometheus = yaml(read("prometheus/prometheus.yml")).await;
    let mut talks: Vec<(&str, String)> = Vec::new();
    for (name, value) in environment(&compose["services"]["lineside"]) {
        let export = name.starts_with("LINESIDE_EXPORT__") && name.ends_with("__ENDPOINT");
        let probe = name.starts_with("LINESIDE_PROBE__") && name.ends_with("__URL");
        if export || probe {
            talks.push(("lineside", value));
        }
    }
    talks.extend(
        strings_at(&collector["exporters"], "endpoint")
            .into_iter()
            .map(|to| ("otel-collector", to)),
    );
    talks.extend(
        strings_at(&prometheus["scrape_configs"], "targets")
            .into_iter()
            .map(|to| ("prometheus", to)),
    );
    for source in yaml_files("grafana/provisioning/datasources") {
        let file = yaml(read(&source)).await;
        talks.extend(
            strings_at(&file["datasources"], "url")
                .into_iter()
                .map(|to| ("grafana", to)),
        );
    }
    assert!(talks.len() >= 9, "found only {talks:?}");
    let open = ports_by_service(&collector);
    for (from, to) in talks {
        let Some((host, port)) = host_and_port(&to) else {
            panic!("{from} sends to {to:?}")
        };
        if ["localhost", "0.0.0.0", "127.0.0.1"].contains(&host.as_str()) {
            continue;
        }
        assert!(
            services(&compose).contains_key(&host),
            "{from} sends to {host}, which is no service"
        );
        let known = open
            .iter()
            .any(|(service, number)| *service == host && *number == port);
        assert!(known, "{from} sends to {to}, but {host} opens {open:?}");
    }
}

/// The ports that each service opens: the agent's and the collector's as configured here, the others' as their images do.
fn ports_by_service(collector: &Value) -> Vec<(String, u16)> {
    let mut open: Vec<(String, u16)> = [
        ("lineside", 2271),
        ("lineside", 4317),
        ("lineside", 4318),
        ("jaeger", 4317),
        ("jaeger", 4318),
        ("jaeger", 16686),
        ("prometheus", 9090),
        ("grafana", 3000),
    ]
    .into_iter()
    .map(|(service, port)| (service.to_owned(), port))
    .collect();
    let endpoints = [
        strings_at(&collector["receivers"], "endpoint"),
        strings_at(&collector["exporters"], "endpoint"),
        strings_at(&collector["extensions"], "endpoint"),
    ]
    .concat();
    let telemetry = collector["service"]["telemetry"].to_string();
    open.extend(
        endpoints
            .iter()
            .filter_map(|endpoint| host_and_port(endpoint))
            .filter(|(host, _)| host == "0.0.0.0")
            .map(|(_, port)| ("otel-collector".to_owned(), port)),
    );
    if telemetry.contains("8888") {
        open.push(("otel-collector".to_owned(), 8888));
    }
    open
}

/// Every string under a key `name`, at any depth; lists count one by one.
fn strings_at(value: &Value, name: &str) -> Vec<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| match (key == name, value) {
                (true, Value::String(text)) => vec![text.clone()],
                (true, Value::Array(list)) => list
                    .iter()
                    .filter_map(|item| item.as_str().map(str::to_owned))
                    .collect(),
                (_, value) => strings_at(value, name),
            })
            .collect(),
        Value::Array(list) => list
            .iter()
            .flat_map(|value| strings_at(value, name))
            .collect(),
        _ => Vec::new(),
    }
}

fn yaml_files(directory: &str) -> Vec<String> {
    files(directory, &["yaml", "yml"])
}

fn files(directory: &str, extensions: &[&str]) -> Vec<String> {
    let entries = std::fs::read_dir(repository().join(directory))
        .unwrap_or_else(|error| panic!("{directory}: {error}"));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let wanted = names.filter(|name| {
        extensions
            .iter()
            .any(|extension| name.ends_with(&format!(".{extension}")))
    });
    let found: Vec<String> = wanted.map(|name| format!("{directory}/{name}")).collect();
    assert!(!found.is_empty(), "nothing in {directory}");
    found
}

/// Scenario: the collector's pipelines. Guarantees: traces, metrics and logs each have one, and every receiver, processor
/// and exporter they name is configured.
#[tokio::test]
async fn the_collectors_pipelines_are_whole() {
    let collector = yaml(read("otel-collector/config.yaml")).await;
    for signal in Signal::ALL {
        let pipeline = &collector["service"]["pipelines"][signal.name()];
        for kind in ["receivers", "processors", "exporters"] {
            for name in pipeline[kind].as_array().into_iter().flatten() {
                let configured = collector[kind]
                    .as_object()
                    .is_some_and(|all| all.contains_key(name.as_str().unwrap()));
                assert!(configured, "{signal}: {kind} {name} is not configured");
            }
        }
        assert!(
            !pipeline["exporters"]
                .as_array()
                .expect("exporters")
                .is_empty(),
            "{signal} go nowhere"
        );
    }
}

/// Settings that Debian's Prometheus is too old to know.
const NEWER_THAN_DEBIAN: [&str; 1] = ["scrape_native_histograms: true"];

/// Scenario: `promtool` reads the Prometheus configuration and runs the alert rules on made-up series of a healthy and a
/// sick agent. Guarantees: the configuration is sound; each alert fires for the sick one alone.
#[tokio::test]
async fn prometheus_takes_its_configuration() {
    let known = |line: &&str| !NEWER_THAN_DEBIAN.contains(&line.trim());
    let text = read("prometheus/prometheus.yml");
    let text: Vec<&str> = text.lines().filter(known).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text.join("\n")).unwrap();
    let mut promtool = debian_tool("promtool", "prometheus");
    promtool.args(["check", "config", "--syntax-only"]);
    promtool.arg(file.path());
    run(promtool).await;
    let mut rules = debian_tool("promtool", "prometheus");
    rules
        .args(["test", "rules", "prometheus/tests/lineside.yml"])
        .current_dir(repository());
    run(rules).await;
}

/// The metric names of a PromQL expression: words that are neither functions, labels, keywords nor durations.
fn metric_names(expression: &str) -> Vec<String> {
    let mut code = String::new();
    let (mut depth, mut quoted) = (0, false);
    for letter in expression.chars() {
        match letter {
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            _ if depth == 0 && !quoted => code.push(letter),
            _ => {}
        }
    }
    let prefixes = [
        "lineside_",
        "process_",
        "http_server_",
        "http_client_",
        "rate_limit_",
        "rpc_server_",
        "circuit_breaker_",
        "db_",
        "cache_",
        "queue_",
        "traces_",
        "log_records_",
    ];
    let words = code.split(|letter: char| !(letter.is_alphanumeric() || "_:".contains(letter)));
    let outside_by = words.filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)));
    outside_by
        .filter(|word| !["lineside_export", "lineside_signal", "lineside_route"].contains(word))
        .map(str::to_owned)
        .collect()
}

/// Every expression of a dashboard's panels.
fn expressions(dashboard: &Value) -> Vec<String> {
    strings_at(&dashboard["panels"], "expr")
}

/// Scenario: an agent that has forwarded, refused and been refused, and every query of every dashboard. Guarantees: each
/// names a metric that this agent exposes, so that no panel is empty for ever.
#[tokio::test]
async fn dashboards_ask_for_metrics_that_exist() {
    let past = Past::of_everything().await;
    let metrics = past.agent.metrics().await;
    let families: BTreeSet<&str> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let typed: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let (mut asked, mut missing) = (0, BTreeSet::new());
    for file in files("grafana/dashboards", &["json"]) {
        let dashboard: Value =
            serde_json::from_str(&read(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        for expression in expressions(&dashboard) {
            for name in metric_names(&expression) {
                asked += 1;
                if !families.contains(name.as_str()) && !typed.contains(name.as_str()) {
                    missing.insert(format!("{file} asks for {name}"));
                }
            }
        }
    }
    assert!(
        missing.is_empty(),
        "not exposed by the agent: {missing:#?}\nexposed: {families:#?}"
    );
    assert!(asked >= 10, "the dashboards ask for only {asked} metrics");
}

/// Scenario: every query of every dashboard as a recording rule. Guarantees: Prometheus reads it.
#[tokio::test]
async fn dashboards_speak_promql() {
    let mut rules = Vec::new();
    for file in files("grafana/dashboards", &["json"]) {
        for expression in expressions(&serde_json::from_str(&read(&file)).unwrap()) {
            let expression = expression.replace("$__rate_interval", "1m");
            let expression = expression.replace("$__range", "1h");
            let record = format!("rule{}", rules.len());
            rules.push(serde_json::json!({"record": record, "expr": expression}));
        }
    }
    let groups = serde_json::json!({"groups": [{"name": "dashboards", "rules": rules}]});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), groups.to_string()).unwrap();
    let mut promtool = debian_tool("promtool", "prometheus");
    promtool.args(["check", "rules"]).arg(file.path());
    run(promtool).await;
}

/// Scenario: expressions as dashboards have them. Guarantees: the test above finds the metrics in them and nothing else.
#[test]
fn metric_names_are_found() {
    let expression = r#"sum by (lineside_export) (rate(lineside_items_received_total{lineside_signal="a{b"}[5m])) / process_uptime_seconds"#;
    assert_eq!(
        metric_names(expression),
        ["lineside_items_received_total", "process_uptime_seconds"]
    );
}

/// Scenario: the Dockerfile's text. Guarantees: it builds with the lock file, runs as another user than root, has a health
/// check, and opens the ports that the agent listens on.
#[test]
fn the_image_is_small_and_careful() {
    let dockerfile = read("Dockerfile");
    let has = |start: &str| {
        dockerfile
            .lines()
            .any(|line| line.trim_start().starts_with(start))
    };
    assert!(
        dockerfile.matches("\nFROM ").count() + usize::from(has("FROM ")) >= 2,
        "one stage only"
    );
    assert!(
        dockerfile.contains("--locked"),
        "the image is built without the lock file"
    );
    assert!(
        has("USER ") && !dockerfile.contains("USER root") && !dockerfile.contains("USER 0"),
        "runs as root"
    );
    assert!(has("HEALTHCHECK"), "no health check");
    for port in ["2271", "4317", "4318"] {
        assert!(
            dockerfile
                .lines()
                .any(|line| line.starts_with("EXPOSE") && line.contains(port)),
            "{port} is not exposed"
        );
    }
    let stages: BTreeSet<&str> = dockerfile
        .lines()
        .filter_map(|line| line.split_once(" AS "))
        .map(|(_, name)| name.trim())
        .collect();
    for line in dockerfile.lines().filter(|line| line.starts_with("FROM ")) {
        let image = line
            .split_whitespace()
            .find(|word| !word.starts_with("--") && *word != "FROM")
            .unwrap();
        let pinned = image.contains(':') && !image.ends_with(":latest");
        assert!(pinned || stages.contains(image), "{image} is not pinned");
    }
}
