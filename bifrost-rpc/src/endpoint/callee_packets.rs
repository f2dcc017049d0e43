//! Packets that arrive at a callee.

use super::caller_packets::due_ack;
use super::checks::Check;
use super::inbound::{Inbound, Inserted};
use super::link::Exchange;
use super::memory::{MEMORY_SERVICE, exchange_of};
use super::record::{Arriving, Running, RunningOneway, Served};
use super::time::Time;
use super::{Endpoint, Event, ServedCall, SessionRef};
use crate::wire::{AckBody, AckStatus, FinishedBody, Flags, Header, MemoryFields, PacketType, Pointer, Refusal};
use std::net::SocketAddr;
use std::time::Duration;

/// Bytes of a PING that its PONG repeats, so that the caller knows which one it answers.
const PING_ECHO_BYTES: usize = 8;
/// When a busy server asks to be tried again, in µs.
const BUSY_RETRY_US: u32 = 1000;

/// A fragment of a call.
struct Fragment<'a> {
    header: &'a Header,
    /// All pointers of the message, with its fragment 0.
    pointers: Vec<Pointer>,
    /// Of a memory operation: what is asked.
    memory: Option<MemoryFields>,
    body: &'a [u8],
}

impl Endpoint {
    pub(super) fn on_packet_to_callee(
        &mut self,
        now: Time,
        from: SocketAddr,
        header: &Header,
        raw: &[u8],
        body: &mut [u8],
    ) {
        let index = match self.owned_callee(from, header) {
            Some(index) => index,
            None if !self.config.makes(Check::UnknownSession) && header.kind == PacketType::Call => {
                self.adopt_stray(now, from, header)
            }
            None => {
                self.stats.strays += 1;
                use PacketType::{Call, Memory, Oneway, Ping};
                let answers = matches!(header.kind, Call | Oneway | Ping | Memory);
                if answers {
                    self.refuse(now, from, header, Refusal::UnknownSession);
                }
                if header.flags.has(Flags::LEASED) {
                    self.report_stray(header);
                }
                return;
            }
        };
        let must_be_sealed = self.config.makes(Check::Authentication);
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        let Some(body) = session.link.open(header, raw, body, must_be_sealed) else {
            self.stats.unauthentic += 1;
            return;
        };
        session.link.heard(now, header);
        let remember = self.config.makes(Check::EndedCall);
        let released = session.raise_lowest(header.lowest, remember);
        self.released(index, released);
        match header.kind {
            PacketType::Call | PacketType::Oneway | PacketType::Memory => self.on_call(now, index, header, raw, body),
            PacketType::Ack if header.rpc == 0 => self.on_finished(index, body),
            PacketType::Ack => self.on_ack_to_callee(now, index, header, body),
            PacketType::Ping => self.on_ping(index, header, body),
            PacketType::Cancel => self.on_cancel(index, header),
            PacketType::Close => return self.drop_callee(index),
            _ => self.stats.strays += 1,
        }
        self.release_held(index);
        self.touch(now, SessionRef::Callee(index));
    }

    /// Makes a session for a packet of none: what must never happen, for the simulation to show why.
    fn adopt_stray(&mut self, now: Time, from: SocketAddr, header: &Header) -> usize {
        let mut link = super::link::Link::new(&self.config, false, from, header.client, now);
        link.session = header.session;
        link.instance = header.instance;
        let service = self.methods.get(&header.method).copied().unwrap_or(0);
        let index = self.callees.insert(super::CalleeSession::new(link, 0, service, [0; 32]));
        self.callee_by_session.insert(header.session, index);
        index
    }

    fn on_call(&mut self, now: Time, index: usize, header: &Header, head: &[u8], body: &[u8]) {
        let is_first = header.flags.has(Flags::FIRST);
        let Ok(pointers) = header.pointers_of(head) else {
            self.stats.malformed += 1;
            return;
        };
        if is_first != (header.offset == 0) && self.config.makes(Check::FirstFragment) {
            self.stats.malformed += 1;
            return;
        }
        let memory = (header.kind == PacketType::Memory).then(|| MemoryFields::of(header));
        let packet = Fragment { header, pointers, memory, body };
        let finds_duplicates = self.config.makes(Check::DuplicateCall);
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        if session.has_ended(header.rpc) {
            self.stats.duplicates += 1;
            return;
        }
        match session.calls.get(header.rpc) {
            Some(Served::Arriving(_)) => self.on_call_fragment(now, index, packet),
            Some(_) if finds_duplicates => self.on_duplicate(index, header),
            _ => self.on_new_call(now, index, packet),
        }
    }

