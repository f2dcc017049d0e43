//! What becomes of a call, told at each place that it passes, for whoever has set a `tracing` subscriber: `docs/running-gatekeeper.md`,
//! "Follow one call".
//!
//! Drivers tell it, of what goes through their hands; state machines know nothing of it.

use crate::wire::{Flags, HEADER_BYTES, Header, MemoryOp, MethodField, PacketType, Pointer};
use std::fmt;
use tracing::Level;
use tracing::span::EnteredSpan;

/// The target of all that is told of calls.
pub const TARGET: &str = "bifrost::call";

/// What a call is named by wherever it is told of: its packets have both numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallName {
    /// The calling client's id.
    pub client: u64,
    /// The call's id.
    pub rpc: u64,
}

impl CallName {
    /// The name of the call that a packet is of.
    #[must_use]
    pub const fn of(header: &Header) -> Self {
        Self { client: header.client, rpc: header.rpc }
    }
}

impl fmt::Display for CallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}/{}", self.client, self.rpc)
    }
}

/// Whether anybody wants to know. Where nobody does this is a comparison.
#[inline]
#[must_use]
pub fn is_followed() -> bool {
    tracing::enabled!(target: TARGET, Level::DEBUG)
}

/// Tells what became of a call somewhere.
pub fn tell(place: &str, call: CallName, what: fmt::Arguments<'_>) {
    tracing::debug!(target: TARGET, place, %call, "{what}");
}

/// Tells what became of a packet that is of little interest.
pub fn tell_of_packet(place: &str, call: CallName, what: fmt::Arguments<'_>) {
    tracing::trace!(target: TARGET, place, %call, "{what}");
}

/// Tells of a memory operation: its own name, and where it is known the call whose lease allows it.
pub fn tell_of_memory(place: &str, operation: CallName, call: Option<CallName>, what: fmt::Arguments<'_>) {
    match call {
        Some(call) => tracing::debug!(target: TARGET, place, %call, %operation, "{what}"),
        None => tracing::debug!(target: TARGET, place, %operation, "{what}"),
    }
}

/// The span in which a caller waits.
#[inline]
pub(crate) fn calling(service: &str, method: &str) -> Option<EnteredSpan> {
    is_followed().then(|| tracing::debug_span!(target: TARGET, "call", service, method).entered())
}

/// A handler that runs. Dropping it tells that it has run.
#[derive(Debug)]
pub(crate) struct Running {
    call: CallName,
    method: MethodField,
    _span: EnteredSpan,
}

impl Running {
    /// A handler begins to run, in a span of its own.
    #[inline]
    pub(crate) fn begin(call: CallName, method: MethodField) -> Option<Self> {
        is_followed().then(|| Self::tell(call, method))
    }

    fn tell(call: CallName, method: MethodField) -> Self {
        let span = tracing::debug_span!(target: TARGET, "run", %call, %method).entered();
        tell("callee", call, format_args!("runs {method}"));
        Self { call, method, _span: span }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        tell("callee", self.call, format_args!("has run {}", self.method));
    }
}

/// Tells of the packets that an end sends, or that have come for it.
pub(crate) fn packets(mut bytes: &[u8], is_sent: bool) {
    while let Ok(header) = Header::parse(bytes) {
        packet(&header, is_sent);
        bytes = bytes.get(HEADER_BYTES + usize::from(header.body_len)..).unwrap_or_default();
    }
}

fn packet(header: &Header, is_sent: bool) {
    let Some((place, what)) = words(header, is_sent) else { return };
    let (name, method) = (CallName::of(header), header.method);
    if header.kind == PacketType::Memory {
        let pointer = Pointer::from_bytes(header.pointer);
        let Some(op) = MemoryOp::from_wire(pointer.operation()) else { return };
        let pointer = pointer.at_rest();
        return tracing::debug!(target: TARGET, place, operation = %name, "{what} {op:?} of {pointer}");
    }
    if header.pointers == 0 {
        return tracing::debug!(target: TARGET, place, call = %name, %method, "{what}");
    }
    let pointer = Pointer::from_bytes(header.pointer).at_rest();
    tracing::debug!(target: TARGET, place, call = %name, %method, pointers = header.pointers, %pointer, "{what}");
}

/// Where a packet is told of that an end sends or takes in, and what of it.
fn words(header: &Header, is_sent: bool) -> Option<(&'static str, &'static str)> {
    use PacketType::{Call, Cancel, Exception, Held, Memory, Oneway, Refused, Reply};
    let (is_first, to_callee) = (header.flags.has(Flags::FIRST), header.flags.has(Flags::TO_CALLEE));
    Some(match (header.kind, is_sent) {
        (Call | Oneway | Reply | Exception | Memory, _) if !is_first => return None,
        (Call | Oneway, true) => ("caller", "sends the call"),
        (Call | Oneway, false) => ("callee", "gets the call"),
        (Reply | Exception, true) => ("callee", "sends the answer"),
        (Reply | Exception, false) => ("caller", "gets the answer"),
        (Memory, true) if to_callee => ("client", "asks for"),
        (Memory, false) if !to_callee => ("client", "gets the answer to"),
        (Held, false) => ("caller", "hears that it is held"),
        (Refused, true) => ("callee", "refuses"),
        (Refused, false) => ("caller", "hears that it is refused"),
        (Cancel, true) => ("caller", "gives up"),
        (Cancel, false) => ("callee", "hears that nobody waits"),
        _ => return None,
    })
}
