//! What stands in for the control plane: it sends on what it is to let happen, and notes what it was shown.

use bifrost_switch::daemon::LocalPort;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) const UNSERVED: u8 = 3;
pub(crate) const ALLOC: u8 = 7;
pub(crate) const FREE: u8 = 8;
/// Bytes of a packet-in's header, and of a packet-out's.
const HEADER_BYTES: usize = 8;

#[derive(Debug, Default)]
struct Shared {
    is_stopped: AtomicBool,
    /// Reason and frame.
    seen: Mutex<Vec<(u8, Vec<u8>)>>,
}

#[derive(Debug)]
pub(crate) struct Gatekeeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Gatekeeper {
    pub(crate) fn start(port: LocalPort) -> Self {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !own.is_stopped.load(Ordering::Acquire) {
                let Some(packet_in) = port.receive(Duration::from_millis(20)) else { continue };
                let (header, frame) = packet_in.split_at(HEADER_BYTES);
                own.seen.lock().unwrap().push((header[0], frame.to_vec()));
                if matches!(header[0], ALLOC | FREE) {
                    // Mode 0: the tables choose where it goes.
                    port.send(&[&[0; HEADER_BYTES][..], frame].concat());
                }
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// Frames that were shown for this reason.
    pub(crate) fn seen(&self, reason: u8) -> Vec<Vec<u8>> {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter().filter(|(why, _)| *why == reason).map(|(_, frame)| frame.clone()).collect()
    }
}

impl Drop for Gatekeeper {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
