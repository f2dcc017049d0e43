//! Starts and ends a switch.

use super::capture::{Capture, CaptureReport};
use super::counts::{Counter, PortCounts, Tally};
use super::device::Device;
use super::error::StartError;
use super::fabric::{Fabric, Forwarder, Link, PORTS_MAX, Port};
use super::local::LocalPort;
use super::queue::Queue;
use super::watch::Watch;
use crate::SharedEngine;
use crate::engine::Event;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Frames that wait at an in-process port unless told otherwise.
const QUEUE_FRAMES: usize = 4096;
/// Bytes of captured frames unless told otherwise.
const CAPTURE_BYTES: u64 = 1 << 30;

/// What is at the other end of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortKind {
    /// This process: [`Switch::local`].
    Local,
    /// A network device, through a packet socket: needs root, or CAP_NET_RAW.
    Device(String),
}

/// Settings of a switch that is to be started.
#[derive(Debug)]
pub struct SwitchBuilder {
    engine: SharedEngine,
    ports: Vec<(u32, PortKind)>,
    queue_frames: usize,
    capture: Option<PathBuf>,
    capture_bytes: u64,
}

impl SwitchBuilder {
    /// Adds a port, 0 to 510.
    #[must_use]
    pub fn port(mut self, number: u32, kind: PortKind) -> Self {
        self.ports.push((number, kind));
        self
    }

    /// Frames that wait at each in-process port before further ones are lost: 4096 by default, and at most
    /// [`QUEUE_BYTES_MAX`](super::QUEUE_BYTES_MAX).
    #[must_use]
    pub fn queue_frames(mut self, frames: usize) -> Self {
        self.queue_frames = frames.max(1);
        self
    }

    /// Writes what passes each port to files in a directory, which is made if it is not there: `port-1-in.pcap` has what came in by
    /// port 1, `port-1-out.pcap` what was to leave by it. Files of these names are replaced.
    #[must_use]
    pub fn capture(mut self, directory: impl Into<PathBuf>) -> Self {
        self.capture = Some(directory.into());
        self
    }

    /// Bytes that all files of captured frames have at most, 1 GiB by default; later frames are not captured.
    #[must_use]
    pub fn capture_bytes(mut self, bytes: u64) -> Self {
        self.capture_bytes = bytes;
        self
    }

    /// Starts the switch.
    ///
    /// # Errors
    ///
    /// [`StartError`]; then nothing runs.
    pub fn start(self) -> Result<Switch, StartError> {
        let mut opened = BTreeMap::new();
        for (number, kind) in &self.ports {
            if *number >= PORTS_MAX {
                return Err(StartError::Number(*number));
            }
            if opened.insert(*number, self.open(*number, kind)?).is_some() {
                return Err(StartError::Twice(*number));
            }
        }
        let capture = self.start_capture(opened.keys().copied())?;
        let mut ports: Vec<_> = (0..PORTS_MAX).map(|_| None).collect();
        for (slot, link) in opened.iter().filter_map(|(number, end)| Some((usize::try_from(*number).ok()?, end.link())))
        {
            ports[slot] = Some(Port { link, counter: Counter::default(), fault: Mutex::default() });
        }
        let fabric = Arc::new(Fabric {
            engine: self.engine,
            ports,
            nowhere: Counter::default(),
            capture,
            watch: Watch::default(),
            is_stopped: AtomicBool::new(false),
        });
        let mut switch = Switch { fabric, locals: BTreeMap::new(), queues: Vec::new(), threads: Vec::new() };
        for (number, end) in opened {
            // What has been started ends when it is dropped.
            switch.join(number, end)?;
        }
        Ok(switch)
    }

    fn open(&self, port: u32, kind: &PortKind) -> Result<End, StartError> {
        match kind {
            PortKind::Local => Ok(End::Local(Arc::new(Queue::new(self.queue_frames)))),
            PortKind::Device(name) => {
                let device = Device::open(name).map_err(|error| StartError::Device { port, error })?;
                Ok(End::Device(Arc::new(device)))
            }
        }
    }

    fn start_capture(&self, ports: impl Iterator<Item = u32>) -> Result<Option<Capture>, StartError> {
        let Some(directory) = &self.capture else { return Ok(None) };
        let capture = Capture::start(directory, ports, self.capture_bytes);
        capture.map(Some).map_err(|(path, error)| StartError::Capture { path, error })
    }
}

