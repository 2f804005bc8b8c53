//! deploy/: what can be checked of it without systemd as the init and without a cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lineside::cli::{self, Command, Exit};
use lineside::config::{self, Environment, Settings, Sources};
use lineside::healthcheck::Probe;
use serde_json::Value;

use crate::fixture::{Agent, Config, debian_tool, repository, run};

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The settings that a configuration file gives, with these variables of the environment.
fn settings(file: &str, environment: Environment) -> Settings {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lineside.toml");
    std::fs::write(&path, file).unwrap();
    let sources = Sources {
        config: Some(path),
        directory: PathBuf::new(),
        environment,
    };
    let loaded = config::load(&sources).unwrap_or_else(|errors| panic!("{errors}\nin {file}"));
    loaded.settings
}

/// The values of `key` in `[section]` of a unit file.
fn values(unit: &str, section: &str, key: &str) -> Vec<String> {
    let (mut inside, mut found) = (false, Vec::new());
    for line in unit.lines().map(str::trim) {
        match line.split_once('=') {
            _ if line.starts_with('[') => inside = line == format!("[{section}]"),
            Some((name, value)) if inside && name == key => found.push(value.to_owned()),
            _ => {}
        }
    }
    found
}

fn service(key: &str) -> String {
    let unit = read("deploy/systemd/lineside.service");
    let all = values(&unit, "Service", key);
    assert_eq!(all.len(), 1, "{key}: {all:?}");
    all[0].clone()
}

fn seconds(value: &str) -> Duration {
    humantime::parse_duration(value).unwrap_or_else(|error| panic!("{value}: {error}"))
}

/// Scenario: the unit through `systemd-analyze verify`, with the binary under test in place of the installed one.
/// Guarantees: no complaint.
#[tokio::test]
async fn systemd_takes_the_unit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lineside.service");
    let unit = read("deploy/systemd/lineside.service");
    let installed = "ExecStart=/usr/local/bin/lineside ";
    assert!(unit.contains(installed));
    let under_test = format!("ExecStart={} ", env!("CARGO_BIN_EXE_lineside"));
    std::fs::write(&path, unit.replace(installed, &under_test)).unwrap();
    let mut analyze = debian_tool("systemd-analyze", "systemd");
    analyze.arg("verify").arg("--man=no").arg(&path);
    let output = run(analyze).await;
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!complaints.contains("lineside"), "{complaints}");
}

/// Scenario: the unit beside the agent's own numbers. Guarantees: its command line is one; it waits for READY and
/// watches; it gives the end longer than the deadline; wrong usage alone is not tried again; the only directory that may
/// be written to is where the data goes; systemd's socket and as many connections as are allowed can be opened, and no
/// more is taken away from the system calls than the agent can do without.
#[test]
fn the_unit_fits_the_agent() {
    let command = service("ExecStart");
    let cli = cli::parse_from(command.split(' ')).unwrap();
    assert_eq!(cli.action(), Command::Run);
    assert_eq!(
        cli.config.as_deref(),
        Some(Path::new("/etc/lineside/lineside.toml"))
    );
    assert_eq!(
        (service("Type").as_str(), service("NotifyAccess").as_str()),
        ("notify", "main")
    );
    assert!(seconds(&service("WatchdogSec")) >= Duration::from_secs(10));
    let settings = Settings::default();
    assert!(
        seconds(&service("TimeoutStopSec")) >= settings.shutdown.deadline + Duration::from_secs(5)
    );
    assert_eq!(service("Restart"), "on-failure");
    assert_eq!(
        service("RestartPreventExitStatus"),
        Exit::Usage.code().to_string()
    );
    assert_eq!(service("ProtectSystem"), "strict");
    let data = format!("/var/lib/{}", service("StateDirectory"));
    assert_eq!(service("Environment"), format!("LINESIDE_DATA_DIR={data}"));
    let families = service("RestrictAddressFamilies");
    for family in ["AF_UNIX", "AF_INET", "AF_INET6"] {
        assert!(families.split(' ').any(|one| one == family), "{families}");
    }
    let connections = 2 * settings.receive.max_connections + settings.api.max_connections;
    assert!(service("LimitNOFILE").parse::<u32>().unwrap() >= 2 * connections);
    assert!(bytes(&service("MemoryMax")) >= memory(&settings) * 3 / 2);
    let unit = read("deploy/systemd/lineside.service");
    let calls = values(&unit, "Service", "SystemCallFilter");
    assert_eq!(calls, ["@system-service", "~@privileged @resources"]);
}

