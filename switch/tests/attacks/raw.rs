//! A machine whose every frame is made by hand: it joins, opens sessions, asks the memory, calls and serves.

use crate::WAIT;
use crate::frames::{Ask, PREFIX, ROOT, address, addresses, frame, packet, parse};
use crate::rack::control_plane_address;
use crate::seal::{self, Secret};
use bifrost_rpc::Key;
use bifrost_rpc::control::{ControlPacket, ControlSeal, NodeKey, SealedControl};
use bifrost_rpc::wire::control::{Announce, ControlMessage, NodeKind, Serve, ServeState};
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{Flags, Header, MethodField, OpenBody, OpenedBody, PacketType, Pointer, service_address};
use bifrost_switch::daemon::LocalPort;
use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

/// A packet that is not answered is sent again after this time.
/// The term of a control plane that begins with an empty log.
const FIRST_TERM: u64 = 1;
const AGAIN: Duration = Duration::from_millis(200);

/// A session, as its two ends name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    pub(crate) client: u64,
    pub(crate) session: u64,
    pub(crate) instance: u32,
    pub(crate) to: Ipv6Addr,
    /// The method of calls; none in a memory session.
    pub(crate) method: MethodField,
    /// What its packets are sealed with, in a rack with a key: to the callee, and back.
    pub(crate) keys: Option<[Secret; 2]>,
}

/// A packet that came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) addresses: FrameAddresses,
    pub(crate) header: Header,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Raw {
    pub(crate) port: LocalPort,
    pub(crate) number: u32,
    pub(crate) incarnation: u32,
    rack: Option<Secret>,
    /// What the session is sealed with in which it is called.
    pub(crate) called: Option<[Secret; 2]>,
    /// What came while something else was waited for.
    heard: VecDeque<Heard>,
    requests: u64,
    rpc: u64,
    packets: u64,
}

impl Raw {
    pub(crate) fn new(port: LocalPort, rack: Option<Secret>) -> Self {
        let number = port.number();
        Self {
            port,
            number,
            incarnation: 0,
            rack,
            called: None,
            heard: VecDeque::new(),
            requests: 0,
            rpc: 0,
            packets: 0,
        }
    }

    pub(crate) fn address(&self) -> Ipv6Addr {
        address(self.number)
    }

    pub(crate) fn send(&self, frame: &[u8]) {
        self.port.send(frame);
    }

    /// The frame of a packet of this machine's.
    pub(crate) fn frame(&self, to: Ipv6Addr, header: Header, body: &[u8]) -> Vec<u8> {
        frame(&addresses(self.number, to), &packet(header, body))
    }

    /// Numbers that no call and no packet of this machine had before.
    pub(crate) fn next(&mut self) -> (u64, u64) {
        (self.rpc, self.packets) = (self.rpc + 1, self.packets + 1);
        (self.rpc, self.packets)
    }

