//! Writes what passes the ports to files, on a thread of its own.

use super::frames::Frames;
use super::pcap::{write_frame, write_header};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Bytes that wait to be written at most; what does not fit is not captured.
pub const CAPTURE_WAITING_BYTES_MAX: usize = 32 << 20;
/// With so much waiting the writer is woken.
const WAKE_BYTES: usize = 1 << 20;
/// Otherwise it writes this often.
const PERIOD: Duration = Duration::from_millis(100);

/// Which way a frame went, seen from the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    In,
    Out,
}

/// What became of a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureReport {
    /// Frames in the files.
    pub written: u64,
    /// Frames that are not, because the files are as long as they may be, or writing was too slow.
    pub missed: u64,
    /// Why writing ended early.
    pub error: Option<String>,
}

/// A capture that goes on.
#[derive(Debug)]
pub(crate) struct Capture {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    /// The time since 1970 at `origin`.
    began: Duration,
    origin: Instant,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: Frames,
    /// Of each frame.
    labels: Vec<Label>,
    is_closed: bool,
    report: CaptureReport,
}

#[derive(Clone, Copy, Debug)]
struct Label {
    port: u32,
    direction: Direction,
    time: Duration,
}

impl Capture {
    /// Begins: two files for each port in `directory`, `port-3-in.pcap` and `port-3-out.pcap`, which are replaced.
    pub(crate) fn start(
        directory: &Path,
        ports: impl Iterator<Item = u32>,
        bytes_max: u64,
    ) -> Result<Self, (PathBuf, io::Error)> {
        std::fs::create_dir_all(directory).map_err(|error| (directory.to_owned(), error))?;
        let mut files = BTreeMap::new();
        for port in ports {
            for (direction, name) in [(Direction::In, "in"), (Direction::Out, "out")] {
                let path = directory.join(format!("port-{port}-{name}.pcap"));
                let file = create(&path).map_err(|error| (path, error))?;
                files.insert((port, direction), file);
            }
        }
        let (began, origin) = clocks();
        let shared = Arc::new(Shared { waiting: Mutex::default(), filled: Condvar::new(), began, origin });
        let run = Arc::clone(&shared);
        let writer = std::thread::Builder::new().name("bifrost-pcap".into()).spawn(move || run.write(files, bytes_max));
        let writer = writer.map_err(|error| (directory.to_owned(), error))?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)) })
    }

    /// Captures a frame, if there is room.
    pub(crate) fn note(&self, port: u32, direction: Direction, frame: &[u8]) {
        let time = self.shared.began + self.shared.origin.elapsed();
        let mut waiting = self.shared.waiting();
        if waiting.is_closed || waiting.frames.memory_bytes() + frame.len() > CAPTURE_WAITING_BYTES_MAX {
            waiting.report.missed += 1;
            return;
        }
        let before = waiting.frames.memory_bytes();
        waiting.frames.push(frame);
        waiting.labels.push(Label { port, direction, time });
        if before < WAKE_BYTES && waiting.frames.memory_bytes() >= WAKE_BYTES {
            self.shared.filled.notify_one();
        }
    }

    /// How it stands.
    pub(crate) fn report(&self) -> CaptureReport {
        self.shared.waiting().report.clone()
    }

    /// Writes what waits, and ends.
    pub(crate) fn finish(&self) {
        self.shared.waiting().is_closed = true;
        self.shared.filled.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // It has nothing that panics; if it did, what it wrote is there.
        let _ = writer.map(JoinHandle::join);
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer's thread.
    fn write(&self, mut files: Files, bytes_max: u64) {
        let (mut frames, mut labels) = (Frames::new(), Vec::new());
        let mut left = bytes_max;
        loop {
            let wait = |waiting: &mut Waiting| !waiting.is_closed && waiting.frames.memory_bytes() < WAKE_BYTES;
            let waited = self.filled.wait_timeout_while(self.waiting(), PERIOD, wait);
            let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut waiting.frames, &mut frames);
            std::mem::swap(&mut waiting.labels, &mut labels);
            let is_last = waiting.is_closed;
            drop(waiting);
            let outcome = write_all(&mut files, &frames, &labels, &mut left);
            let mut waiting = self.waiting();
            waiting.report.written += outcome.written;
            waiting.report.missed += outcome.missed;
            waiting.is_closed |= outcome.error.is_some();
            waiting.report.error = waiting.report.error.take().or(outcome.error);
            if is_last {
                return;
            }
            frames.clear();
            labels.clear();
        }
    }
}

type Files = BTreeMap<(u32, Direction), BufWriter<File>>;

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    let mut file = BufWriter::new(File::create(path)?);
    write_header(&mut file)?;
    file.flush()?;
    Ok(file)
}

/// Writes frames as long as `left` bytes last.
fn write_all(files: &mut Files, frames: &Frames, labels: &[Label], left: &mut u64) -> CaptureReport {
    let mut report = CaptureReport::default();
    for (frame, label) in frames.iter().zip(labels) {
        let file = files.get_mut(&(label.port, label.direction));
        let bytes = frame.len() as u64 + 16;
        let Some(file) = file.filter(|_| bytes <= *left && report.error.is_none()) else {
            report.missed += 1;
            continue;
        };
        match write_frame(file, label.time, frame) {
            Ok(bytes) => {
                *left = left.saturating_sub(bytes);
                report.written += 1;
            }
            Err(error) => report.error = Some(error.to_string()),
        }
    }
    if let Some(error) = files.values_mut().find_map(|file| file.flush().err()) {
        report.error.get_or_insert_with(|| error.to_string());
    }
    report
}

#[expect(clippy::disallowed_methods, reason = "captures tell the time of day")]
fn clocks() -> (Duration, Instant) {
    let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (began, Instant::now())
}