/// Bytes of memory that the settings allow.
fn memory(settings: &Settings) -> u64 {
    let (receive, series) = (&settings.receive, &settings.series);
    receive.in_flight_bytes.0
        + settings.journal.memory_bytes.0
        + series.max_memory.0
        + series.queue_bytes.0
}

/// Bytes of disk that the settings allow; the file of continuity is there twice while it is written anew.
fn disk(settings: &Settings) -> u64 {
    settings.journal.max_bytes.0 + 2 * settings.series.continuity_max_bytes.0
}

/// `512M` as systemd writes it, `512Mi` as Kubernetes does.
fn bytes(quantity: &str) -> u64 {
    let number = quantity.trim_end_matches('i');
    let (number, shift) = match number.as_bytes().last() {
        Some(b'G') => (number.trim_end_matches('G'), 30),
        Some(b'M') => (number.trim_end_matches('M'), 20),
        _ => (number, 0),
    };
    number
        .parse::<u64>()
        .unwrap_or_else(|error| panic!("{quantity}: {error}"))
        << shift
}

/// A Kubernetes manifest.
struct Manifest {
    documents: Vec<Value>,
    /// The kind that makes Pods.
    kind: &'static str,
    /// Where in the Pod the agent stands.
    list: &'static str,
}

impl Manifest {
    async fn all() -> [Manifest; 2] {
        [
            Manifest::read("daemonset", "DaemonSet", "containers").await,
            Manifest::read("sidecar", "Deployment", "initContainers").await,
        ]
    }

    async fn read(name: &str, kind: &'static str, list: &'static str) -> Manifest {
        let mut python = debian_tool("/usr/bin/python3", "docker-compose");
        let program = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
        let path = repository().join(format!("deploy/kubernetes/{name}.yaml"));
        python.args(["-c", program]).arg(path);
        let documents = serde_json::from_slice(&run(python).await.stdout).unwrap();
        Manifest {
            documents,
            kind,
            list,
        }
    }

    fn the(&self, kind: &str) -> &Value {
        let mut all = self.documents.iter().filter(|one| one["kind"] == kind);
        let found = all.next().unwrap_or_else(|| panic!("no {kind}"));
        assert!(all.next().is_none(), "more than one {kind}");
        found
    }

    fn pod(&self) -> &Value {
        &self.the(self.kind)["spec"]["template"]
    }

    fn agent(&self) -> &Value {
        named(&self.pod()["spec"][self.list], "lineside")
    }

    fn settings(&self) -> Settings {
        let file = self.the("ConfigMap")["data"]["lineside.toml"].as_str();
        settings(file.expect("lineside.toml"), Environment::default())
    }

    /// What is mounted at `path` in the agent's container.
    fn volume_at(&self, path: &str) -> &Value {
        let mounts = self.agent()["volumeMounts"].as_array().unwrap();
        let mount = mounts.iter().find(|mount| mount["mountPath"] == path);
        let mount = mount.unwrap_or_else(|| panic!("nothing at {path}"));
        named(
            &self.pod()["spec"]["volumes"],
            mount["name"].as_str().unwrap(),
        )
    }
}

/// The entry of a list with this name.
fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let all = list.as_array().expect("a list");
    all.iter()
        .find(|one| one["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {list}"))
}