    /// Takes the next packet that `is_it`, if one comes in time.
    fn take(&mut self, wait: Duration, is_it: impl Fn(&Heard) -> bool) -> Option<Heard> {
        if let Some(at) = self.heard.iter().position(&is_it) {
            return self.heard.remove(at);
        }
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let found = self.port.receive(left).and_then(|frame| parse(&frame));
            match found.map(|(addresses, header, body)| Heard { addresses, header, body }) {
                Some(heard) if is_it(&heard) => return Some(heard),
                Some(heard) => self.heard.push_back(heard),
                None if left.is_zero() => return None,
                None => {}
            }
        }
    }

    /// Waits for a packet.
    pub(crate) fn wait_for(&mut self, what: &str, is_it: impl Fn(&Heard) -> bool) -> Heard {
        self.take(WAIT, is_it).unwrap_or_else(|| panic!("n{} has not heard {what}", self.number))
    }

    /// Whether a packet has come by now.
    pub(crate) fn has_heard(&mut self, is_it: impl Fn(&Heard) -> bool) -> bool {
        self.take(Duration::ZERO, is_it).is_some()
    }

    /// Sends a frame until the packet that `is_it` has come.
    pub(crate) fn exchange(&mut self, what: &str, frame: &[u8], is_it: impl Fn(&Heard) -> bool) -> Heard {
        let until = Instant::now() + WAIT;
        while Instant::now() < until {
            self.send(frame);
            if let Some(heard) = self.take(AGAIN, &is_it) {
                return heard;
            }
        }
        panic!("n{} has not heard {what}", self.number)
    }

    fn seal(&self, incarnation: u32) -> Option<ControlSeal> {
        let key = NodeKey::new(&Key::from_bytes(self.rack?), &format!("n{}", self.number));
        Some(if incarnation == 0 { key.announcing() } else { key.living(self.address(), incarnation) })
    }

    /// A message to the control plane, as a frame.
    pub(crate) fn control(&self, number: u64, incarnation: u32, message: ControlMessage) -> Vec<u8> {
        let packet = ControlPacket { number, incarnation, message };
        let seal = self.seal(incarnation);
        let nonce = [u8::try_from(number % 251).unwrap(); 24];
        packet.to_frame(&addresses(self.number, control_plane_address()), seal.as_ref().map(|seal| (seal, nonce)))
    }

    /// Asks the control plane, and hears its answer.
    pub(crate) fn ask_control(&mut self, incarnation: u32, message: ControlMessage) -> ControlMessage {
        self.requests += 1;
        let number = self.request_number();
        let frame = self.control(number, incarnation, message);
        let heard = self.exchange("the control plane", &frame, |heard| {
            heard.header.kind == PacketType::Control && heard.header.rpc == number
        });
        let datagram = packet(heard.header, &heard.body);
        let seal = self.seal(heard.header.incarnation);
        SealedControl::parse(&datagram).unwrap().open(seal.as_ref()).unwrap().message
    }

    /// The number of the last request: in its upper half stands the control plane's term.
    fn request_number(&self) -> u64 {
        FIRST_TERM << 32 | self.requests
    }

    fn announcement(&self, token: Option<[u8; 32]>) -> ControlMessage {
        ControlMessage::Announce(Announce {
            nonce: [u8::try_from(self.requests + 1).unwrap(); 16],
            token,
            name: format!("n{}", self.number),
            kind: NodeKind::Compute,
            capacity: 1,
            specification: String::new(),
            addresses: vec![self.address()],
            owns_service_addresses: true,
            memory: None,
        })
    }

    /// Comes up, as a new life of the node. Returns the announcement that brought it in.
    pub(crate) fn join(&mut self) -> Vec<u8> {
        let ControlMessage::Announce(mut announce) = self.announcement(None) else { unreachable!() };
        loop {
            let said = self.ask_control(0, ControlMessage::Announce(announce.clone()));
            match said {
                ControlMessage::Challenge(token) => announce.token = Some(token),
                ControlMessage::Welcome(welcome) => {
                    self.incarnation = welcome.incarnation;
                    return self.control(self.request_number(), 0, ControlMessage::Announce(announce));
                }
                // The control plane is about to begin.
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Serves a method of a service, as the instance of this machine's number.
    pub(crate) fn serve(&mut self, service: &str, method: &str) {
        let serve = Serve {
            service: service.to_owned(),
            instance: self.number,
            state: ServeState::Open,
            methods: vec![(MethodField::new(service, method), 0)],
            more: false,
        };
        assert_eq!(self.ask_control(self.incarnation, ControlMessage::Serve(serve)), ControlMessage::Confirmed);
    }

    /// What this life seals its use of the memory with.
    pub(crate) fn memory_key(&self) -> Option<Secret> {
        self.rack.map(|rack| seal::of_life(&rack, self.address(), self.incarnation))
    }

    /// What the calls of a life are sealed with.
    pub(crate) fn call_key(&self, caller: Ipv6Addr, incarnation: u32) -> Option<Secret> {
        self.rack.map(|rack| seal::of_calls(&rack, caller, incarnation))
    }

    /// An OPEN in a frame.
    fn open_frame(&self, to: Ipv6Addr, header: Header, key: Option<&Secret>, body: &[u8]) -> Vec<u8> {
        match key {
            Some(key) => frame(
                &addresses(self.number, to),
                &seal::seal_open(key, [header.rpc.to_be_bytes()[7]; 24], header, body),
            ),
            None => self.frame(to, header, body),
        }
    }

    /// Opens a session: for a method, or with a memory server; sealed if there is a key.
    fn open(&mut self, to: Ipv6Addr, mut header: Header, key: Option<Secret>) -> Session {
        header.flags = Flags::FIRST.with(Flags::TO_CALLEE).with(Flags::REFERENCES);
        header.client = ((0xa77a_c000 + u64::from(self.number)) << 16) | u64::from(self.incarnation);
        (header.rpc, header.incarnation) = (self.next().0, self.incarnation);
        let mut token = Vec::new();
        loop {
            let body = OpenBody {
                previous: 0,
                random: [0; 32],
                datagram_bytes: 1232,
                message_bytes_max: 1 << 20,
                token: token.clone(),
            };
            let frame = self.open_frame(to, header, key.as_ref(), &body.to_bytes());
            let opened = self.exchange("OPENED", &frame, |heard| {
                heard.header.kind == PacketType::Opened && heard.header.rpc == header.rpc
            });
            let plain = key.map(|key| seal::open_opened(&key, &opened.header, &opened.body)).unwrap_or(opened.body);
            let said = OpenedBody::parse(&plain).unwrap();
            if opened.header.session != 0 {
                let (session, instance) = (opened.header.session, opened.header.instance);
                let keys = key.map(|key| seal::of_session(&key, &body.random, &said.random));
                return Session { client: header.client, session, instance, to, method: header.method, keys };
            }
            token = said.token;
        }
    }

    pub(crate) fn open_memory(&mut self) -> Session {
        let pointer = ROOT.to_bytes();
        let key = self.memory_key();
        self.open(ROOT.address(), Header { pointers: 1, pointer, ..Header::new(PacketType::Open) }, key)
    }

    pub(crate) fn open_service(&mut self, service: &str, method: &str) -> Session {
        let method = MethodField::new(service, method);
        let key = self.call_key(self.address(), self.incarnation);
        self.open(service_address(PREFIX, service), Header { method, ..Header::new(PacketType::Open) }, key)
    }

    /// The header of an operation in a session.
    pub(crate) fn operation(&mut self, session: &Session, asked: &Ask<'_>) -> Header {
        let (rpc, packet) = self.next();
        Header {
            client: session.client,
            rpc,
            instance: session.instance,
            incarnation: self.incarnation,
            packet,
            session: session.session,
            lowest: rpc,
            credits: 16,
            ..asked.header()
        }
    }

    /// The frame of an operation, sent where its pointer is.
    pub(crate) fn request(&mut self, session: &Session, asked: &Ask<'_>) -> Vec<u8> {
        let header = self.operation(session, asked);
        self.put_in_frame(session, asked, header)
    }

    /// A frame with this header, sealed if the session is.
    pub(crate) fn put_in_frame(&self, session: &Session, asked: &Ask<'_>, header: Header) -> Vec<u8> {
        let datagram = match &session.keys {
            Some([to_server, _]) => seal::seal(to_server, header, asked.data),
            None => packet(header, asked.data),
        };
        frame(&addresses(self.number, asked.pointer().address()), &datagram)
    }

    /// Asks the memory, and hears its answer.
    pub(crate) fn ask(&mut self, session: &Session, asked: &Ask<'_>) -> Heard {
        let header = self.operation(session, asked);
        let frame = self.put_in_frame(session, asked, header);
        let mut heard = self.exchange("the memory server", &frame, |heard| {
            heard.header.kind == PacketType::Memory && heard.header.rpc == header.rpc
        });
        if let Some([_, to_caller]) = &session.keys {
            heard.body = seal::open(to_caller, &heard.header, &heard.body);
        }
        heard
    }

    /// The header of a call in a session, and its frame, which passes pointers.
    pub(crate) fn call(&mut self, session: &Session, body: &[u8], pointers: &[Pointer]) -> (Header, Vec<u8>) {
        let (rpc, packet) = self.next();
        let flags = Flags::FIRST.with(Flags::TO_CALLEE).with(Flags::REFERENCES);
        let mut header = Header {
            flags: if pointers.is_empty() { flags } else { flags.with(Flags::LEASED) },
            method: session.method,
            client: session.client,
            rpc,
            instance: session.instance,
            incarnation: self.incarnation,
            packet,
            session: session.session,
            lowest: rpc,
            message_len: u32::try_from(body.len()).unwrap(),
            credits: 16,
            ..Header::new(PacketType::Call)
        };
        header.set_pointers(pointers);
        let datagram = match &session.keys {
            Some([to_callee, _]) => seal::seal(to_callee, header, body),
            None => crate::frames::packet(header, body),
        };
        (header, frame(&addresses(self.number, session.to), &datagram))
    }
}
