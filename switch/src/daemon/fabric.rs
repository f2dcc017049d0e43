//! What the threads of a switch share: what frames go through, and the ports by number.

use super::capture::Capture;
use super::counts::{Counter, Tally};
use super::frames::Frames;
use super::plane::Plane;
use super::watch::Watch;
use crate::clock::Clock;
use std::fmt::Debug;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Ports have the numbers below this; 511 is what programs drop by.
pub const PORTS_MAX: u32 = 511;

/// Where frames leave.
pub(crate) trait Link: Debug + Send + Sync {
    /// Sends frames, whose headroom it may use; says what of them was lost.
    fn send(&self, frames: &mut Frames) -> Tally;

    /// The calling thread has sent all that it had for now, and may do something about what it sent.
    fn settle(&self, _may_take: bool) {}

    /// Whether there is anybody who could get them.
    fn is_up(&self) -> bool {
        true
    }
}

/// A port: its link, and what it has seen.
#[derive(Debug)]
pub(crate) struct Port {
    /// What it leads to, for people.
    pub(crate) interface: String,
    pub(crate) link: Arc<dyn Link>,
    pub(crate) counter: Counter,
    /// Why it no longer receives.
    pub(crate) fault: Mutex<Option<String>>,
}

/// The data plane, the ports, and who looks on.
#[derive(Debug)]
pub(crate) struct Fabric {
    pub(crate) plane: Plane,
    pub(crate) clock: Clock,
    /// By number.
    pub(crate) ports: Vec<Option<Port>>,
    /// What was sent to ports that do not exist.
    pub(crate) nowhere: Counter,
    /// What the data plane did not take.
    pub(crate) refused: Counter,
    pub(crate) capture: Option<Capture>,
    pub(crate) watch: Watch,
    /// Nothing more is taken in.
    pub(crate) is_closed: AtomicBool,
    /// Nor does anything leave.
    pub(crate) is_stopped: AtomicBool,
    /// Why nothing goes through any more.
    pub(crate) ended: Mutex<Option<String>>,
}

impl Fabric {
    pub(crate) fn new(plane: Plane, ports: Vec<Option<Port>>, capture: Option<Capture>) -> Self {
        Self {
            plane,
            clock: Clock::start(),
            ports,
            nowhere: Counter::default(),
            refused: Counter::default(),
            capture,
            watch: Watch::default(),
            is_closed: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            ended: Mutex::default(),
        }
    }

    pub(crate) fn port(&self, number: u32) -> Option<&Port> {
        self.ports.get(usize::try_from(number).ok()?)?.as_ref()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// A port has ended before it was told to.
    pub(crate) fn fault(&self, number: u32, error: &io::Error) {
        if let Some(port) = self.port(number) {
            *port.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
    }

    /// Why nothing goes through any more, if it does not.
    pub(crate) fn ended(&self) -> Option<String> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The data plane has ended before it was told to.
    pub(crate) fn end(&self, reason: String) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }
}
