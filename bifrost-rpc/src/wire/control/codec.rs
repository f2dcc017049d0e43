//! Control messages as bytes: a number for what it is, then its fields. `docs/gatekeeper.md`, section 10, has the table.

use super::{
    ADDRESSES_MAX, Announce, CONTROL_TOKEN_BYTES, ControlMessage, ControlRefusal, METHODS_MAX, MemoryServer,
    NAME_BYTES_MAX, NodeKind, OutstandingCall, REPORTS_MAX, ReportKind, ReportLine, SERVERS_MAX, Serve, ServeState,
    TEXT_BYTES_MAX, Welcome,
};
use crate::wire::{Cursor, METHOD_BYTES, MethodField, WireError};
use std::net::Ipv6Addr;

const HAS_TOKEN: u8 = 1;
const OWNS_SERVICE_ADDRESSES: u8 = 2;
const IS_MEMORY: u8 = 4;
const IS_CALLEE: u8 = 1;
const IS_ANSWERED: u8 = 2;
const METHOD_ENTRY_BYTES: usize = 1 + METHOD_BYTES + 1;
pub(super) const REPORT_LINE_BYTES: usize = 1 + 8 + 8 + 8;
pub(super) const OUTSTANDING_BYTES: usize = 1 + 8 + 8 + 8 + 4;

impl ControlMessage {
    /// The message on the wire. Texts and lists that are longer than they may be are cut.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![self.number()];
        match self {
            Self::Announce(announce) => announce.put(&mut out),
            Self::Serve(serve) => serve.put(&mut out),
            Self::Heartbeat | Self::Leave | Self::Confirmed | Self::Fenced => {}
            Self::Report(lines) => put_list(&mut out, lines, REPORTS_MAX, |line, out| line.put(out)),
            Self::Outstanding { calls, more } => {
                out.push(u8::from(*more));
                put_list(&mut out, calls, REPORTS_MAX, |call, out| call.put(out));
            }
            Self::Challenge(token) => out.extend_from_slice(token),
            Self::Welcome(welcome) => welcome.put(&mut out),
            Self::Refused(refusal) => out.push(*refusal as u8),
            Self::Alive { term, servers } => {
                out.extend_from_slice(&term.to_be_bytes());
                put_servers(&mut out, servers);
            }
            Self::Query { session, rpc } => {
                out.extend_from_slice(&session.to_be_bytes());
                out.extend_from_slice(&rpc.to_be_bytes());
            }
        }
        out
    }

    /// Reads a message. What follows it is ignored.
    ///
    /// # Errors
    ///
    /// It is cut short, of an unknown kind, or a field has a value or a list a length that it must not have.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(bytes, 1)?;
        Ok(match from.u8() {
            1 => Self::Announce(Announce::take(&mut from)?),
            2 => Self::Serve(Serve::take(&mut from)?),
            3 => Self::Heartbeat,
            4 => Self::Report(take_list(&mut from, REPORTS_MAX, REPORT_LINE_BYTES, ReportLine::take)?),
            5 => Self::Leave,
            6 => {
                need(&from, 1)?;
                let more = from.u8() != 0;
                let calls =
                    take_list(&mut from, REPORTS_MAX, OUTSTANDING_BYTES, |from| Ok(OutstandingCall::take(from)));
                Self::Outstanding { calls: calls?, more }
            }
            7 => {
                need(&from, CONTROL_TOKEN_BYTES)?;
                Self::Challenge(from.array())
            }
            8 => Self::Welcome(Welcome::take(&mut from)?),
            9 => Self::Confirmed,
            10 => {
                need(&from, 1)?;
                Self::Refused(refusal(from.u8())?)
            }
            11 => {
                need(&from, 8)?;
                Self::Alive { term: from.u64(), servers: take_servers(&mut from)? }
            }
            12 => Self::Fenced,
            13 => {
                need(&from, 16)?;
                Self::Query { session: from.u64(), rpc: from.u64() }
            }
            _ => return Err(WireError::Field("control message")),
        })
    }

    fn number(&self) -> u8 {
        match self {
            Self::Announce(_) => 1,
            Self::Serve(_) => 2,
            Self::Heartbeat => 3,
            Self::Report(_) => 4,
            Self::Leave => 5,
            Self::Outstanding { .. } => 6,
            Self::Challenge(_) => 7,
            Self::Welcome(_) => 8,
            Self::Confirmed => 9,
            Self::Refused(_) => 10,
            Self::Alive { .. } => 11,
            Self::Fenced => 12,
            Self::Query { .. } => 13,
        }
    }
}