/// A port that is open, before frames go through it.
#[derive(Debug)]
enum End {
    Local(Arc<Queue>),
    Device(Arc<Device>),
}

impl End {
    fn link(&self) -> Arc<dyn Link> {
        match self {
            Self::Local(queue) => Arc::clone(queue) as Arc<dyn Link>,
            Self::Device(device) => Arc::new(Arc::clone(device)),
        }
    }
}

/// How a port stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortReport {
    /// What passed it.
    pub counts: PortCounts,
    /// Why it no longer receives.
    pub fault: Option<String>,
}

/// How a switch stands, or stood at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Each port by its number.
    pub ports: BTreeMap<u32, PortReport>,
    /// What the program sent to ports that do not exist.
    pub nowhere: Tally,
    /// Of a capture.
    pub capture: Option<CaptureReport>,
}

/// A switch that runs: an engine with ports. Dropping it ends it.
#[derive(Debug)]
pub struct Switch {
    fabric: Arc<Fabric>,
    locals: BTreeMap<u32, Arc<LocalPort>>,
    queues: Vec<Arc<Queue>>,
    threads: Vec<JoinHandle<()>>,
}

impl Switch {
    /// A switch around an engine.
    #[must_use]
    pub fn builder(engine: SharedEngine) -> SwitchBuilder {
        SwitchBuilder {
            engine,
            ports: Vec::new(),
            queue_frames: QUEUE_FRAMES,
            capture: None,
            capture_bytes: CAPTURE_BYTES,
        }
    }

    fn join(&mut self, number: u32, end: End) -> Result<(), StartError> {
        match end {
            End::Local(queue) => {
                let port = LocalPort::new(number, &self.fabric, Arc::clone(&queue));
                self.locals.insert(number, Arc::new(port));
                self.queues.push(queue);
                Ok(())
            }
            End::Device(device) => {
                let fabric = Arc::clone(&self.fabric);
                self.spawn(format!("bifrost-port-{number}"), move |forwarder| {
                    if let Err(error) = device.run(number, forwarder) {
                        fabric.fault(number, &error);
                    }
                })
            }
        }
    }

    fn spawn(&mut self, name: String, run: impl FnOnce(&mut Forwarder) + Send + 'static) -> Result<(), StartError> {
        let mut forwarder = Forwarder::new(Arc::clone(&self.fabric));
        let thread = std::thread::Builder::new().name(name).spawn(move || run(&mut forwarder));
        self.threads.push(thread.map_err(StartError::Thread)?);
        Ok(())
    }

    /// The engine: for the control plane, or whoever else changes tables.
    #[must_use]
    pub fn engine(&self) -> &SharedEngine {
        &self.fabric.engine
    }

    /// The other end of an in-process port.
    #[must_use]
    pub fn local(&self, number: u32) -> Option<Arc<LocalPort>> {
        self.locals.get(&number).cloned()
    }

    /// From here on the way of each packet through the program comes out here, as long as the receiver is kept and nobody else
    /// looks on. It makes packets slower by a multiple; of those that come faster than they are taken, some go unseen.
    #[must_use]
    pub fn watch(&self) -> Receiver<Vec<Event>> {
        self.fabric.watch.open()
    }

    /// How it stands.
    #[must_use]
    pub fn report(&self) -> Report {
        let ports = (0u32..).zip(&self.fabric.ports);
        let ports = ports.filter_map(|(number, port)| Some((number, port.as_ref()?.report()))).collect();
        let capture = self.fabric.capture.as_ref().map(Capture::report);
        Report { ports, nowhere: self.fabric.nowhere.read().lost, capture }
    }

    /// Ends it: no further frame is taken in, those under way leave, captures are written. Returns how it stood.
    #[must_use]
    pub fn shutdown(mut self) -> Report {
        self.stop();
        self.report()
    }

    fn stop(&mut self) {
        self.fabric.is_stopped.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
        // Threads of the process may be sending still; each ends with its batch.
        self.locals.values().for_each(|port| port.wait_idle());
        self.queues.iter().for_each(|queue| queue.close());
        self.fabric.watch.close();
        if let Some(capture) = &self.fabric.capture {
            capture.finish();
        }
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Port {
    fn report(&self) -> PortReport {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
        PortReport { counts: self.counter.read(), fault }
    }
}