    /// A call that is known comes again: it is not run again.
    fn on_duplicate(&mut self, index: usize, header: &Header) {
        self.stats.duplicates += 1;
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        match session.calls.get(header.rpc) {
            Some(Served::Running(_) | Served::RunningOneway(_) | Served::Memory(_) | Served::Done { .. }) => {
                session.acknowledge(header.rpc);
            }
            // An operation that was refused before its data had come: only what asks for it is answered again.
            Some(Served::Answered(answered))
                if answered.memory.is_some()
                    && !header.flags.has(Flags::FIRST)
                    && !header.flags.has(Flags::ACK_NOW) => {}
            Some(Served::Answered(_)) => session.answer_again(header.rpc),
            Some(Served::Arriving(_)) | None => {}
        }
    }

    fn on_new_call(&mut self, now: Time, index: usize, packet: Fragment<'_>) {
        let Fragment { header, memory, body, .. } = packet;
        let (len, is_first) = (header.message_len as usize, header.flags.has(Flags::FIRST));
        let has_room = |of: &Self| of.callees.get(index).is_some_and(|session| of.has_room(session, len));
        let mut fits = has_room(self);
        if memory.is_some() && !fits {
            self.make_room(index, header.rpc);
            fits = has_room(self);
        }
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        let limit = self.config.arriving_bytes_max(memory.is_some());
        let service = if memory.is_some() { Some(&MEMORY_SERVICE) } else { self.methods.get(&header.method) };
        let memory_matters = self.config.makes(Check::MemoryBound);
        let refusal = if service != Some(&session.service) {
            Some(Refusal::UnknownMethod)
        } else if self.is_draining {
            Some(Refusal::Draining)
        } else if memory.is_some_and(|memory| !memory.is_request(header.rpc, header.message_len)) {
            Some(Refusal::BadOperation)
        } else if header.message_len > limit {
            Some(Refusal::TooLarge { limit })
        } else if session.calls.len() >= self.config.calls_max as usize || (!fits && memory_matters) {
            Some(Refusal::Busy { retry_us: BUSY_RETRY_US })
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.stats.over_budget += u64::from(!fits);
            // A message is refused once. Should that be lost, the client asks and hears that nothing is there.
            if !is_first {
                return;
            }
            return self.refuse_call(index, exchange_of(header), header.packet, refusal);
        }
        if is_first && body.len() == len {
            return match memory {
                Some(fields) => {
                    // Nothing of a batch becomes an object's memory as it came.
                    let body = if fields.is_batch { self.pool.copy(body) } else { self.pool.copy_exact(body) };
                    self.start_memory(now, index, header, fields, (body, 0));
                }
                None => {
                    let message = self.pool.copy(body);
                    self.start_call(now, index, header, (message, packet.pointers), 0);
                }
            };
        }
        session.bytes += len;
        self.bytes += len;
        session.link.has_new_timer = true;
        let buffer = if memory.is_some() { self.pool.take_exact(len) } else { self.pool.take(len) };
        let (kind, method, inbound) = (header.kind, header.method, Inbound::of(header, buffer));
        let leased = header.flags.has(Flags::LEASED);
        let arriving = Arriving { kind, method, memory, leased, inbound, progress: now };
        session.calls.insert(header.rpc, Served::Arriving(Box::new(arriving)));
        if let Some(fields) = memory {
            self.announce(now, index, header, fields);
        }
        self.on_call_fragment(now, index, packet);
    }

    fn on_call_fragment(&mut self, now: Time, index: usize, packet: Fragment<'_>) {
        let Fragment { header, pointers, memory: target, body } = packet;
        let checks_length = self.config.makes(Check::MessageLength);
        let checks_target = self.config.makes(Check::MemoryTarget);
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        let Some(Served::Arriving(arriving)) = session.calls.get_mut(header.rpc) else {
            return;
        };
        let is_same = arriving.inbound.len() == header.message_len as usize
            && arriving.kind == header.kind
            && arriving.inbound.carries_same(header)
            && arriving.method == header.method;
        let is_same_target = arriving.memory == target;
        if (!is_same && checks_length) || (!is_same_target && checks_target) {
            self.stats.malformed += 1;
            return;
        }
        let inserted = arriving.inbound.insert(header.offset, body);
        session.link.unacked += body.len();
        arriving.inbound.take_pointers(pointers);
        if matches!(inserted, Inserted::Progress | Inserted::Gap) {
            arriving.progress = now;
        }
        self.after_call_fragment(now, index, header, inserted);
    }