impl Announce {
    fn put(&self, out: &mut Vec<u8>) {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        out.push(
            flag(self.token.is_some(), HAS_TOKEN)
                | flag(self.owns_service_addresses, OWNS_SERVICE_ADDRESSES)
                | flag(self.memory.is_some(), IS_MEMORY),
        );
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&self.token.unwrap_or_default());
        out.push(self.kind.to_wire());
        out.extend_from_slice(&self.capacity.to_be_bytes());
        let memory = self.memory.unwrap_or(MemoryServer { server: 0, boot: 0 });
        out.push(memory.server);
        out.extend_from_slice(&memory.boot.to_be_bytes());
        put_text(out, &self.name, NAME_BYTES_MAX);
        put_text(out, &self.specification, TEXT_BYTES_MAX);
        put_list(out, &self.addresses, ADDRESSES_MAX, |address, out| out.extend_from_slice(&address.octets()));
    }

    fn take(from: &mut Cursor<'_>) -> Result<Self, WireError> {
        need(from, 1 + 16 + CONTROL_TOKEN_BYTES + 1 + 8 + 1 + 4)?;
        let flags = from.u8();
        let nonce = from.array();
        let token = from.array();
        let kind = NodeKind::from_wire(from.u8());
        let capacity = from.u64();
        let memory = MemoryServer { server: from.u8(), boot: from.u32() };
        let name = take_text(from, NAME_BYTES_MAX, "name")?;
        let specification = take_text(from, TEXT_BYTES_MAX, "specification")?;
        let addresses = take_list(from, ADDRESSES_MAX, 16, |from| Ok(Ipv6Addr::from(from.array::<16>())))?;
        if name.is_empty() || addresses.is_empty() {
            return Err(WireError::Field("announcement"));
        }
        Ok(Self {
            nonce,
            token: (flags & HAS_TOKEN != 0).then_some(token),
            name,
            kind,
            capacity,
            specification,
            addresses,
            owns_service_addresses: flags & OWNS_SERVICE_ADDRESSES != 0,
            memory: (flags & IS_MEMORY != 0).then_some(memory),
        })
    }
}

impl NodeKind {
    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u8 {
        match self {
            Self::Compute => 1,
            Self::Memory => 2,
            Self::Network => 3,
            Self::Storage => 4,
            Self::Other(number) => number,
        }
    }

    /// The kind of a number.
    #[must_use]
    pub const fn from_wire(number: u8) -> Self {
        match number {
            1 => Self::Compute,
            2 => Self::Memory,
            3 => Self::Network,
            4 => Self::Storage,
            other => Self::Other(other),
        }
    }
}

impl Welcome {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&self.incarnation.to_be_bytes());
        out.extend_from_slice(&self.term.to_be_bytes());
        out.extend_from_slice(&self.heartbeat_ms.to_be_bytes());
        put_servers(out, &self.servers);
    }

    fn take(from: &mut Cursor<'_>) -> Result<Self, WireError> {
        need(from, 16 + 4 + 8 + 4)?;
        Ok(Self {
            nonce: from.array(),
            incarnation: from.u32(),
            term: from.u64(),
            heartbeat_ms: from.u32(),
            servers: take_servers(from)?,
        })
    }
}

impl Serve {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.instance.to_be_bytes());
        out.push(match self.state {
            ServeState::Open => 1,
            ServeState::Draining => 2,
            ServeState::Ended => 3,
        });
        out.push(u8::from(self.more));
        put_text(out, &self.service, TEXT_BYTES_MAX);
        put_list(out, &self.methods, METHODS_MAX, |(method, tracking), out| {
            out.push(method.name_len());
            out.extend_from_slice(method.bytes());
            out.push(*tracking);
        });
    }

    fn take(from: &mut Cursor<'_>) -> Result<Self, WireError> {
        need(from, 4 + 1 + 1)?;
        let instance = from.u32();
        let state = match from.u8() {
            1 => ServeState::Open,
            2 => ServeState::Draining,
            3 => ServeState::Ended,
            _ => return Err(WireError::Field("state of a service")),
        };
        let more = from.u8() != 0;
        let service = take_text(from, TEXT_BYTES_MAX, "service")?;
        let method = |from: &mut Cursor<'_>| Ok((MethodField::from_wire(from.u8(), from.array()), from.u8()));
        let methods = take_list(from, METHODS_MAX, METHOD_ENTRY_BYTES, method)?;
        if service.is_empty() || instance == 0 {
            return Err(WireError::Field("service"));
        }
        Ok(Self { service, instance, state, methods, more })
    }
}

