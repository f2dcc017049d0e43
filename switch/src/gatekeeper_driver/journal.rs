//! The thread that writes the log: all that waits goes to the disk at once.

use super::log::{Log, LogError};
use crate::gatekeeper::Record;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// The file is made short when it has so many records more than when it was made short last, and twice as many.
const GROWTH: u64 = 1024;

/// What the thread is told.
#[derive(Debug)]
enum Told {
    Record(u64, Record),
    /// These take the place of all records that it was told before.
    Replace(Vec<Record>),
}

/// What the thread tells.
#[derive(Debug)]
pub(super) enum Wrote {
    /// All up to this number are on stable storage.
    Up(u64),
    /// The file has grown: it is time for a snapshot.
    Grown,
    /// Nothing is written any more, and why.
    Failed(String),
}

/// The log's thread. Dropping it waits until all is written.
#[derive(Debug)]
pub(super) struct Journal {
    told: Option<Sender<Told>>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    /// Starts the thread, which tells what it does.
    pub(super) fn start(log: Log, tell: impl Fn(Wrote) + Send + 'static) -> io::Result<Self> {
        let (told, orders) = channel();
        let run = move || {
            // The store panics at some files that are changed behind its back.
            let ended = catch_unwind(AssertUnwindSafe(|| run(log, &orders, &tell)));
            let fault = match ended {
                Ok(ended) => ended.err().map(|error| error.to_string()),
                Err(_) => Some("the log's store panicked".to_owned()),
            };
            fault.into_iter().for_each(|fault| tell(Wrote::Failed(fault)));
        };
        let thread = std::thread::Builder::new().name("bifrost-log".into()).spawn(run)?;
        Ok(Self { told: Some(told), thread: Some(thread) })
    }

    /// Has a record written.
    pub(super) fn write(&self, number: u64, record: Record) {
        self.tell(Told::Record(number, record));
    }

    /// Has all records before replaced.
    pub(super) fn replace(&self, records: Vec<Record>) {
        self.tell(Told::Replace(records));
    }

    fn tell(&self, told: Told) {
        if let Some(sender) = &self.told {
            // A thread that has failed has said so.
            let _ = sender.send(told);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.told = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

fn run(mut log: Log, orders: &Receiver<Told>, tell: &impl Fn(Wrote)) -> Result<(), LogError> {
    let mut records_max = 2 * log.len()? + GROWTH;
    while let Ok(first) = orders.recv() {
        let (mut batch, mut last, mut replaces) = (Vec::new(), None, false);
        for told in std::iter::once(first).chain(orders.try_iter()) {
            match told {
                Told::Record(number, record) => {
                    last = Some(number);
                    batch.push(record);
                }
                Told::Replace(records) => (batch, replaces) = (records, true),
            }
        }
        log.write(&batch, replaces)?;
        last.into_iter().for_each(|number| tell(Wrote::Up(number)));
        let records = log.len()?;
        if replaces {
            records_max = 2 * records + GROWTH;
        } else if records > records_max {
            // Asked for once; the next is due when it has grown as much again.
            records_max = 2 * records + GROWTH;
            tell(Wrote::Grown);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const WAIT: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_written_is_told_and_outlives_the_thread() {
        let directory = tempfile::tempdir().unwrap();
        let (tell, told) = channel();
        let journal =
            Journal::start(Log::open(directory.path()).unwrap(), move |wrote| drop(tell.send(wrote))).unwrap();
        (1..=300).for_each(|number| journal.write(number, Record::Term(number)));
        loop {
            match told.recv_timeout(WAIT).unwrap() {
                Wrote::Up(300) => break,
                Wrote::Up(_) => {}
                other => panic!("{other:?}"),
            }
        }
        drop(journal);
        assert_eq!(Log::open(directory.path()).unwrap().take_records().len(), 300);
    }

    #[test]
    fn a_log_that_grows_asks_for_a_snapshot_and_becomes_short() {
        let directory = tempfile::tempdir().unwrap();
        let (tell, told) = channel();
        let journal =
            Journal::start(Log::open(directory.path()).unwrap(), move |wrote| drop(tell.send(wrote))).unwrap();
        (1..=GROWTH + 1).for_each(|number| journal.write(number, Record::Term(number)));
        while !matches!(told.recv_timeout(WAIT).unwrap(), Wrote::Grown) {}
        journal.replace(vec![Record::Term(7)]);
        journal.write(GROWTH + 2, Record::Term(8));
        drop(journal);
        assert_eq!(Log::open(directory.path()).unwrap().take_records(), [Record::Term(7), Record::Term(8)]);
    }

    #[test]
    fn a_log_that_fails_is_told_once_and_holds_nobody_up() {
        let (log, is_full) = super::super::log::tests::log_on_a_disk();
        let (tell, told) = channel();
        let journal = Journal::start(log, move |wrote| drop(tell.send(wrote))).unwrap();
        journal.write(1, Record::Term(1));
        assert!(matches!(told.recv_timeout(WAIT).unwrap(), Wrote::Up(1)));
        is_full.store(true, std::sync::atomic::Ordering::Release);
        journal.write(2, Record::Term(2));
        assert!(matches!(told.recv_timeout(WAIT).unwrap(), Wrote::Failed(_)));
        journal.write(3, Record::Term(3));
        drop(journal);
        assert!(told.recv().is_err(), "nothing more is said");
    }
}
