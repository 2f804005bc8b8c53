//! The migrations, as they stand in `migrations/` beside the sources.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Where sqlx notes what it applied. Its usual name would be that of an application in the same database as well.
pub(super) const TABLE: &str = "lineside_migrations";

/// One migration, there and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) version: i64,
    pub(super) description: &'static str,
    pub(super) up: &'static str,
    pub(super) down: &'static str,
}

macro_rules! step {
    ($make:literal, $version:literal, $file:literal, $description:literal) => {
        Step {
            version: $version,
            description: $description,
            up: include_str!(concat!(
                "../../../migrations/",
                $make,
                "/",
                $file,
                ".up.sql"
            )),
            down: include_str!(concat!(
                "../../../migrations/",
                $make,
                "/",
                $file,
                ".down.sql"
            )),
        }
    };
}

macro_rules! steps {
    ($make:literal) => {
        &[step!($make, 1, "0001_idempotency_keys", "idempotency keys")]
    };
}

/// The steps for SQLite, in their order.
pub(super) const SQLITE: &[Step] = steps!("sqlite");

/// The same for PostgreSQL.
pub(super) const POSTGRES: &[Step] = steps!("postgres");

impl Step {
    pub(super) fn up(&self) -> Migration {
        self.migration(MigrationType::ReversibleUp, self.up)
    }

    pub(super) fn down(&self) -> Migration {
        self.migration(MigrationType::ReversibleDown, self.down)
    }

    fn migration(&self, kind: MigrationType, statements: &'static str) -> Migration {
        let (version, statements) = (self.version, statements.into_sql_str());
        Migration::new(version, self.description.into(), kind, statements, false)
    }
}

/// What applies `steps`. Who runs it holds the lock.
pub(super) fn migrator(steps: &[Step]) -> Migrator {
    let mut migrator = Migrator::with_migrations(steps.iter().map(Step::up).collect());
    migrator.set_locking(false);
    migrator.dangerous_set_table_name(TABLE);
    migrator
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Scenario: the files in `migrations/`. Guarantees: each of them is part of the binary, and the two makes have the same steps in
    /// the same order.
    #[test]
    fn every_file_is_a_step() {
        for (make, steps) in [("sqlite", SQLITE), ("postgres", POSTGRES)] {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("migrations")
                .join(make);
            let files = std::fs::read_dir(&directory)
                .unwrap()
                .map(|file| file.unwrap().path());
            let mut found: Vec<_> = files
                .map(|file| std::fs::read_to_string(file).unwrap())
                .collect();
            let mut known: Vec<_> = steps.iter().flat_map(|step| [step.up, step.down]).collect();
            found.sort_unstable();
            known.sort_unstable();
            assert_eq!(found, known, "{}", directory.display());
            assert!(steps.is_sorted_by(|one, next| one.version < next.version));
        }
        let names = |steps: &[Step]| -> Vec<_> {
            steps
                .iter()
                .map(|step| (step.version, step.description))
                .collect()
        };
        assert_eq!(names(SQLITE), names(POSTGRES));
    }
}
