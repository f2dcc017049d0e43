//! A `simple_switch` in the place of the engine: frames go in over its socket, and what leaves comes back on a thread of its own.
//!
//! There is one stream each way, so that frames stay in order. A port's thread waits where the switch takes frames more slowly than
//! they come; the thread that receives never waits for a port, so that the switch can always go on.

use super::fabric::Fabric;
use super::outlet::Outlet;
use crate::bmv2::{Bmv2, Bmv2Error, PacketReceiver, PacketSender};
use crate::runtime::Client;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// It is seen so often whether the switch is to end.
const LOOK: Duration = Duration::from_millis(50);
/// At the end, where so long nothing comes out, all has left.
const QUIET: Duration = Duration::from_millis(200);
/// What still comes out at the end is taken so long, at most.
const DRAIN: Duration = Duration::from_secs(1);

/// The process, and the way into it.
#[derive(Debug)]
pub(crate) struct Outside {
    sender: Mutex<PacketSender>,
    control: Client,
    /// Until the switch is shut down.
    switch: Mutex<Option<Bmv2>>,
}

impl Outside {
    pub(crate) fn open(switch: Bmv2) -> Result<(Self, PacketReceiver), Bmv2Error> {
        let (sender, receiver) = switch.packets()?;
        let (sender, control) = (Mutex::new(sender), switch.control()?);
        Ok((Self { sender, control, switch: Mutex::new(Some(switch)) }, receiver))
    }

    pub(crate) fn sender(&self) -> MutexGuard<'_, PacketSender> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn control(&self) -> Client {
        self.control.clone()
    }

    /// Waits until whoever is sending is done.
    pub(crate) fn wait_idle(&self) {
        drop(self.sender());
    }

    /// Ends the process, if it was started here.
    pub(crate) fn end(&self) {
        let switch = self.switch().take();
        drop(switch);
    }

    fn switch(&self) -> MutexGuard<'_, Option<Bmv2>> {
        self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing comes any more: what the process said, if it has ended.
    pub(crate) fn reason(&self, error: &io::Error) -> String {
        match self.switch().as_mut().map(|switch| switch.check_within(LOOK)) {
            Some(Err(ended)) => ended.to_string(),
            _ => format!("simple_switch: {error}"),
        }
    }
}

/// Takes what leaves the switch to the ports, until the ports take nothing in any more and all has left.
///
/// # Errors
///
/// The switch has ended, or what it sends makes no sense.
pub(crate) fn run(fabric: &Arc<Fabric>, mut receiver: PacketReceiver) -> io::Result<()> {
    let mut outlet = Outlet::new(Arc::clone(fabric), true);
    let mut closed_at = None;
    loop {
        if fabric.is_closed() {
            closed_at.get_or_insert(fabric.clock.micros());
        }
        let wait = if closed_at.is_some() { QUIET } else { LOOK };
        let frames = receiver.receive_all(wait, |port, frame| outlet.push(port, frame))?;
        outlet.flush();
        let is_over = |since| frames == 0 || u128::from(fabric.clock.micros() - since) > DRAIN.as_micros();
        if closed_at.is_some_and(is_over) {
            return Ok(());
        }
    }
}
