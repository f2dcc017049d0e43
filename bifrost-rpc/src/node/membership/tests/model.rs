//! A control plane as small as it can be, that keeps what it is told and forgets most of it when it is restarted.

use crate::control::ControlPacket;
use crate::wire::MethodField;
use crate::wire::control::{ControlMessage, ReportLine, Serve, ServeState, Welcome};
use std::collections::BTreeMap;

type Methods = Vec<(MethodField, u8)>;

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) term: u64,
    /// Its durable log: the last incarnation and its nonce.
    pub(super) incarnation: u32,
    nonce: [u8; 16],
    pub(super) is_here: bool,
    last: Option<ControlPacket>,
    last_number: u64,
    heartbeats: u64,
    /// Messages of which more follow.
    begun: BTreeMap<(u32, String), Methods>,
    pub(super) served: BTreeMap<(u32, String), (Methods, ServeState)>,
    pub(super) reported: Vec<ReportLine>,
}

impl Model {
    pub(super) fn new() -> Self {
        Self { term: 1, ..Self::default() }
    }

    pub(super) fn restart(&mut self) {
        *self = Self {
            term: self.term + 1,
            incarnation: self.incarnation,
            nonce: self.nonce,
            is_here: self.is_here,
            reported: std::mem::take(&mut self.reported),
            ..Self::default()
        };
    }

    fn token(&self) -> [u8; 32] {
        [u8::try_from(self.term * 16 + u64::from(self.incarnation)).unwrap(); 32]
    }

    pub(super) fn handle(&mut self, packet: &ControlPacket) -> Option<ControlPacket> {
        let answer = |message| Some(ControlPacket { number: packet.number, incarnation: packet.incarnation, message });
        if let ControlMessage::Announce(announce) = &packet.message {
            if announce.nonce != self.nonce {
                if announce.token != Some(self.token()) {
                    return answer(ControlMessage::Challenge(self.token()));
                }
                self.incarnation += 1;
                (self.nonce, self.is_here) = (announce.nonce, true);
                (self.last, self.last_number, self.heartbeats) = (None, 0, 0);
                self.served.clear();
            }
            return answer(ControlMessage::Welcome(Welcome {
                nonce: self.nonce,
                incarnation: self.incarnation,
                term: self.term,
                heartbeat_ms: 500,
                servers: vec![1, 2],
            }));
        }
        if packet.incarnation != self.incarnation || !self.is_here {
            return answer(ControlMessage::Fenced);
        }
        match &packet.message {
            ControlMessage::Heartbeat if packet.number > self.heartbeats => {
                self.heartbeats = packet.number;
                answer(ControlMessage::Alive { term: self.term, servers: vec![1, 2, 3] })
            }
            ControlMessage::Heartbeat => None,
            // Meant for the control plane before.
            _ if packet.number >> 32 != self.term => None,
            _ if packet.number < self.last_number => None,
            _ if packet.number == self.last_number => self.last.clone(),
            message => {
                self.apply(message);
                self.last_number = packet.number;
                self.last = answer(ControlMessage::Confirmed);
                self.last.clone()
            }
        }
    }

    fn apply(&mut self, message: &ControlMessage) {
        match message {
            ControlMessage::Serve(serve) => self.serve(serve),
            ControlMessage::Report(lines) => self.reported.extend_from_slice(lines),
            ControlMessage::Leave => self.is_here = false,
            other => panic!("{other:?}"),
        }
    }

    fn serve(&mut self, serve: &Serve) {
        let key = (serve.instance, serve.service.clone());
        if serve.state == ServeState::Ended {
            self.begun.remove(&key);
            self.served.remove(&key);
            return;
        }
        if !serve.methods.is_empty() || !self.served.contains_key(&key) {
            let begun = self.begun.entry(key.clone()).or_default();
            // What came before a restart of the node's telling comes again.
            let new: Methods = serve.methods.iter().filter(|method| !begun.contains(method)).copied().collect();
            begun.extend(new);
        }
        if serve.more {
            return;
        }
        match (self.begun.remove(&key), self.served.get_mut(&key)) {
            (Some(mut methods), _) => {
                methods.sort_unstable();
                self.served.insert(key, (methods, serve.state));
            }
            (None, Some(served)) => served.1 = serve.state,
            (None, None) => {}
        }
    }
}