/// Scenario: the ports of each manifest. Guarantees: the agent listens on them on every address, each has a name of at most
/// 15 characters, and who asks by number or name asks one that there is.
#[tokio::test]
async fn ports_agree_with_the_configuration() {
    for manifest in Manifest::all().await {
        let settings = manifest.settings();
        let receive = &settings.receive;
        let listeners = [
            settings.api.listen,
            receive.grpc.listen,
            receive.http.listen,
        ];
        let open: Vec<_> = listeners
            .iter()
            .filter(|listen| listen.ip().is_unspecified())
            .map(|listen| u64::from(listen.port()))
            .collect();
        let ports = manifest.agent()["ports"].as_array().unwrap();
        let mut named_ports: Vec<_> = ports
            .iter()
            .map(|port| port["containerPort"].as_u64().unwrap())
            .collect();
        named_ports.sort_by_key(|port| open.iter().position(|one| one == port));
        assert_eq!(named_ports, open, "{}", manifest.kind);
        let names: Vec<_> = ports
            .iter()
            .map(|port| port["name"].as_str().unwrap())
            .collect();
        assert!(
            names.iter().all(|name| (1..=15).contains(&name.len())),
            "{names:?}"
        );
        let annotations = &manifest.pod()["metadata"]["annotations"];
        let api = settings.api.listen.port();
        assert_eq!(annotations["prometheus.io/port"], api.to_string());
        assert_eq!(annotations["prometheus.io/path"], "/metrics");
        for probe in ["startupProbe", "livenessProbe"] {
            let asked = &manifest.agent()[probe]["httpGet"]["port"];
            let port = named(&manifest.agent()["ports"], asked.as_str().unwrap());
            assert_eq!(port["containerPort"], api, "{probe}");
        }
    }
    let [daemonset, _] = Manifest::all().await;
    let service = &daemonset.the("Service")["spec"];
    for port in service["ports"].as_array().unwrap() {
        let target = port["targetPort"].as_str().unwrap();
        let container = named(&daemonset.agent()["ports"], target);
        assert_eq!(container["containerPort"], port["port"]);
    }
    assert_eq!(service["publishNotReadyAddresses"], true);
}

/// Seconds until a check with the default settings is known to fail.
fn until_known() -> u64 {
    let config = "[probe.db]\nurl = \"postgres://app@db/orders\"\n";
    let settings = settings(config, Environment::default());
    let probe = &settings.probe["db"];
    let runs = probe.timeout * probe.failures;
    (runs + probe.confirm_every * (probe.failures - 1)).as_secs()
}

/// Scenario: the paths that are probed and scraped, asked of a real agent. Guarantees: each answers 200; start and life are
/// asked for what they are, the start for longer than a check with the defaults takes until it is known to fail;
/// readiness is asked only where no service depends on it.
#[tokio::test]
async fn probes_ask_what_they_should() {
    let agent = Agent::start(Config::new()).await;
    let [live, ready, startup] = [Probe::Live, Probe::Ready, Probe::Startup].map(Probe::path);
    for manifest in Manifest::all().await {
        let container = manifest.agent();
        let asked = |probe: &str| {
            container[probe]["httpGet"]["path"]
                .as_str()
                .map(str::to_owned)
        };
        assert_eq!(asked("startupProbe").as_deref(), Some(startup));
        let number = |key: &str| container["startupProbe"][key].as_u64().unwrap();
        let patience = number("periodSeconds") * number("failureThreshold");
        assert!(patience >= 4 * until_known(), "{}", manifest.kind);
        assert_eq!(asked("livenessProbe").as_deref(), Some(live));
        let is_alone = manifest.list == "containers";
        assert_eq!(
            asked("readinessProbe").as_deref(),
            is_alone.then_some(ready)
        );
    }
    for path in [live, ready, startup, "/metrics"] {
        assert_eq!(
            agent.get(path).await.expect("an answer").status,
            200,
            "{path}"
        );
    }
}

