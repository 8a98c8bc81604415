//! SQLite: opening the two files, the writer's transaction, the pool of readers. `state.sqlite`
//! and `logs.sqlite` have one writing connection each; readers are read-only by pragma.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::conn::{Conn, Result, StoreError};
use super::migrate::{self, Migrated};

/// How to open a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The state file; the logs are `logs.sqlite` beside it.
    pub path: PathBuf,
    /// Wait for the disk at each commit. Only a simulation goes without.
    pub durable: bool,
    /// Read on the calling task instead of on blocking threads: for the simulator, whose clock
    /// stands still while a foreign thread works.
    pub inline: bool,
}

/// Read access for everybody. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    state: Pool,
    logs: Pool,
    inline: bool,
}

/// The writing connection of one file. The engine's beat owns the state's, the log writer the
/// logs'.
pub struct Writer(Connection);

/// What opening did.
pub struct Opened {
    /// Read access.
    pub store: Store,
    /// The state's writer.
    pub state: Writer,
    /// The logs' writer.
    pub logs: Writer,
    /// What was migrated in the state file.
    pub migrated: Migrated,
}

impl Store {
    /// Opens both files, migrating them if they are older.
    ///
    /// # Errors
    /// When a file cannot be opened or is newer than this program.
    pub fn open(options: &StoreOptions) -> Result<Opened> {
        let logs_path = options.path.with_file_name("logs.sqlite");
        Self::open_both(options.path.clone(), logs_path, options.durable, options.inline)
    }

    fn open_both(path: PathBuf, logs_path: PathBuf, durable: bool, inline: bool) -> Result<Opened> {
        let mut state = connect(&path, durable)?;
        let migrated = migrate::migrate(&mut state, &path, migrate::STATE)?;
        let mut logs = connect(&logs_path, durable)?;
        migrate::migrate(&mut logs, &logs_path, migrate::LOGS)?;
        let inner = Inner { state: Pool::new(path), logs: Pool::new(logs_path), inline };
        let store = Self(Arc::new(inner));
        Ok(Opened { store, state: Writer(state), logs: Writer(logs), migrated })
    }

    /// A store in memory that reads on the calling task: for rehearsals, which leave nothing
    /// behind. It is gone with its last connection; `name` tells those of a process apart.
    ///
    /// # Errors
    /// When there is no memory left.
    pub fn in_memory(name: &str) -> Result<Opened> {
        // SQLite shares a database in memory between connections whose name begins with a slash.
        let path = PathBuf::from(format!("file:/{name}/state.sqlite?vfs=memdb"));
        let logs_path = PathBuf::from(format!("file:/{name}/logs.sqlite?vfs=memdb"));
        Self::open_both(path, logs_path, false, true)
    }

    /// Reads from the state.
    ///
    /// # Errors
    /// What `f` fails with.
    pub async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Conn<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.on(|inner| &inner.state, f).await
    }

    /// Reads from the logs.
    ///
    /// # Errors
    /// What `f` fails with.
    pub async fn read_logs<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Conn<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.on(|inner| &inner.logs, f).await
    }

    /// Does work on files that takes its time where no other task waits for it; an inline store does it
    /// at once, so that a simulated master tells the same story twice.
    ///
    /// # Errors
    /// What `work` fails with.
    pub async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        if self.0.inline {
            return work();
        }
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }

    async fn on<T: Send + 'static>(
        &self,
        pool: fn(&Inner) -> &Pool,
        f: impl FnOnce(&Conn<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.0.inline {
            return pool(&self.0).with(f);
        }
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || pool(&inner).with(f))
            .await
            .map_err(|e| StoreError::new(e.to_string(), "reading"))?
    }
}

impl Writer {
    /// Runs `f` in one transaction and commits it; rolls back when `f` fails.
    ///
    /// # Errors
    /// What `f` or the commit fails with.
    pub fn transaction<T>(&mut self, f: impl FnOnce(&Conn<'_>) -> Result<T>) -> Result<T> {
        let fail = |e: rusqlite::Error| StoreError::from_driver(&e, "transaction");
        let tx = self
            .0
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(fail)?;
        let out = f(&Conn(&tx))?;
        tx.commit().map_err(fail)?;
        Ok(out)
    }
}

/// Read-only connections that wait for the next reader.
struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::new()) }
    }

    fn with<T>(&self, f: impl FnOnce(&Conn<'_>) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => reader(&self.path)?,
        };
        // One snapshot for all that is read together.
        let out = connection
            .unchecked_transaction()
            .map_err(|e| StoreError::from_driver(&e, "reading"))
            .and_then(|tx| f(&Conn(&tx)));
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < 8 {
            idle.push(connection);
        }
        out
    }
}

fn connect(path: &Path, durable: bool) -> Result<Connection> {
    let fail =
        |e: rusqlite::Error| StoreError::from_driver(&e, &format!("opening {}", path.display()));
    let connection = Connection::open(path).map_err(fail)?;
    let synchronous = if durable { "full" } else { "off" };
    connection
        .execute_batch(&format!(
            "pragma journal_mode = wal; pragma synchronous = {synchronous}; pragma foreign_keys = on; \
             pragma journal_size_limit = 67108864; pragma cache_size = -4096; pragma trusted_schema = off;"
        ))
        .map_err(fail)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

fn reader(path: &Path) -> Result<Connection> {
    let fail =
        |e: rusqlite::Error| StoreError::from_driver(&e, &format!("opening {}", path.display()));
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection
        .execute_batch(
            "pragma query_only = on; pragma cache_size = -1024; pragma trusted_schema = off;",
        )
        .map_err(fail)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
