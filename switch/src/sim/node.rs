//! Compute nodes: an endpoint in a life that the control plane gave, and who waits for what.

use super::Rule;
use super::fabric::{PREFIX, SWITCH_MAC};
use super::tasks::Purpose;
use super::world::World;
use bifrost_dsm::{Holder, Node};
use bifrost_rpc::buffer::{Message, MessageBuffer};
use bifrost_rpc::endpoint::{Answered, CallError, CallId, Datagrams, Endpoint, Event, Transmit};
use bifrost_rpc::memory::{MemoryHandler, MemoryOp, MemoryRequest, Pointer};
use bifrost_rpc::wire::frame::{FrameAddresses, Sum};
use bifrost_rpc::wire::{MethodField, RACK_PORT, service_address};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The services of a run.
const SERVICES: [&str; 2] = ["Left", "Right"];

pub(super) fn service_name(service: usize) -> &'static str {
    SERVICES[service % SERVICES.len()]
}

pub(super) fn method(service: usize, is_oneway: bool) -> MethodField {
    MethodField::new(service_name(service), if is_oneway { "tell" } else { "ask" })
}

/// A message of these bytes.
pub(super) fn message(bytes: &[u8]) -> Message {
    let mut buffer = MessageBuffer::new();
    buffer.put_slice(bytes);
    buffer.finish()
}

pub(super) fn place_of(service: usize) -> SocketAddr {
    (service_address(PREFIX, service_name(service)), RACK_PORT).into()
}

impl World {
    /// Who a node is at the moment.
    pub(super) fn holder(&self, index: usize) -> Holder {
        let machine = &self.machines[index];
        Holder { node: Node(machine.address()), incarnation: machine.incarnation() }
    }

    /// A node was taken in: it can call and serve.
    pub(super) fn join(&mut self, index: usize) {
        let (now, seed, holder) = (self.time(), self.rng.bytes(), self.holder(index));
        let name = self.machines[index].name();
        let config = self.plan.sealed_endpoint(&name, self.machines[index].address(), holder.incarnation);
        let mut endpoint = Endpoint::new(config, seed);
        self.note(|| format!("{name} is taken in as {holder}"));
        if !self.rights.take_in(holder) {
            self.broke(Rule::Rights, format!("{name} is taken in as {holder}, as before"));
        }
        for service in 0..self.plan.serving.len() {
            if !self.plan.serving[service].contains(&index) {
                continue;
            }
            let methods = [method(service, false), method(service, true)];
            for method in methods {
                if endpoint.serve(method, u32::try_from(service).unwrap_or(0)).is_err() {
                    self.broke(Rule::Panic, "two methods are one");
                }
            }
            let tracked = methods.into_iter().map(|method| (method, 0)).collect();
            if let Some(membership) = &mut self.machines[index].membership {
                membership.serve(now, endpoint.instance(), service_name(service), tracked);
            }
        }
        self.machines[index].endpoint = Some(endpoint);
    }

    /// A memory server was taken in.
    pub(super) fn joined_store(&mut self, _index: usize) {}

    /// Takes out of an endpoint what it has to say.
    pub(super) fn drive_endpoint(&mut self, index: usize) {
        let mut out = Datagrams::new();
        loop {
            let mut is_quiet = !self.take_events(index);
            let now = self.time();
            while let Some(transmit) =
                self.machines[index].endpoint.as_mut().and_then(|endpoint| endpoint.poll_transmit(now, 4, &mut out))
            {
                is_quiet = false;
                let bytes = out.to_vec();
                bytes.chunks(transmit.segment_bytes).for_each(|datagram| self.send_datagram(index, transmit, datagram));
            }
            if is_quiet {
                return;
            }
        }
    }

    fn send_datagram(&mut self, index: usize, transmit: Transmit, datagram: &[u8]) {
        let machine = &self.machines[index];
        let IpAddr::V6(destination) = transmit.to.ip() else { return };
        let addresses = FrameAddresses {
            source_mac: machine.mac(),
            destination_mac: SWITCH_MAC,
            source: transmit.from.unwrap_or_else(|| machine.address()),
            destination,
            source_port: RACK_PORT,
            destination_port: transmit.to.port(),
        };
        let mut sum = Sum::default();
        sum.add(datagram);
        if let Some(headers) = addresses.headers(datagram.len(), sum) {
            self.send_frame(index, [&headers[..], datagram].concat());
        }
    }

