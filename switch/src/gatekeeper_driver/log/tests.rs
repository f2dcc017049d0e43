use super::super::log_codec::tests::record;
use super::*;
use proptest::prelude::*;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::tempdir;

fn terms(count: u64) -> Vec<Record> {
    (1..=count).map(Record::Term).collect()
}

#[test]
fn what_was_written_is_read_in_order_by_the_next() {
    let directory = tempdir().unwrap();
    for number in 0..3 {
        let mut log = Log::open(directory.path()).unwrap();
        assert_eq!(log.take_records(), terms(number));
        log.write(&[Record::Term(number + 1)], false).unwrap();
        assert_eq!(log.len().unwrap(), number + 1);
    }
}

#[test]
fn a_snapshot_takes_the_place_of_all_others() {
    let directory = tempdir().unwrap();
    let mut log = Log::open(directory.path()).unwrap();
    log.write(&terms(100), false).unwrap();
    log.write(&terms(2), true).unwrap();
    log.write(&[Record::Term(9)], false).unwrap();
    drop(log);
    let mut log = Log::open(directory.path()).unwrap();
    assert_eq!(log.take_records(), [Record::Term(1), Record::Term(2), Record::Term(9)]);
}

#[test]
fn two_cannot_have_one_log() {
    let directory = tempdir().unwrap();
    let _first = Log::open(directory.path()).unwrap();
    assert!(matches!(Log::open(directory.path()), Err(LogError::InUse(_))));
}

#[test]
fn a_file_that_is_no_log_is_refused() {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join(LOG_FILE), vec![7; 10_000]).unwrap();
    let error = Log::open(directory.path()).unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
}

#[test]
fn a_file_of_another_kind_of_database_is_refused() {
    let directory = tempdir().unwrap();
    let other = Database::create(directory.path().join(LOG_FILE)).unwrap();
    let wrote = other.begin_write().unwrap();
    wrote.open_table(TableDefinition::<u64, u64>::new("other")).unwrap();
    wrote.commit().unwrap();
    drop(other);
    let error = Log::open(directory.path()).unwrap_err();
    assert!(matches!(error, LogError::Format { found: 0, .. }), "{error}");
}

#[test]
fn a_log_that_was_cut_is_refused() {
    let directory = tempdir().unwrap();
    let mut log = Log::open(directory.path()).unwrap();
    log.write(&terms(10_000), false).unwrap();
    drop(log);
    let path = directory.path().join(LOG_FILE);
    let bytes = fs::read(&path).unwrap();
    for part in [1, 100, bytes.len() / 4, bytes.len() / 2, bytes.len() - 4096] {
        fs::write(&path, &bytes[..part]).unwrap();
        assert!(Log::open(directory.path()).is_err(), "{part} of {} bytes", bytes.len());
    }
}

#[test]
fn a_record_of_no_known_kind_is_told_by_its_number() {
    let directory = tempdir().unwrap();
    drop(Log::open(directory.path()).unwrap());
    let database = Database::open(directory.path().join(LOG_FILE)).unwrap();
    let wrote = database.begin_write().unwrap();
    wrote.open_table(RECORDS).unwrap().insert(3, [1, 2, 3].as_slice()).unwrap();
    wrote.commit().unwrap();
    drop(database);
    assert!(matches!(Log::open(directory.path()).unwrap_err(), LogError::Record { number: 3, .. }));
}

#[test]
fn a_log_in_memory_keeps_nothing_and_takes_all() {
    let mut log = Log::in_memory();
    log.write(&terms(3), false).unwrap();
    assert!(log.take_records().is_empty() && !log.is_durable());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_records_come_back(batches: Vec<Vec<u8>>, records in prop::collection::vec(record(), 0..40)) {
        let directory = tempdir().unwrap();
        let mut log = Log::open(directory.path()).unwrap();
        let size = batches.len().max(1);
        for batch in records.chunks(size) {
            log.write(batch, false).unwrap();
        }
        drop(log);
        prop_assert_eq!(Log::open(directory.path()).unwrap().take_records(), records);
    }

    #[test]
    fn a_damaged_file_is_refused_or_read(at: prop::sample::Index, byte: u8) {
        let directory = tempdir().unwrap();
        Log::open(directory.path()).unwrap().write(&terms(50), false).unwrap();
        let path = directory.path().join(LOG_FILE);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= byte;
        fs::write(&path, &bytes).unwrap();
        let _ = Log::open(directory.path());
    }
}

/// A disk that is full from some time on.
#[derive(Debug)]
struct Disk(redb::backends::InMemoryBackend, Arc<AtomicBool>);

impl Disk {
    fn room(&self) -> io::Result<()> {
        if self.1.load(Ordering::Acquire) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.room().and_then(|()| self.0.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.room().and_then(|()| self.0.write(offset, data))
    }
}

/// A log whose disk is full once that is said.
pub(in crate::gatekeeper_driver) fn log_on_a_disk() -> (Log, Arc<AtomicBool>) {
    let is_full = Arc::new(AtomicBool::new(false));
    let disk = Disk(redb::backends::InMemoryBackend::new(), Arc::clone(&is_full));
    let database = Database::builder().create_with_backend(disk).unwrap();
    let mut store = Store { database, path: "disk".into(), next: 0 };
    store.check_format().unwrap();
    let records = store.read().unwrap();
    (Log { store: Some(store), records }, is_full)
}

#[test]
fn a_full_disk_is_told() {
    let (mut log, is_full) = log_on_a_disk();
    log.write(&terms(3), false).unwrap();
    is_full.store(true, Ordering::Release);
    let error = log.write(&terms(3), false).unwrap_err();
    assert!(matches!(error, LogError::System { .. }), "{error}");
}
