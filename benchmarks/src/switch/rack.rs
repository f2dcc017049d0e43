//! The entries that both switches get, and the frames that go through them: a client's reads of an object, and the answers.

use std::net::Ipv6Addr;

use anyhow::{Context, Result};
use bifrost_rpc::wire::frame::{FrameAddresses, Mac, Sum};
use bifrost_rpc::wire::{Flags, Header, PacketType, Pointer, RACK_PORT};
use bifrost_switch::engine::{EntryAction, MatchParam};
use bifrost_switch::runtime::{SwitchControl, Update};

/// The ports of the two.
pub(super) const CLIENT: u32 = 1;
pub(super) const MEMORY: u32 = 4;

const SWITCH_MAC: Mac = [2, 0xb1, 0xf0, 0, 0, 1];
const CLIENT_ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0xc1);
const CLIENT_UDP_PORT: u16 = 40_000;
const PREFIX: u8 = 0xfd;
const SERVER: u8 = 1;
/// What frames are about.
const OBJECT: u64 = 77;
const READ: u8 = 2;
/// Beside the headers, as a short operation has.
const BODY: [u8; 29] = [0; 29];

fn mac(port: u32) -> Mac {
    [2, 0, 0, 0, 0, port.to_be_bytes()[3]]
}

fn exact(value: &[u8]) -> MatchParam {
    MatchParam::Exact(value.to_vec())
}

fn add(table: &str, key: Vec<MatchParam>, action: &str, data: &[&[u8]]) -> Update {
    let data = data.iter().map(|value| value.to_vec()).collect();
    Update::Add { table: table.into(), key, priority: 0, action: EntryAction::Action { name: action.into(), data } }
}

fn port_bytes(port: u32) -> [u8; 2] {
    let [.., high, low] = port.to_be_bytes();
    [high, low]
}

/// The entry by which the client may read an object.
pub(super) fn access(object: u64) -> Update {
    let key = vec![exact(&[SERVER]), exact(&object.to_be_bytes()), exact(&[READ]), exact(&CLIENT_ADDRESS.octets())];
    add("memory_access", key, "allow", &[])
}

/// All that frames there and back need.
fn entries() -> Vec<Update> {
    let admit = |port, address: Ipv6Addr, bits| {
        let key = vec![exact(&port_bytes(port)), exact(&mac(port)), MatchParam::Lpm(address.octets().to_vec(), bits)];
        add("port_security", key, "admit", &[])
    };
    let to = |port| [port_bytes(port).to_vec(), mac(port).to_vec()];
    let (client, memory) = (to(CLIENT), to(MEMORY));
    vec![
        admit(CLIENT, CLIENT_ADDRESS, 128),
        admit(MEMORY, Pointer::new(PREFIX, SERVER, 0).address(), 48),
        add("node", vec![exact(&CLIENT_ADDRESS.octets())], "deliver", &client.each_ref().map(Vec::as_slice)),
        add("memory_server", vec![exact(&[SERVER])], "deliver", &memory.each_ref().map(Vec::as_slice)),
        access(OBJECT),
    ]
}

/// Makes these changes, all of which are to be taken.
pub(super) fn apply(switch: &dyn SwitchControl, updates: &[Update]) -> Result<Vec<Option<u32>>> {
    switch.apply(updates).into_iter().map(|answer| answer.context("a change of a table")).collect()
}

/// Fills a switch that has the program.
pub(super) fn install(switch: &dyn SwitchControl) -> Result<()> {
    apply(switch, &entries()).map(drop)
}

/// A frame, and where in it the object stands: in the address, and in the header's pointer.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    objects: [usize; 2],
}

impl Frame {
    /// Makes it about another object. Its UDP checksum, which the switch does not look at, is left.
    pub(super) fn set_object(&mut self, object: u64) {
        for at in self.objects {
            if let Some(bytes) = self.bytes.get_mut(at..at + 8) {
                bytes.copy_from_slice(&object.to_be_bytes());
            }
        }
    }
}

/// The client's read.
pub(super) fn there() -> Result<Frame> {
    let object = Pointer::new(PREFIX, SERVER, OBJECT).with_operation(READ, 0);
    let addresses = FrameAddresses {
        source_mac: mac(CLIENT),
        destination_mac: SWITCH_MAC,
        source: CLIENT_ADDRESS,
        destination: object.address(),
        source_port: CLIENT_UDP_PORT,
        destination_port: RACK_PORT,
    };
    frame(&addresses, Flags::FIRST.with(Flags::TO_CALLEE), object)
}

/// The answer to it.
pub(super) fn back() -> Result<Frame> {
    let object = Pointer::new(PREFIX, SERVER, OBJECT).with_operation(READ, 0);
    let addresses = FrameAddresses {
        source_mac: mac(MEMORY),
        destination_mac: SWITCH_MAC,
        source: object.address(),
        destination: CLIENT_ADDRESS,
        source_port: RACK_PORT,
        destination_port: CLIENT_UDP_PORT,
    };
    frame(&addresses, Flags::FIRST.with(Flags::MEMORY_REPLY), object)
}

fn frame(addresses: &FrameAddresses, flags: Flags, object: Pointer) -> Result<Frame> {
    let header = Header {
        client: 1,
        rpc: 1,
        incarnation: 1,
        flags,
        pointer: object.to_bytes(),
        pointers: 1,
        body_len: u16::try_from(BODY.len())?,
        ..Header::new(PacketType::Memory)
    };
    let payload = [&header.to_bytes()[..], &BODY].concat();
    let mut sum = Sum::default();
    sum.add(&payload);
    let headers = addresses.headers(payload.len(), sum).context("too long a frame")?;
    let bytes = [&headers[..], &payload].concat();
    let pointer = object.to_bytes();
    let found: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&pointer)).collect();
    let (first, last) = (found.first().context("no address")?, found.last().context("no pointer")?);
    Ok(Frame { objects: [first + 8, last + 8], bytes })
}

#[cfg(test)]
mod tests {
    use bifrost_switch::SharedEngine;
    use bifrost_switch::engine::{Engine, Outputs};
    use bifrost_switch::runtime::{Runtime, Settings};

    use super::*;

    #[test]
    fn frames_are_delivered_both_ways_and_only_of_the_object_that_there_is_an_entry_for() {
        let engine = SharedEngine::new(Engine::load(bifrost_switch::PROGRAM, 1).unwrap());
        install(&Runtime::new(engine.clone(), bifrost_switch::PROGRAM, Settings::default())).unwrap();
        let mut out = Outputs::default();
        let mut leaves = |port, frame: &Frame| {
            engine.with(|engine| engine.process(0, port, &frame.bytes, &mut out));
            out.packets().map(|(port, _)| port).collect::<Vec<_>>()
        };
        let mut there = there().unwrap();
        assert_eq!(leaves(CLIENT, &there), [MEMORY]);
        assert_eq!(leaves(MEMORY, &back().unwrap()), [CLIENT]);
        there.set_object(OBJECT + 1);
        assert_eq!(leaves(CLIENT, &there), [0; 0]);
    }
}
