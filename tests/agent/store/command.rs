//! `lineside db`: what it does, what it prints, and how it ends.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use super::{Database, databases};
use crate::fixture::{Agent, Config};
use crate::probes::servers::Postgres;

/// How a command ended, and what it printed.
#[derive(Debug, PartialEq, Eq)]
struct Ended {
    code: i32,
    said: String,
}

/// An agent that does not run, with `database` for its store.
fn agent(database: &Database) -> Agent {
    configured(Config::new().set("store.url", database.url()))
}

fn configured(config: Config) -> Agent {
    let agent = Agent::installed(config);
    agent.write_config();
    agent
}

async fn db(agent: &Agent, arguments: &[&str]) -> Ended {
    let mut command = agent.command(&[&["db"], arguments].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(
        !said.contains(Postgres::PASSWORD) && !said.contains("panicked"),
        "{said}"
    );
    Ended {
        code: output.status.code().expect("an exit code"),
        said,
    }
}

/// Scenario: everything that can be done with a store, in the order of its life.
/// Guarantees: each command does what it says, prints it, and ends with 0; status ends with 1 as long as something is pending; a second time changes nothing.
#[tokio::test]
async fn a_store_is_looked_after() {
    for database in databases().await {
        let agent = agent(&database);
        let says = async |arguments: &[&str], code: i32, text: &str| {
            let ended = db(&agent, arguments).await;
            let fits = ended.code == code && ended.said.contains(text);
            assert!(fits, "{}: {arguments:?}: {ended:?}", database.name);
            ended.said
        };
        says(&["status"], 1, "-  pending\n").await;
        says(&["rollback"], 0, "nothing to take back").await;
        says(&["keys"], 1, "run `lineside db migrate`").await;
        says(&["migrate"], 0, "applied batch 1: migration 1\n").await;
        says(&["migrate"], 0, "up to date").await;
        says(&["status"], 0, "1  applied\n").await;
        says(&["keys"], 0, "no such keys").await;
        for _ in 0..2 {
            says(&["seed"], 0, "6 keys of the route seed").await;
            let keys = says(&["keys"], 0, "seed-not-kept").await;
            assert_eq!(keys.lines().count(), 7, "{keys}");
        }
        let unknown = says(&["keys", "--state=unknown"], 0, "seed-unknown").await;
        assert_eq!(unknown.lines().count(), 2, "{unknown}");
        says(&["keys", "--route=stripe"], 0, "no such keys").await;
        let settle = ["settle", "seed", "seed-unknown", "ran"];
        says(&settle, 0, "does not run again").await;
        says(&settle, 1, "is done").await;
        says(
            &["settle", "seed", "none", "never-ran"],
            1,
            "has no key none",
        )
        .await;
        says(&["keys", "--state=unknown"], 0, "no such keys").await;
        says(&["rollback"], 0, "took back batch 1: migration 1\n").await;
        says(&["status"], 1, "pending").await;
    }
}

/// Scenario: no store is configured. Guarantees: it is a file in the data directory, which is made, for its user alone; looking does not
/// make it.
#[tokio::test]
async fn the_store_is_a_file_by_itself() {
    let agent = configured(Config::new());
    let file = agent.data_directory().join("lineside.db");
    assert_eq!(db(&agent, &["status"]).await.code, 1);
    assert!(!agent.data_directory().exists());
    assert_eq!(db(&agent, &["migrate"]).await.code, 0);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(agent.data_directory()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// Scenario: stores that cannot be: a database of another make, a directory that is missing, a file of something else, a server that is not there, a
/// password that is wrong. Guarantees: 2 where the configuration is wrong, 1 where the database is; each error says what and, where it can, what to
/// do.
#[tokio::test]
async fn mistakes_are_told() {
    let database = Database::postgres().await;
    let address = database.url().split_once('@').unwrap().1.to_owned();
    let wrong = format!("postgres://probe:wrong@{address}");
    let cases = [
        ("redis://localhost/0", 2, "store.url"),
        (
            "sqlite:missing/it.db",
            1,
            "its directory is missing: make it",
        ),
        ("sqlite:lineside.toml", 1, "not a database"),
        ("postgres://probe@127.0.0.1:1/none", 1, "127.0.0.1:1"),
        (wrong.as_str(), 1, "password authentication failed"),
    ];
    for (url, code, text) in cases {
        let agent = configured(Config::new().set("store.url", url));
        let ended = db(&agent, &["migrate"]).await;
        assert!(
            ended.code == code && ended.said.contains(text),
            "{url}: {ended:?}"
        );
        assert!(!ended.said.contains("wrong"), "{ended:?}");
    }
}

/// Scenario: several processes migrate an empty store at once, again and again. Guarantees: one of them does, the others find it up to
/// date, and none fails.
#[tokio::test]
async fn processes_that_migrate_at_once_do_not_collide() {
    const PROCESSES: usize = 4;
    for mut database in databases().await {
        for _ in 0..5 {
            database.renew().await;
            let agent = agent(&database);
            let migrate = &["migrate"];
            let all = [(); PROCESSES].map(|()| db(&agent, migrate));
            let [one, two, three, four] = all;
            let ended: [Ended; PROCESSES] = tokio::join!(one, two, three, four).into();
            let did = ended
                .iter()
                .filter(|ended| ended.said.contains("applied batch 1"));
            assert_eq!(did.count(), 1, "{}: {ended:?}", database.name);
            let fine = ended.iter().all(|ended| ended.code == 0);
            assert!(fine, "{}: {ended:?}", database.name);
        }
    }
}
