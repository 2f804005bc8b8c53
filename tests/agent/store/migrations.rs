//! Migrations: what they make, take back and refuse, and several at once.

use std::path::Path;
use std::time::{Duration, Instant};

use lineside::store::{
    MigrationError, Status, StepState, Store, StoreError, StoreOptions, migrate, rollback, status,
};

use super::{Database, databases};
use crate::fixture::eventually;

const PATIENCE: Duration = Duration::from_secs(30);

async fn states(options: &StoreOptions) -> Vec<StepState> {
    let Status(steps) = status(options).await.unwrap();
    steps.into_iter().map(|step| step.state).collect()
}

/// What stands in the way.
fn obstacle<T>(done: Result<T, StoreError>) -> MigrationError {
    match done.map(|_| ()) {
        Err(StoreError::Migration { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

/// Scenario: an empty database is looked at, migrated, migrated again, rolled back, rolled back again, and migrated once more.
/// Guarantees: looking changes nothing; what is applied is one batch, and is taken back as one; what is up to date or empty stays as it
/// is; the way back leads there again.
#[tokio::test]
async fn there_and_back_again() {
    for database in databases().await {
        let options = database.options();
        for _ in 0..2 {
            assert_eq!(
                states(&options).await,
                [StepState::Pending],
                "{}",
                database.name
            );
        }
        assert_eq!(rollback(&options).await.unwrap(), None);
        for _ in 0..2 {
            let batch = migrate(&options).await.unwrap().unwrap();
            assert_eq!((batch.number, batch.versions), (1, vec![1]));
            assert_eq!(migrate(&options).await.unwrap(), None);
            assert_eq!(states(&options).await, [StepState::Applied]);
            let shown = status(&options).await.unwrap();
            assert!(shown.is_up_to_date());
            let (at, batch) = (shown.0[0].applied_at.as_ref().unwrap(), shown.0[0].batch);
            assert_eq!(
                (at.len(), batch),
                ("2031-01-02 03:04:05".len(), Some(1)),
                "{at}"
            );
            database.sql("SELECT count(*) FROM idempotency_keys").await;
            let batch = rollback(&options).await.unwrap().unwrap();
            assert_eq!((batch.number, batch.versions), (1, vec![1]));
            assert_eq!(states(&options).await, [StepState::Pending]);
        }
        database
            .sql("CREATE TABLE idempotency_keys (is_gone INTEGER)")
            .await;
    }
}

/// Scenario: many agents start at once on an empty database, several times.
/// Guarantees: one of them migrates it, once, and all of them can use it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_that_start_at_once_do_not_collide() {
    const AGENTS: usize = 8;
    for mut database in databases().await {
        for _ in 0..10 {
            database.renew().await;
            let opening: Vec<_> = (0..AGENTS)
                .map(|_| {
                    let options = database.options();
                    tokio::spawn(async move { Store::open(&options).await })
                })
                .collect();
            for store in opening {
                let store = store.await.unwrap();
                let store = store.unwrap_or_else(|error| panic!("{}: {error}", database.name));
                store
                    .check()
                    .unwrap_or_else(|error| panic!("{}: {error}", database.name));
                assert_eq!(store.sweep(1).await.unwrap().removed, 0);
                store.close().await;
            }
            let shown = status(&database.options()).await.unwrap();
            assert_eq!((shown.is_up_to_date(), shown.0[0].batch), (true, Some(1)));
        }
    }
}

/// Scenario: a database of a newer binary, one with a migration that was changed, and one that was left in the middle.
/// Guarantees: each is refused by name, whether it is to be used, migrated or rolled back; none of them is changed.
#[tokio::test]
async fn what_does_not_fit_is_refused() {
    for mut database in databases().await {
        let blob = if database.name == "sqlite" {
            "X'00'"
        } else {
            "'\\x00'"
        };
        let cases = [
            (
                format!(
                    "INSERT INTO lineside_migrations (version, description, success, checksum, execution_time) VALUES (7, 'later', TRUE, {blob}, 0)"
                ),
                MigrationError::Newer(7),
                StepState::Newer,
            ),
            (
                format!("UPDATE lineside_migrations SET checksum = {blob}"),
                MigrationError::Changed(1),
                StepState::Changed,
            ),
            (
                "UPDATE lineside_migrations SET success = FALSE".to_owned(),
                MigrationError::HalfApplied(1),
                StepState::HalfApplied,
            ),
        ];
        for (sql, expected, state) in cases {
            database.renew().await;
            let options = database.options();
            migrate(&options).await.unwrap();
            database.sql(&sql).await;
            assert_eq!(
                obstacle(migrate(&options).await),
                expected,
                "{}",
                database.name
            );
            assert_eq!(obstacle(rollback(&options).await), expected);
            assert_eq!(obstacle(Store::open(&options).await), expected);
            let checking = options.clone().without_migrating();
            assert_eq!(obstacle(Store::open(&checking).await), expected);
            assert_eq!(states(&options).await.last(), Some(&state));
            database.sql("SELECT count(*) FROM idempotency_keys").await;
        }
    }
}

/// Scenario: a migration fails, as something else has the name of its table. Guarantees: the error names the migration and what the
/// database says; nothing is changed; when the other has gone, it is applied.
#[tokio::test]
async fn a_migration_that_fails_changes_nothing() {
    for database in databases().await {
        let options = database.options();
        database
            .sql("CREATE TABLE idempotency_keys (of_somebody_else INTEGER)")
            .await;
        let error = obstacle(migrate(&options).await);
        let MigrationError::Failed { version: 1, cause } = error else {
            panic!("{error:?}");
        };
        assert!(
            cause.contains("already exists"),
            "{}: {cause}",
            database.name
        );
        assert_eq!(states(&options).await, [StepState::Pending]);
        database
            .sql("SELECT of_somebody_else FROM idempotency_keys")
            .await;
        database.sql("DROP TABLE idempotency_keys").await;
        assert!(migrate(&options).await.unwrap().is_some());
    }
}

/// Scenario: a store that is not to be migrated, on an empty database and on one that is up to date.
/// Guarantees: the first is refused, with what to run, and stays empty; the second works.
#[tokio::test]
async fn without_migrating_a_store_must_be_up_to_date() {
    for database in databases().await {
        let options = database.options().without_migrating();
        let error = Store::open(&options).await.unwrap_err();
        assert!(
            error.to_string().contains("`lineside db migrate`"),
            "{error}"
        );
        assert_eq!(obstacle::<()>(Err(error)), MigrationError::Pending);
        assert_eq!(
            states(&options).await,
            [StepState::Pending],
            "{}",
            database.name
        );
        migrate(&options).await.unwrap();
        let store = Store::open(&options).await.unwrap();
        store.check().unwrap();
        store.close().await;
    }
}

/// Scenario: a server that is away when the store is opened, comes back, stops, and comes back again.
/// Guarantees: opening is no error; what is asked meanwhile fails, and says what and why without the password; it works as soon as the server does.
#[tokio::test]
async fn a_server_may_come_later() {
    let mut database = Database::postgres().await;
    database.server().stop().await;
    let mut settings = database.settings();
    settings.timeout = Duration::from_millis(700);
    let options = StoreOptions::of(&settings, Path::new("/nonexistent")).unwrap();
    let store = Store::open(&options).await.unwrap();
    for _ in 0..2 {
        let error = store.sweep(1).await.unwrap_err();
        assert!(error.is_passing(), "{error:?}");
        let said = error.to_string();
        let place = database.server().address().to_string();
        assert!(said.contains(&place), "{said}");
        assert!(
            !said.contains("sesame") && !said.contains("probe"),
            "{said}"
        );
        database.server().start_again().await;
        eventually("the store works", PATIENCE, async || {
            store.sweep(1).await.ok()
        })
        .await;
        database.server().stop().await;
    }
    store.close().await;
}

/// Scenario: somebody else holds the table locked. Guarantees: a question fails within store.timeout, and
/// says so; when it is free, the store works again.
#[tokio::test]
async fn a_question_takes_no_longer_than_it_may() {
    let database = Database::postgres().await;
    let mut settings = database.settings();
    settings.timeout = Duration::from_millis(500);
    let options = StoreOptions::of(&settings, Path::new("/nonexistent")).unwrap();
    let store = Store::open(&options).await.unwrap();
    store.sweep(1).await.unwrap();
    let lock = database.lock().await;
    let began = Instant::now();
    let error = store.sweep(1).await.unwrap_err();
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert!(error.to_string().contains("store.timeout"), "{error}");
    assert!(error.may_have_been_done());
    drop(lock);
    let again = async || store.sweep(1).await.ok();
    eventually("the store works", PATIENCE, again).await;
    store.close().await;
}