    /// Takes out the events; says whether there were any.
    pub(super) fn take_events(&mut self, index: usize) -> bool {
        let mut any = false;
        while let Some(event) = self.machines[index].endpoint.as_mut().and_then(Endpoint::poll_event) {
            any = true;
            match event {
                Event::Answer { call, result } => self.ended(index, call, result),
                Event::Call { call, peer, method, oneway, message, pointers, .. } => {
                    self.called(index, call, peer, method, oneway, &message, pointers);
                }
                Event::Cancelled { call } if self.machines[index].server.is_none() => self.call_cancelled(index, call),
                Event::Cancelled { call } => {
                    if let Some(store) = &self.machines[index].store {
                        store.cancelled(call);
                    }
                }
                Event::MemoryAnnounced { operation, bytes } => self.announced(index, &operation, bytes),
                Event::Memory { operation, body } => self.asked(index, &operation, body),
                Event::MemorySessionEnded { session } => {
                    if let Some(store) = &self.machines[index].store {
                        store.session_ended(session);
                    }
                }
                other => self.broke(Rule::Ends, format!("an event of a kind that is not known: {other:?}")),
            }
        }
        any
    }

    /// Has a node wait for something that it has begun.
    pub(super) fn wait(&mut self, index: usize, call: Result<CallId, CallError>, purpose: Purpose) {
        let life = self.machines[index].life;
        match call {
            Ok(call) => drop(self.waits.insert((index, life, call), purpose)),
            Err(error) => self.broke(Rule::Ends, format!("{purpose:?} cannot begin: {error}")),
        }
    }

    fn ended(&mut self, index: usize, call: CallId, result: Result<Answered, CallError>) {
        let life = self.machines[index].life;
        let Some(purpose) = self.waits.remove(&(index, life, call)) else {
            return self.broke(Rule::Ends, format!("{call:?} of {} ended twice", self.machines[index].name()));
        };
        self.note(|| format!("{purpose:?} of n{index}: {result:?}"));
        self.worked_at = self.now;
        self.histories.end(&(index, life, call), self.now, &result);
        self.ends(index, purpose, result);
    }

    /// Begins a memory operation of a node.
    pub(super) fn ask(&mut self, index: usize, asked: Asked, purpose: Purpose) {
        let now = self.time();
        let Asked { pointer, op, len, body, deadline } = asked;
        let to: Ipv6Addr = pointer.root().address();
        let request = MemoryRequest {
            pointer,
            op,
            argument: 0,
            is_batch: false,
            offset: 0,
            len,
            body: message(&body),
            place: None,
            deadline,
        };
        self.note(|| format!("n{index} begins {op:?} of {pointer} for {purpose:?}"));
        if let Some(endpoint) = &mut self.machines[index].endpoint {
            let call = endpoint.memory(now, (to, RACK_PORT).into(), request);
            if let Ok(call) = &call {
                let asked = (index, self.machines[index].life, *call);
                self.histories.begin(asked, self.now, op, pointer, len, &body);
            }
            self.wait(index, call, purpose);
            self.drive(index);
        }
    }

    /// Gives something up, if it is still under way.
    pub(super) fn cancel(&mut self, index: usize, life: u32, call: CallId) {
        let now = self.time();
        let machine = &mut self.machines[index];
        if machine.life == life && machine.pauses == 0 && self.waits.contains_key(&(index, life, call)) {
            if let Some(endpoint) = &mut machine.endpoint {
                endpoint.cancel(now, call);
            }
            self.drive(index);
        }
    }
}

/// A memory operation to be asked for.
pub(super) struct Asked {
    pub(super) pointer: Pointer,
    pub(super) op: MemoryOp,
    pub(super) len: u64,
    pub(super) body: Vec<u8>,
    pub(super) deadline: Option<Duration>,
}

impl Asked {
    pub(super) fn of(pointer: Pointer, op: MemoryOp) -> Self {
        Self { pointer, op, len: 0, body: Vec::new(), deadline: None }
    }

    pub(super) fn within(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }
}
