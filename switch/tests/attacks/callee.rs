//! A machine whose frames are made by hand, as callee.

use crate::frames::{addresses, frame, mac, packet};
use crate::raw::{Heard, Raw};
use crate::seal;
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{Flags, Header, OpenBody, OpenedBody, PacketType};

impl Raw {
    /// As callee: opens the session that somebody asks for, and takes the call that comes in it.
    pub(crate) fn take_call(&mut self) -> Heard {
        let open = self.wait_for("OPEN", |heard| heard.header.kind == PacketType::Open);
        let body = OpenedBody {
            epoch: 1,
            random: [0; 32],
            lease_ms: 60_000,
            calls_max: 16,
            datagram_bytes: 1232,
            message_bytes_max: 1 << 20,
            previous_known: false,
            token: Vec::new(),
        };
        let opened = Header {
            flags: Flags::FIRST.with(Flags::REFERENCES),
            client: open.header.client,
            rpc: open.header.rpc,
            session: 0x5e55_1077,
            instance: self.number,
            incarnation: self.incarnation,
            ..Header::new(PacketType::Opened)
        };
        let key = self.call_key(open.addresses.source, open.header.incarnation);
        let datagram = match &key {
            Some(key) => {
                let asked = OpenBody::parse(&seal::open_opened(key, &open.header, &open.body)).unwrap();
                self.called = Some(seal::of_session(key, &asked.random, &body.random));
                seal::seal_open(key, [3; 24], opened, &body.to_bytes())
            }
            None => packet(opened, &body.to_bytes()),
        };
        self.send(&self.answer(&open, &datagram));
        self.wait_for("CALL", |heard| heard.header.kind == PacketType::Call)
    }

    /// The reply to a call, as this machine would make it.
    pub(crate) fn reply(&self, call: &Heard, body: &[u8]) -> Vec<u8> {
        let header = Header {
            kind: PacketType::Reply,
            flags: Flags::FIRST.with(Flags::LEASED),
            incarnation: self.incarnation,
            packet: 1,
            lowest: 0,
            message_len: u32::try_from(body.len()).unwrap(),
            deadline_us: 0,
            pointers: 0,
            pointer: [0; 16],
            ..call.header
        };
        let datagram = match &self.called {
            Some([_, to_caller]) => seal::seal(to_caller, header, body),
            None => packet(header, body),
        };
        self.answer(call, &datagram)
    }

    /// A frame back to where a packet came from, from the address that it went to.
    pub(crate) fn answer(&self, to: &Heard, datagram: &[u8]) -> Vec<u8> {
        let addresses = FrameAddresses {
            source_mac: mac(self.number),
            source: to.addresses.destination,
            source_port: to.addresses.destination_port,
            destination_port: to.addresses.source_port,
            ..addresses(self.number, to.addresses.source)
        };
        frame(&addresses, datagram)
    }
}
