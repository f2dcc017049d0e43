//! A `simple_switch` that frames are sent through one by one.

use std::path::Path;
use std::time::Duration;

use bifrost_switch::bmv2::{Bmv2, PacketReceiver, PacketSender, Settings};

use super::install::install;
use super::programs::Case;

/// How long a frame that ought to come out may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long it is waited for one that ought not to. One that comes later is found to be too many after the next frame.
const SURPRISE: Duration = Duration::from_millis(3);

pub(super) struct Reference {
    // Before the process, which waits for nobody.
    sender: PacketSender,
    receiver: PacketReceiver,
    _switch: Bmv2,
}

impl Reference {
    pub(super) fn start(path: &Path, case: &Case) -> Self {
        let mut settings = Settings::new(case.json);
        settings.path = Some(path.to_owned());
        let switch = Bmv2::start(&settings).unwrap();
        install(&case.setup, &mut switch.runtime().unwrap());
        let (sender, receiver) = switch.packets().unwrap();
        Self { sender, receiver, _switch: switch }
    }

    /// What leaves, in the order of ports. `expected`: how many frames.
    pub(super) fn run(&mut self, port: u32, frame: &[u8], expected: usize) -> Vec<(u32, Vec<u8>)> {
        self.sender.send(port, frame).unwrap();
        let mut out = Vec::new();
        loop {
            let timeout = if out.len() < expected { PATIENCE } else { SURPRISE };
            let Some(packet) = self.receiver.receive(timeout).unwrap() else { break };
            out.push(packet);
        }
        out.sort();
        out
    }
}
