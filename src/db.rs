//! `lineside db`: what it does, and what it prints.

use crate::cli::{DbCommand, KeysAsked, Settle};
use crate::config::Settings;
use crate::store::{self, Batch, KeyFilter, Settled, Store, StoreError, StoreOptions, Verdict};

/// What was done, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// One line or a table.
    pub said: String,
    /// Whether it is what was asked for.
    pub is_well: bool,
}

impl Done {
    fn well(said: String) -> Done {
        Done {
            said,
            is_well: true,
        }
    }

    fn not(said: String) -> Done {
        Done {
            said,
            is_well: false,
        }
    }
}

/// Does `command` with the store of `settings`.
///
/// # Errors
///
/// The settings cannot be used; the database does not answer, refuses, or does not fit to this binary.
pub async fn run(command: &DbCommand, settings: &Settings) -> Result<Done, StoreError> {
    let options = StoreOptions::of(&settings.store, &settings.data_dir)?;
    let place = options.place();
    match command {
        DbCommand::Migrate => Ok(match store::migrate(&options).await? {
            Some(batch) => Done::well(format!("✓ {place}: applied {}", shown(&batch))),
            None => Done::well(format!("✓ {place}: up to date")),
        }),
        DbCommand::Rollback => Ok(match store::rollback(&options).await? {
            Some(batch) => Done::well(format!("✓ {place}: took back {}", shown(&batch))),
            None => Done::well(format!("✓ {place}: nothing to take back")),
        }),
        DbCommand::Status => {
            let status = store::status(&options).await?;
            Ok(Done {
                said: format!("{place}\n{status}").trim_end().to_owned(),
                is_well: status.is_up_to_date(),
            })
        }
        DbCommand::Seed | DbCommand::Keys(_) | DbCommand::Settle(_) => {
            let store = Store::open(&options.without_migrating()).await?;
            let done = with_store(command, &store).await;
            store.close().await;
            done
        }
    }
}

fn shown(batch: &Batch) -> String {
    let versions: Vec<_> = batch.versions.iter().map(i64::to_string).collect();
    format!("batch {}: migration {}", batch.number, versions.join(", "))
}

async fn with_store(command: &DbCommand, store: &Store) -> Result<Done, StoreError> {
    store.check()?;
    match command {
        DbCommand::Keys(asked) => keys(asked, store).await,
        DbCommand::Settle(settle) => settled(settle, store).await,
        _ => seeded(store).await,
    }
}

async fn seeded(store: &Store) -> Result<Done, StoreError> {
    let seeded = store.seed().await?;
    let said = format!("{} keys of the route seed are written", seeded.written);
    Ok(match seeded.left_alone {
        0 => Done::well(format!("✓ {said}")),
        others => Done::not(format!(
            "⚠ {said}; {others} were left alone, as keys with these names are no seeds"
        )),
    })
}

async fn keys(asked: &KeysAsked, store: &Store) -> Result<Done, StoreError> {
    let filter = KeyFilter {
        route: asked.route.clone(),
        state: asked.state.clone(),
        limit: asked.limit,
    };
    let list = store.list_keys(&filter).await?;
    Ok(Done::well(match list.0.is_empty() {
        true => "no such keys".to_owned(),
        false => list.to_string().trim_end().to_owned(),
    }))
}

async fn settled(settle: &Settle, store: &Store) -> Result<Done, StoreError> {
    let (route, key, verdict) = (&settle.route, &settle.key, settle.verdict());
    let settled = store.settle(route, key, &settle.caller, verdict).await?;
    Ok(match (settled, verdict) {
        (Settled::Yes, Verdict::Ran) => Done::well(format!(
            "✓ {key} of {route}: its request does not run again"
        )),
        (Settled::Yes, Verdict::NeverRan) => {
            Done::well(format!("✓ {key} of {route}: its request may run again"))
        }
        (Settled::NoSuchKey, _) => Done::not(format!(
            "✗ {route} has no key {key}: `lineside db keys` prints those there are"
        )),
        (Settled::Several(count), _) => Done::not(format!(
            "✗ {count} callers have the key {key}: say which with --caller, as `lineside db keys` prints it"
        )),
        (Settled::NotUnknown(state), _) => Done::not(format!(
            "✗ {key} of {route} is {state}: only a key whose outcome is unknown can be settled"
        )),
    })
}
