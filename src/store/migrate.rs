//! Migrations: an append-only, embedded ledger of numbered SQL files. The version of a database is
//! `user_version`, set in the same transaction. A file with a newer version is refused; before an
//! old one is changed, a copy is kept beside it.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::conn::{Result, StoreError};

/// The migrations of `state.sqlite`, oldest first.
pub const STATE: &[&str] = &[
    include_str!("migrations/0001_start.sql"),
    include_str!("migrations/0002_ends.sql"),
    include_str!("migrations/0003_scripted_schedulers.sql"),
    include_str!("migrations/0004_timed_schedulers.sql"),
    include_str!("migrations/0005_notes.sql"),
    include_str!("migrations/0006_retries.sql"),
    include_str!("migrations/0007_messages.sql"),
    include_str!("migrations/0008_change_sources.sql"),
    include_str!("migrations/0009_patches.sql"),
    include_str!("migrations/0010_quarantine.sql"),
    include_str!("migrations/0011_triggers.sql"),
    include_str!("migrations/0012_codebases.sql"),
    include_str!("migrations/0013_statistics.sql"),
    include_str!("migrations/0014_step_faults.sql"),
    include_str!("migrations/0015_step_places.sql"),
    include_str!("migrations/0016_test_results.sql"),
    include_str!("migrations/0017_artifacts.sql"),
    include_str!("migrations/0018_flaky_tests.sql"),
];
/// The migrations of `logs.sqlite`, oldest first.
pub const LOGS: &[&str] = &[include_str!("migrations/0001_logs.sql")];

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Version before; 0 = the file was new.
    pub from: usize,
    /// Version now.
    pub to: usize,
    /// Copy of the old file, when one was made.
    pub backup: Option<PathBuf>,
}

/// Brings `connection` (the file `path`) to the newest version of `ledger`.
///
/// # Errors
/// When the file is newer than this program, or a statement fails; then nothing has changed.
pub fn migrate(connection: &mut Connection, path: &Path, ledger: &[&str]) -> Result<Migrated> {
    let fail = |e: rusqlite::Error| StoreError::from_driver(&e, "migration");
    let from: i64 = connection.query_row("pragma user_version", [], |r| r.get(0)).map_err(fail)?;
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    if from > ledger.len() {
        return Err(StoreError::new(
            format!(
                "{} has schema {from}, this program knows schemas up to {}. \
                 Start it with the newer halide-ci, or restore the backup from before the upgrade.",
                path.display(),
                ledger.len()
            ),
            "opening the database",
        ));
    }
    if from == ledger.len() {
        return Ok(Migrated { from, to: from, backup: None });
    }
    let backup = (from > 0).then(|| backup_path(path, from));
    if let Some(backup) = &backup {
        // `vacuum into` copies a consistent state, the write-ahead log included.
        let target = backup.to_string_lossy().into_owned();
        if !backup.exists() {
            connection.execute("vacuum into ?1", [target]).map_err(fail)?;
        }
    }
    let tx = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(fail)?;
    for sql in &ledger[from..] {
        tx.execute_batch(sql).map_err(fail)?;
    }
    tx.execute_batch(&format!("pragma user_version = {}", ledger.len())).map_err(fail)?;
    tx.commit().map_err(fail)?;
    Ok(Migrated { from, to: ledger.len(), backup })
}

fn backup_path(path: &Path, version: usize) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".schema-{version}.backup"));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &[&str] = &["create table kept (word text); insert into kept values ('old');"];
    const NEW: &[&str] = &[OLD[0], "alter table kept add column more text default 'new';"];

    fn open(path: &Path) -> Connection {
        Connection::open(path).unwrap()
    }

    #[test]
    fn an_older_file_is_copied_before_it_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        let fresh = migrate(&mut open(&path), &path, OLD).unwrap();
        assert_eq!(fresh, Migrated { from: 0, to: 1, backup: None });
        let upgraded = migrate(&mut open(&path), &path, NEW).unwrap();
        let backup = upgraded.backup.unwrap();
        assert_eq!((upgraded.from, upgraded.to), (1, 2));
        let read = |path: &Path, sql: &str| {
            open(path).query_row(sql, [], |r| r.get::<_, String>(0)).unwrap()
        };
        assert_eq!(read(&path, "select word || more from kept"), "oldnew");
        assert_eq!(read(&backup, "select word from kept"), "old");
        let again = migrate(&mut open(&path), &path, NEW).unwrap();
        assert_eq!(again, Migrated { from: 2, to: 2, backup: None });
    }

    #[test]
    fn a_newer_file_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        migrate(&mut open(&path), &path, NEW).unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = migrate(&mut open(&path), &path, OLD).unwrap_err();
        assert!(error.message.contains("schema 2, this program knows schemas up to 1"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        migrate(&mut open(&path), &path, OLD).unwrap();
        let broken =
            &[OLD[0], "alter table kept add column more text; alter table missing drop column x;"];
        assert!(migrate(&mut open(&path), &path, broken).is_err());
        let version: i64 = open(&path).query_row("pragma user_version", [], |r| r.get(0)).unwrap();
        assert_eq!(version, 1);
        assert!(open(&path).prepare("select more from kept").is_err());
    }

    #[test]
    fn the_outbox_keeps_its_rows_in_its_new_shape() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        let mut connection = open(&path);
        migrate(&mut connection, &path, &STATE[..6]).unwrap();
        let rows = "insert into builders (id, name, tags, position, next_number) values (1, 'linux', '[]', 0, 1); \
             insert into buildsets (id, reason, submitted_at, properties) values (2, '', 1, '{}'); \
             insert into buildrequests (id, buildset_id, builder_id, priority, submitted_at, waited_for, attempts) \
             values (3, 2, 1, 0, 1, 0, 0); \
             insert into outbox (id, reporter, kind, request_id, created_at, due_at, attempts, state, message) \
             values (7, 'github', 'build_started', 3, 1, 2, 4, 'waiting', '[]')";
        connection.execute_batch(rows).unwrap();
        drop(connection);
        migrate(&mut open(&path), &path, STATE).unwrap();
        let kept = "select id || reporter || kind || request_id || attempts || state || message || \
             (generator is null) from outbox";
        let kept: String = open(&path).query_row(kept, [], |r| r.get(0)).unwrap();
        assert_eq!(kept, "7githubbuild_started34waiting[]1");
    }
}
