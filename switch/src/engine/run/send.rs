//! Calculations, checksums and the deparser.

use super::super::bits::{PAD, Slot};
use super::super::layout::Header;
use super::super::program::Input;
use super::super::trace::{Event, Trace};
use super::{Packet, Run};

impl<T: Trace> Run<'_, T> {
    /// The result of a calculation. Its payload is what the parser did not take, whatever was changed since.
    pub(super) fn calculate(&mut self, calculation: usize, packet: &Packet, bytes: &[u8]) -> u64 {
        let program = self.program;
        let Some(calculation) = program.calculations.get(calculation) else { return 0 };
        let mut input = Bits { bytes: &mut self.work.bytes, end: 0 };
        input.bytes.clear();
        for part in &calculation.input {
            match part {
                &Input::Field(header, slot) if packet.phv.is_valid(header) => input.append(slot, &packet.phv.bytes),
                &Input::Valid(header) => {
                    let slot = Slot { byte: 0, bit: 7, width: 1, signed: false, saturating: false };
                    let mut flag = [0; PAD];
                    flag[0] = u8::from(packet.phv.is_valid(header));
                    input.append(slot, &flag);
                }
                &Input::Header(header) if packet.phv.is_valid(header) => {
                    let wire = |found: &Header| found.wire(packet.phv.variable_bytes(header));
                    for range in program.layout.headers.get(header).into_iter().flat_map(wire) {
                        input.append_bytes(packet.phv.bytes.get(range).unwrap_or_default());
                    }
                }
                &Input::Variable(header) if packet.phv.is_valid(header) => {
                    let room = program.layout.headers.get(header).map_or(0..0, Header::room);
                    let used =
                        packet.phv.bytes.get(room).and_then(|room| room.get(..packet.phv.variable_bytes(header)));
                    input.append_bytes(used.unwrap_or_default());
                }
                Input::Constant(slot, bytes) => input.append(*slot, bytes),
                Input::Field(..) | Input::Header(_) | Input::Variable(_) => {}
            }
        }
        let head = input.end.div_ceil(8);
        let mut payload = if calculation.with_payload { bytes.get(packet.parsed..).unwrap_or_default() } else { &[] };
        // BMv2 truncates what it computes over as if it were the whole packet.
        payload = payload.get(..packet.marks.bytes_max.unwrap_or(usize::MAX)).unwrap_or(payload);
        calculation.algorithm.of(self.work.bytes.get(..head).unwrap_or_default(), payload)
    }

    /// Verifies the checksums that are to be, after parsing.
    pub(super) fn verify(&mut self, packet: &mut Packet, bytes: &[u8]) {
        let program = self.program;
        let mut wrong = false;
        for checksum in program.checksums.iter().filter(|checksum| checksum.verify) {
            if !packet.phv.is_valid(checksum.header) || !self.applies(checksum.condition.as_ref(), packet) {
                continue;
            }
            let computed = self.calculate(checksum.calculation, packet, bytes);
            let correct = computed == packet.phv.field(Some(checksum.target));
            self.trace.note(|| Event::Checksum { name: checksum.name.clone(), correct });
            wrong |= !correct;
        }
        packet.phv.set(program.intrinsic.checksum_error, u64::from(wrong));
    }

    fn applies(&mut self, condition: Option<&super::Expr>, packet: &Packet) -> bool {
        condition.is_none_or(|condition| self.holds(condition, packet))
    }

    fn update(&mut self, packet: &mut Packet, bytes: &[u8]) {
        let program = self.program;
        for checksum in program.checksums.iter().filter(|checksum| checksum.update) {
            if self.applies(checksum.condition.as_ref(), packet) {
                let computed = self.calculate(checksum.calculation, packet, bytes);
                packet.phv.set(Some(checksum.target), computed);
            }
        }
    }

    /// Appends the packet as it is sent: the valid headers, then what was not parsed.
    pub(super) fn deparse(&mut self, packet: &mut Packet, bytes: &[u8], into: &mut Vec<u8>) {
        self.update(packet, bytes);
        let program = self.program;
        for &index in program.deparser.iter().filter(|&&header| packet.phv.is_valid(header)) {
            let Some(header) = program.layout.headers.get(index) else { continue };
            self.trace.note(|| Event::Emit(header.name.clone()));
            let wire = header.wire(packet.phv.variable_bytes(index));
            for range in wire.into_iter().filter(|range| !range.is_empty()) {
                into.extend_from_slice(packet.phv.bytes.get(range).unwrap_or_default());
            }
        }
        into.extend_from_slice(bytes.get(packet.parsed..).unwrap_or_default());
    }

    pub(super) fn send(&mut self, packet: &mut Packet, bytes: &[u8]) {
        let mut buffer = std::mem::take(&mut self.out.bytes);
        let start = buffer.len();
        self.deparse(packet, bytes, &mut buffer);
        buffer.truncate(start.saturating_add(packet.marks.bytes_max.unwrap_or(usize::MAX)));
        let (port, bytes) = (packet.port, buffer.len() - start);
        self.out.bytes = buffer;
        self.out.packets.push((port, start));
        self.trace.note(|| Event::Send { port, bytes });
    }
}

/// A calculation's input, to which values are appended at any bit.
struct Bits<'a> {
    bytes: &'a mut Vec<u8>,
    /// Bits.
    end: usize,
}

impl Bits<'_> {
    #[inline]
    fn append(&mut self, slot: Slot, buffer: &[u8]) {
        let (byte, bit) = (self.end / 8, self.end % 8);
        self.end += slot.width as usize;
        if bit == 0 && slot.is_whole() {
            self.bytes.truncate(byte);
            let at = slot.byte as usize;
            self.bytes.extend_from_slice(buffer.get(at..at + slot.bytes()).unwrap_or_default());
            return;
        }
        self.bytes.resize(byte + slot.bytes() + 1 + PAD, 0);
        // What follows the value must be zero for the value after it.
        self.bytes[byte + usize::from(bit > 0)..].fill(0);
        let (byte, bit) = (u32::try_from(byte).unwrap_or(u32::MAX), u8::try_from(bit).unwrap_or(0));
        slot.copy_to(buffer, Slot { byte, bit, width: slot.width, signed: false, saturating: false }, self.bytes);
    }

    fn append_bytes(&mut self, bytes: &[u8]) {
        self.bytes.resize(self.end.div_ceil(8), 0);
        self.bytes.extend_from_slice(bytes);
        self.end = (self.end.div_ceil(8) + bytes.len()) * 8;
    }
}
