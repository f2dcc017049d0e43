//! The durable log: what outlives the control plane, in a directory, or in this process alone.
//!
//! A thread of its own writes: all records that came meanwhile go to the disk at once, so that nobody waits for the disk but who has to.

use super::log_codec::{decode, encode};
use crate::gatekeeper::Record;
use bifrost_rpc::thrift;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use std::io;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// The file in the log's directory.
pub const LOG_FILE: &str = "gatekeeper.redb";
/// The form of the file. Another one is refused.
const FORMAT: u64 = 1;

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The directory cannot be made.
    #[error("cannot make {path}: {error}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another process has it.
    #[error("{0} is in use: another control plane runs with this log")]
    InUse(PathBuf),
    /// The file is no log, or has suffered.
    #[error("{path} is no log of a control plane, or is damaged ({error}): restore it, or move it away to begin anew")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: String,
    },
    /// The file was written by another version.
    #[error("{path} has format {found}, and this version knows {FORMAT}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// A record cannot be read.
    #[error("record {number} of {path} cannot be read: restore the file, or move it away to begin anew")]
    Record {
        /// The file.
        path: PathBuf,
        /// The record.
        number: u64,
    },
    /// The system refuses to read or write.
    #[error("cannot use {path}: {error}")]
    System {
        /// The file.
        path: PathBuf,
        /// What it says.
        error: String,
    },
}

/// A log.
#[derive(Debug)]
pub struct Log {
    /// `None`: nothing is kept.
    store: Option<Store>,
    records: Vec<Record>,
}

#[derive(Debug)]
struct Store {
    database: Database,
    path: PathBuf,
    /// The number of the next record.
    next: u64,
}

impl Log {
    /// A log that ends with this process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { store: None, records: Vec::new() }
    }

    /// The log in a directory, which is made if it is not there. One process at a time can have it.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        let made = std::fs::create_dir_all(directory);
        made.map_err(|error| LogError::Directory { path: directory.to_owned(), error })?;
        let path = directory.join(LOG_FILE);
        // The store panics at some files that were cut.
        let opened = catch_unwind(|| Self::open_file(&path));
        opened.unwrap_or_else(|_| Err(LogError::Damaged { path, error: "it is shorter than it says".to_owned() }))
    }

    fn open_file(path: &Path) -> Result<Self, LogError> {
        let database = Database::create(path).map_err(|error| open_error(path, error))?;
        let mut store = Store { database, path: path.to_owned(), next: 0 };
        store.check_format()?;
        let records = store.read()?;
        Ok(Self { store: Some(store), records })
    }

    /// What it says, in order. The records are taken out; those that are written later come behind them.
    #[must_use]
    pub fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// Whether anything outlives this process.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.store.is_some()
    }

    /// How many records the file has.
    pub(super) fn len(&self) -> Result<u64, LogError> {
        self.store.as_ref().map_or(Ok(0), Store::len)
    }

    /// Puts records behind the others; with `replaces`, in place of all others. On stable storage when it returns.
    pub(super) fn write(&mut self, records: &[Record], replaces: bool) -> Result<(), LogError> {
        self.store.as_mut().map_or(Ok(()), |store| store.write(records, replaces))
    }
}

impl Store {
    fn system(&self, error: impl Into<redb::Error>) -> LogError {
        failure(&self.path, error.into())
    }

    fn check_format(&self) -> Result<(), LogError> {
        let wrote = self.database.begin_write().map_err(|error| self.system(error))?;
        {
            let is_new = wrote.list_tables().map_err(|error| self.system(error))?.next().is_none();
            let mut about = wrote.open_table(ABOUT).map_err(|error| self.system(error))?;
            let found = about.get("format").map_err(|error| self.system(error))?.map(|found| found.value());
            match found {
                Some(FORMAT) => {}
                None if is_new => drop(about.insert("format", FORMAT).map_err(|error| self.system(error))?),
                found => return Err(LogError::Format { path: self.path.clone(), found: found.unwrap_or(0) }),
            }
            wrote.open_table(RECORDS).map_err(|error| self.system(error))?;
        }
        wrote.commit().map_err(|error| self.system(error))
    }

    fn read(&mut self) -> Result<Vec<Record>, LogError> {
        let read = self.database.begin_read().map_err(|error| self.system(error))?;
        let table = read.open_table(RECORDS).map_err(|error| self.system(error))?;
        let mut records = Vec::new();
        for row in table.iter().map_err(|error| self.system(error))? {
            let (number, bytes) = row.map_err(|error| self.system(error))?;
            let number = number.value();
            let record = decode(bytes.value());
            records.push(record.ok_or_else(|| LogError::Record { path: self.path.clone(), number })?);
            self.next = number + 1;
        }
        Ok(records)
    }

    fn len(&self) -> Result<u64, LogError> {
        use redb::ReadableTableMetadata;
        let read = self.database.begin_read().map_err(|error| self.system(error))?;
        let table = read.open_table(RECORDS).map_err(|error| self.system(error))?;
        table.len().map_err(|error| self.system(error))
    }

    fn write(&mut self, records: &[Record], replaces: bool) -> Result<(), LogError> {
        let wrote = self.database.begin_write().map_err(|error| self.system(error))?;
        let mut next = self.next;
        {
            let mut table = wrote.open_table(RECORDS).map_err(|error| self.system(error))?;
            if replaces {
                table.retain(|_, _| false).map_err(|error| self.system(error))?;
            }
            for record in records {
                let bytes = encode(record).map_err(|error: thrift::Error| LogError::System {
                    path: self.path.clone(),
                    error: error.to_string(),
                })?;
                table.insert(next, bytes.as_slice()).map_err(|error| self.system(error))?;
                next += 1;
            }
        }
        wrote.commit().map_err(|error| self.system(error))?;
        self.next = next;
        Ok(())
    }
}

fn open_error(path: &Path, error: DatabaseError) -> LogError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => LogError::InUse(path.to_owned()),
        error => failure(path, error.into()),
    }
}

fn failure(path: &Path, error: redb::Error) -> LogError {
    let path = path.to_owned();
    match error {
        // A file that ends too early, or does not begin as it should.
        redb::Error::Io(io) if matches!(io.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData) => {
            LogError::Damaged { path, error: io.to_string() }
        }
        redb::Error::Corrupted(error) => LogError::Damaged { path, error },
        error => LogError::System { path, error: error.to_string() },
    }
}

#[cfg(test)]
pub(super) mod tests;