    /// Acknowledges arriving fragments of a call, as often as needed; starts it when all are there.
    pub(super) fn after_call_fragment(&mut self, now: Time, index: usize, header: &Header, inserted: Inserted) {
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        let Some(Served::Arriving(arriving)) = session.calls.get_mut(header.rpc) else {
            return;
        };
        self.senders.heard(now, &mut session.link.sent_large);
        session.link.credits = self.senders.share(self.config.receive_buffer_bytes);
        if inserted == Inserted::Complete {
            let Some(Served::Arriving(arriving)) = session.calls.remove(header.rpc) else {
                return;
            };
            let memory = arriving.memory;
            let (message, pointers) = arriving.inbound.into_parts();
            session.bytes = session.bytes.saturating_sub(message.len());
            self.bytes = self.bytes.saturating_sub(message.len());
            let unacked = u32::try_from(message.len()).unwrap_or(u32::MAX);
            return match memory {
                Some(fields) => self.start_memory(now, index, header, fields, (message, unacked)),
                None => self.start_call(now, index, header, (message, pointers), unacked),
            };
        }
        if let Some(ranges) = due_ack(&arriving.inbound, inserted, header) {
            session.link.note_ack(exchange_of(header), AckStatus::Partial, ranges);
        }
        if session.link.owes_ack() {
            session.ack_all();
        }
        self.expect_next(SessionRef::Callee(index), header.rpc, inserted);
    }

    /// All of a call is there, of which `unacked` bytes came and were not acknowledged.
    fn start_call(
        &mut self,
        now: Time,
        index: usize,
        header: &Header,
        (message, pointers): (Vec<u8>, Vec<Pointer>),
        unacked: u32,
    ) {
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        let oneway = header.kind == PacketType::Oneway;
        let (leased, references) = (header.flags.has(Flags::LEASED), header.flags.has(Flags::REFERENCES));
        let served = match oneway {
            true => Served::RunningOneway(RunningOneway { acks: 0, leased }),
            false => Served::Running(Running { unacked, leased, references }),
        };
        session.calls.insert(header.rpc, served);
        if oneway {
            session.acknowledge(header.rpc);
        } else if session.link.owes_ack() {
            session.ack_all();
        }
        let call = ServedCall { session: session.link.session, rpc: header.rpc };
        self.prompt.push(call);
        self.events.push_back(Event::Call {
            call,
            peer: session.link.peer,
            client: session.link.client,
            method: header.method,
            service: session.service,
            oneway,
            message,
            pointers,
            references,
            deadline: (header.deadline_us > 0).then(|| now.plus(Duration::from_micros(u64::from(header.deadline_us)))),
        });
    }

    fn on_finished(&mut self, index: usize, body: &[u8]) {
        let Ok(finished) = FinishedBody::parse(body) else {
            self.stats.malformed += 1;
            return;
        };
        let remember = self.config.makes(Check::EndedCall);
        for (start, end) in finished.ranges {
            let Some(session) = self.callees.get_mut(index) else {
                return;
            };
            let released = session.finish(start..end, remember);
            self.released(index, released);
        }
    }

    pub(super) fn on_cancel(&mut self, index: usize, header: &Header) {
        let (rpc, remember) = (header.rpc, self.config.makes(Check::CancelRemembered));
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        let released = session.finish(rpc..rpc.saturating_add(1), remember);
        // Whoever asks about a leased call that never came, or ended before, is told so, too.
        let asks = header.flags.has(Flags::LEASED) && released.leased().is_empty() && session.has_ended(rpc);
        let (session, client) = (session.link.session, session.link.client);
        self.released(index, released);
        if asks {
            self.report_settled(session, client, rpc);
        }
    }

    fn on_ack_to_callee(&mut self, now: Time, index: usize, header: &Header, body: &[u8]) {
        let Ok(ack) = AckBody::parse(body) else {
            self.stats.malformed += 1;
            return;
        };
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        let Some(Served::Answered(answered)) = session.calls.get_mut(header.rpc) else {
            return;
        };
        if session.link.on_ack(now, &mut answered.out, &ack, false) {
            answered.backoff = 0;
        }
        if answered.out.peek().is_some() {
            session.enqueue(header.rpc);
        }
    }

    fn on_ping(&mut self, index: usize, header: &Header, body: &[u8]) {
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        // Of an operation that is not known here only its own packets say where they belong.
        let known = session.exchange(header.rpc).pointer;
        let pointer = known.or_else(|| session.link.root.map(|_| Pointer::from_bytes(header.pointer)));
        let about = Exchange { pointer, ..Exchange::from(header.rpc) };
        if header.rpc == 0 || session.has_ended(header.rpc) {
            let echo = body.get(..PING_ECHO_BYTES).unwrap_or_default();
            return session.link.note(PacketType::Pong, about, Flags::default(), echo.to_vec());
        }
        match session.calls.get_mut(header.rpc) {
            None => session.link.note_ack(about, AckStatus::Discarded, Vec::new()),
            Some(Served::Arriving(arriving)) => {
                arriving.inbound.unacked = 0;
                let ranges = arriving.inbound.ranges(64);
                session.link.note_ack(about, AckStatus::Partial, ranges);
            }
            Some(Served::Running(_) | Served::RunningOneway(_) | Served::Memory(_) | Served::Done { .. }) => {
                session.acknowledge(header.rpc);
            }
            Some(Served::Answered(_)) => {
                session.answer_again(header.rpc);
                session.link.note(PacketType::Pong, about, Flags::default(), Vec::new());
            }
        }
    }
}
