//! The switch and its links: frames go through the real program in the real engine.

use super::plan::US;
use super::world::{Step, World};
use crate::engine::{Engine, Outputs};
use crate::runtime::{Runtime, Settings};
use crate::{PROGRAM, SharedEngine};
use bifrost_rpc::wire::frame::{FrameAddresses, Mac};
use bifrost_rpc::wire::{Header, MemoryFields, PacketType};
use std::net::Ipv6Addr;

pub(super) const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, 0);
pub(super) const SWITCH_MAC: Mac = [2, 0xb1, 0xf0, 0, 0, 1];
/// The control plane's port.
pub(super) const CONTROL_PORT: u16 = 510;

/// Bytes before a frame on its way to and from the control plane.
pub(super) const HEADER_BYTES: usize = 8;

thread_local! {
    /// Loading the program takes longer than many a run.
    static ENGINE: SharedEngine = {
        let engine = Engine::load(PROGRAM, 1).unwrap_or_else(|error| panic!("the program does not load: {error}"));
        SharedEngine::new(engine)
    };
}

/// The switch.
pub(super) struct Fabric {
    pub(super) runtime: Runtime,
    out: Outputs,
    /// The tables are as the control plane last made them.
    pub(super) is_intact: bool,
    /// When the last packet-in was under way, which do not overtake each other.
    last_in: u64,
}

impl Fabric {
    pub(super) fn new() -> Self {
        let engine = ENGINE.with(Clone::clone);
        engine.with(clear);
        let runtime = Runtime::new(engine, PROGRAM, Settings::default());
        Self { runtime, out: Outputs::default(), is_intact: false, last_in: 0 }
    }
}

/// As newly loaded: a reset leaves multicast groups and mirroring sessions, as BMv2's does.
fn clear(engine: &mut Engine) {
    engine.reset();
    let mirrors: Vec<u16> = engine.mirrors().map(|(session, _)| session).collect();
    mirrors.into_iter().for_each(|session| _ = engine.delete_mirror(session));
    let multicast = engine.multicast();
    let nodes: Vec<u32> = multicast.nodes().map(|(node, _)| node).collect();
    let groups: Vec<u16> = multicast.groups().map(|(group, _)| group).collect();
    for node in nodes {
        let _ = multicast.destroy_node(node);
    }
    for group in groups {
        let _ = multicast.destroy_group(group);
    }
}

impl World {
    /// A machine sends a frame.
    pub(super) fn send_frame(&mut self, index: usize, frame: Vec<u8>) {
        self.packets += 1;
        let machine = &self.machines[index];
        if machine.cuts > 0 || self.rng.chance(self.plan.network.loss) {
            return;
        }
        let port = machine.port();
        self.capture(port, &frame);
        for after in self.plan.network.arrivals(&mut self.rng) {
            self.at(self.now + after, Step::Ingress(port, frame.clone()));
        }
    }

    /// A frame goes through the switch.
    pub(super) fn switch(&mut self, port: u16, frame: &[u8]) {
        let mut out = std::mem::take(&mut self.fabric.out);
        let at = self.now / US;
        self.fabric.runtime.engine().with(|engine| engine.process(at, port.into(), frame, &mut out));
        if self.traces {
            self.trace_frame(port, frame, &out);
        }
        if port == CONTROL_PORT {
            self.was_sent_on(frame.get(HEADER_BYTES..).unwrap_or_default());
        } else if out.packets().len() == 0 {
            self.was_dropped(port, frame);
        }
        for (to, packet) in out.packets() {
            let to = u16::try_from(to).unwrap_or(u16::MAX);
            if to == CONTROL_PORT { self.send_in(packet) } else { self.send_out(to, packet) }
        }
        self.fabric.out = out;
    }

    fn send_in(&mut self, packet: &[u8]) {
        let after = self.rng.between(1, 20 * US);
        let at = (self.now + after).max(self.fabric.last_in + 1);
        self.fabric.last_in = at;
        self.at(at, Step::PacketIn(self.control.life, packet.to_vec()));
    }

    fn send_out(&mut self, port: u16, frame: &[u8]) {
        let machine = usize::from(port).wrapping_sub(1);
        if machine >= self.machines.len() || self.rng.chance(self.plan.network.loss) {
            return;
        }
        for after in self.plan.network.arrivals(&mut self.rng) {
            self.at(self.now + after, Step::Arrive(machine, frame.to_vec()));
        }
    }

    fn trace_frame(&mut self, port: u16, frame: &[u8], out: &Outputs) {
        let ports: Vec<u32> = out.packets().map(|(port, _)| port).collect();
        let inner = if port == CONTROL_PORT { frame.get(HEADER_BYTES..).unwrap_or_default() } else { frame };
        let text = describe(inner);
        self.note(|| format!("  {port} → {ports:?} {text}"));
    }
}

/// What a frame is, in short.
fn describe(frame: &[u8]) -> String {
    let Ok((addresses, datagram)) = FrameAddresses::parse(frame) else { return "no datagram".to_owned() };
    let Ok(header) = Header::parse(datagram) else { return "no packet".to_owned() };
    let (from, to) = (addresses.source, addresses.destination);
    let of = match header.kind {
        PacketType::Memory => format!("{:?}", MemoryFields::of(&header).operation()),
        _ => format!("{} pointers", header.pointers),
    };
    format!(
        "{:?} {:?} {of} {:x}/{} in {:x}, life {}, {from} → {to}",
        header.kind, header.flags, header.client, header.rpc, header.session, header.incarnation
    )
}