/// Scenario: how long each manifest gives the end. Guarantees: what comes before SIGTERM and `shutdown.deadline` fit in with
/// time to spare; a sidecar is one that is ended after the service, whose usual 30 s fit in as well.
#[tokio::test]
async fn the_end_has_time() {
    for manifest in Manifest::all().await {
        let grace = manifest.pod()["spec"]["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap();
        let before = match manifest.list {
            "containers" => manifest.agent()["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64(),
            _ => Some(30),
        };
        let before = before.expect("preStop");
        assert!(before >= 5);
        let deadline = manifest.settings().shutdown.deadline.as_secs();
        assert!(
            grace >= before + deadline + 5,
            "{}: {grace} s",
            manifest.kind
        );
    }
    let [_, sidecar] = Manifest::all().await;
    assert_eq!(sidecar.agent()["restartPolicy"], "Always");
}

/// Scenario: what the agent's container may do, and what it is given. Guarantees: it is not root and has no capability; its
/// only places are its configuration and its data; memory and disk hold what the settings allow; the image is of this
/// version.
#[tokio::test]
async fn containers_are_careful_and_have_room() {
    for manifest in Manifest::all().await {
        let container = manifest.agent();
        let may = &container["securityContext"];
        for (key, value) in [
            ("runAsNonRoot", true),
            ("allowPrivilegeEscalation", false),
            ("readOnlyRootFilesystem", true),
        ] {
            assert_eq!(may[key], value, "{}: {key}", manifest.kind);
        }
        assert_eq!(may["capabilities"], serde_json::json!({"drop": ["ALL"]}));
        let user = may["runAsUser"].to_string();
        assert!(
            read("Dockerfile").contains(&format!("\nUSER {user}:{user}\n")),
            "{user}"
        );
        let settings = manifest.settings();
        let data = manifest.volume_at(settings.data_dir.to_str().unwrap());
        if let Some(limit) = data["emptyDir"]["sizeLimit"].as_str() {
            assert!(bytes(limit) >= disk(&settings) * 5 / 4, "{limit}");
        }
        let config = manifest.volume_at("/etc/lineside");
        assert_eq!(
            config["configMap"]["name"],
            manifest.the("ConfigMap")["metadata"]["name"]
        );
        let limit = container["resources"]["limits"]["memory"].as_str().unwrap();
        assert!(bytes(limit) >= memory(&settings) * 3 / 2, "{limit}");
        let image = container["image"].as_str().unwrap();
        assert!(
            image.ends_with(concat!("/lineside:", env!("CARGO_PKG_VERSION"))),
            "{image}"
        );
        assert!(!settings.export.is_empty(), "nothing is exported");
    }
}

/// The arguments of an instruction in exec form.
fn exec_form<'a>(dockerfile: &'a str, instruction: &str) -> Vec<String> {
    let line = dockerfile
        .lines()
        .map(str::trim_start)
        .find_map(|line: &'a str| line.strip_prefix(instruction));
    let list = line.unwrap_or_else(|| panic!("no {instruction}")).trim();
    serde_json::from_str(list).unwrap_or_else(|error| panic!("{list}: {error}"))
}

/// Scenario: the image's health check beside its entry point, and the configuration in the image. Guarantees: both read
/// the same file, liveness is asked within the time that the engine gives, and the file is valid.
#[test]
fn the_image_asks_itself() {
    let dockerfile = read("Dockerfile");
    let entry = cli::parse_from(exec_form(&dockerfile, "ENTRYPOINT ")).unwrap();
    let check = cli::parse_from(exec_form(&dockerfile, "CMD ")).unwrap();
    assert_eq!(check.config, entry.config);
    let Command::Healthcheck(asked) = check.action() else {
        panic!("the health check is {check:?}");
    };
    assert_eq!((asked.probe(), &asked.url), (Probe::Live, &None));
    assert!(dockerfile.contains("HEALTHCHECK --interval=10s --timeout=5s"));
    assert!(asked.timeout < Duration::from_secs(5));
    let inside = settings(&read("deploy/docker/lineside.toml"), Environment::default());
    assert!(inside.api.listen.ip().is_unspecified());
}

/// Scenario: a unit with a key twice, in two sections, and in a comment. Guarantees: the tests above see what systemd sees.
#[test]
fn unit_files_are_read() {
    let unit = "[A]\nK=1\n# K=2\n[B]\nK=3\n K=4 5\nL=6\n";
    assert_eq!(values(unit, "A", "K"), ["1"]);
    assert_eq!(values(unit, "B", "K"), ["3", "4 5"]);
    assert_eq!(
        ["512M", "512Mi", "3Gi", "7"].map(bytes),
        [512 << 20, 512 << 20, 3 << 30, 7]
    );
}