impl ReportLine {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(match self.kind {
            ReportKind::Accepted => 1,
            ReportKind::Abandoned => 2,
            ReportKind::Done => 3,
            ReportKind::SessionEnded => 4,
        });
        [self.session, self.client, self.rpc].iter().for_each(|id| out.extend_from_slice(&id.to_be_bytes()));
    }

    fn take(from: &mut Cursor<'_>) -> Result<Self, WireError> {
        let kind = match from.u8() {
            1 => ReportKind::Accepted,
            2 => ReportKind::Abandoned,
            3 => ReportKind::Done,
            4 => ReportKind::SessionEnded,
            _ => return Err(WireError::Field("report")),
        };
        Ok(Self { kind, session: from.u64(), client: from.u64(), rpc: from.u64() })
    }
}

impl OutstandingCall {
    fn put(&self, out: &mut Vec<u8>) {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        out.push(flag(self.is_callee, IS_CALLEE) | flag(self.is_answered, IS_ANSWERED));
        [self.session, self.client, self.rpc].iter().for_each(|id| out.extend_from_slice(&id.to_be_bytes()));
        out.extend_from_slice(&self.instance.to_be_bytes());
    }

    fn take(from: &mut Cursor<'_>) -> Self {
        let flags = from.u8();
        Self {
            is_callee: flags & IS_CALLEE != 0,
            is_answered: flags & IS_ANSWERED != 0,
            session: from.u64(),
            client: from.u64(),
            rpc: from.u64(),
            instance: from.u32(),
        }
    }
}

fn refusal(number: u8) -> Result<ControlRefusal, WireError> {
    use ControlRefusal::{Collision, Differs, Full, Malformed, NotReady, Taken, Unknown};
    let all = [Taken, Unknown, Differs, Full, Collision, Malformed, NotReady];
    all.into_iter().find(|refusal| *refusal as u8 == number).ok_or(WireError::Field("refusal"))
}

/// So many bytes must be there.
fn need(from: &Cursor<'_>, bytes: usize) -> Result<(), WireError> {
    let got = from.0.len();
    if got < bytes { Err(WireError::Short { got, need: bytes }) } else { Ok(()) }
}

/// A text behind its length in a byte.
fn put_text(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    let end = (0..=bytes_max.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    out.push(u8::try_from(end).unwrap_or(u8::MAX));
    out.extend_from_slice(&text.as_bytes()[..end]);
}

fn take_text(from: &mut Cursor<'_>, bytes_max: usize, what: &'static str) -> Result<String, WireError> {
    need(from, 1)?;
    let bytes = usize::from(from.u8());
    need(from, bytes)?;
    let (text, rest) = from.0.split_at(bytes);
    from.0 = rest;
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= bytes_max);
    text.map(str::to_owned).ok_or(WireError::Field(what))
}

/// A list behind its length in a byte.
fn put_list<T>(out: &mut Vec<u8>, list: &[T], entries_max: usize, put: impl Fn(&T, &mut Vec<u8>)) {
    let list = &list[..list.len().min(entries_max)];
    out.push(u8::try_from(list.len()).unwrap_or(u8::MAX));
    list.iter().for_each(|entry| put(entry, out));
}

/// A list of entries that have `entry_bytes` each.
fn take_list<T>(
    from: &mut Cursor<'_>,
    entries_max: usize,
    entry_bytes: usize,
    mut take: impl FnMut(&mut Cursor<'_>) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    need(from, 1)?;
    let entries = usize::from(from.u8());
    if entries > entries_max {
        return Err(WireError::Field("length of a list"));
    }
    need(from, entries * entry_bytes)?;
    (0..entries).map(|_| take(from)).collect()
}

fn put_servers(out: &mut Vec<u8>, servers: &[u8]) {
    put_list(out, servers, SERVERS_MAX, |server, out| out.push(*server));
}

fn take_servers(from: &mut Cursor<'_>) -> Result<Vec<u8>, WireError> {
    take_list(from, SERVERS_MAX, 1, |from| Ok(from.u8()))
}
