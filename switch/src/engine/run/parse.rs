//! The parser.

use super::super::bits::PAD;
use super::super::layout::Variable;
use super::super::limits::PARSER_STEPS_MAX;
use super::super::load::ahead_slot;
use super::super::program::{Ahead, Cases, KeyPart, Next, ParserOp, ParserState, SetCase};
use super::super::tables;
use super::super::trace::{Event, Trace};
use super::{Packet, Run};

/// The number of a parser error.
type Failure = u64;

impl<T: Trace> Run<'_, T> {
    /// Parses from the beginning; what went wrong is left in the metadata.
    pub(super) fn parse(&mut self, packet: &mut Packet, bytes: &[u8]) {
        packet.parsed = 0;
        let errors = &self.program.errors;
        let mut outcome = Ok(());
        let mut next = self.program.start;
        let mut steps = 0;
        while let Some(state) = next.and_then(|state| self.program.states.get(state)) {
            steps += 1;
            if steps > PARSER_STEPS_MAX {
                outcome = Err(errors.timeout);
                break;
            }
            self.trace.note(|| Event::State(state.name.clone()));
            match self.state(state, packet, bytes) {
                Ok(target) => next = target,
                Err(code) => {
                    outcome = Err(code);
                    break;
                }
            }
        }
        let code = outcome.err().unwrap_or(errors.none);
        if code != errors.none {
            self.trace.note(|| Event::ParserError(errors.name(code)));
        }
        packet.phv.set(self.program.intrinsic.parser_error, code);
    }

    fn state(&mut self, state: &ParserState, packet: &mut Packet, bytes: &[u8]) -> Result<Next, Failure> {
        for op in &state.ops {
            self.op(op, packet, bytes)?;
        }
        if state.key.is_empty() {
            return Ok(state.otherwise);
        }
        match &state.cases {
            Cases::Word(key, cases) => {
                let key = key.of(&packet.phv.bytes);
                let found = cases.iter().find(|&&(value, mask, _)| key & mask == value);
                Ok(found.map_or(state.otherwise, |&(_, _, next)| next))
            }
            Cases::Short(cases) => {
                let key = self.short_key(&state.key, packet, bytes)?;
                let found = cases.iter().find(|&&(value, mask, _)| key & mask == value);
                Ok(found.map_or(state.otherwise, |&(_, _, next)| next))
            }
            Cases::Long(cases) => {
                self.long_key(&state.key, packet, bytes)?;
                let key = &self.work.key;
                let same = |value: &[u8], mask: &[u8]| {
                    key.iter().zip(mask).zip(value).all(|((byte, mask), value)| byte & mask == *value)
                };
                let found = cases.iter().find(|(value, mask, _)| same(value, mask));
                Ok(found.map_or(state.otherwise, |&(_, _, next)| next))
            }
            Cases::Sets(cases) => {
                self.long_key(&state.key, packet, bytes)?;
                let found = cases.iter().find(|case| self.is_met(case));
                Ok(found.map_or(state.otherwise, |&(SetCase::Value(_, _, next) | SetCase::Set(_, _, next))| next))
            }
        }
    }

    /// Whether the transition key is a case's value, or in its set.
    fn is_met(&mut self, case: &SetCase) -> bool {
        match case {
            SetCase::Value(value, mask, _) => {
                self.work.key.iter().zip(mask).zip(value).all(|((byte, mask), value)| byte & mask == *value)
            }
            &SetCase::Set(set, one, _) => {
                let program = self.program;
                let mask = program.sets.get(set).and_then(|set| set.uses.get(one)?.mask.as_ref());
                let key = match mask {
                    Some(mask) => {
                        self.work.bytes.clear();
                        self.work.bytes.extend(self.work.key.iter().zip(mask).map(|(byte, mask)| byte & mask));
                        &self.work.bytes
                    }
                    None => &self.work.key,
                };
                self.state.sets.get(set).is_some_and(|values| values.contains(one, key))
            }
        }
    }

    /// A key of up to 16 bytes.
    fn short_key(&mut self, parts: &[KeyPart], packet: &Packet, bytes: &[u8]) -> Result<u128, Failure> {
        let mut key = 0u128;
        for part in parts {
            let value = match *part {
                KeyPart::Field(slot) => wide_load(slot, &packet.phv.bytes),
                KeyPart::Valid(header) => u128::from(packet.phv.is_valid(header)),
                KeyPart::Last(stack, slot) => {
                    self.last(packet, stack, slot).map_or(0, |slot| wide_load(slot, &packet.phv.bytes))
                }
                KeyPart::Ahead(ahead) => {
                    self.look(ahead, packet, bytes)?;
                    wide_load(ahead_slot(ahead), &self.work.bytes)
                }
            };
            // A part of 16 bytes is the only one.
            key = key.checked_shl(u32::try_from(part.bytes() * 8).unwrap_or(128)).unwrap_or(0) | value;
        }
        Ok(key)
    }

    fn long_key(&mut self, parts: &[KeyPart], packet: &Packet, bytes: &[u8]) -> Result<(), Failure> {
        self.work.key.clear();
        for part in parts {
            let start = self.work.key.len();
            self.work.key.resize(start + part.bytes(), 0);
            match *part {
                KeyPart::Field(slot) => tables::fill(slot, &packet.phv.bytes, &mut self.work.key[start..]),
                KeyPart::Valid(header) => self.work.key[start] = u8::from(packet.phv.is_valid(header)),
                KeyPart::Last(stack, slot) => {
                    if let Some(slot) = self.last(packet, stack, slot) {
                        tables::fill(slot, &packet.phv.bytes, &mut self.work.key[start..]);
                    }
                }
                KeyPart::Ahead(ahead) => {
                    self.look(ahead, packet, bytes)?;
                    tables::fill(ahead_slot(ahead), &self.work.bytes, &mut self.work.key[start..]);
                }
            }
        }
        Ok(())
    }

    /// Copies the bytes that hold the bits ahead.
    fn look(&mut self, ahead: Ahead, packet: &Packet, bytes: &[u8]) -> Result<(), Failure> {
        let start = packet.parsed + ahead.offset / 8;
        let end = packet.parsed + (ahead.offset + ahead.width as usize).div_ceil(8);
        let found = bytes.get(start..end).ok_or(self.program.errors.packet_too_short)?;
        self.work.bytes.clear();
        self.work.bytes.extend_from_slice(found);
        self.work.bytes.resize(found.len() + PAD, 0);
        Ok(())
    }

    fn op(&mut self, op: &ParserOp, packet: &mut Packet, bytes: &[u8]) -> Result<(), Failure> {
        match op {
            &ParserOp::Extract(header) => self.extract(header, packet, bytes)?,
            &ParserOp::ExtractNext(stack) => {
                let next = packet.phv.next.get(stack).copied().unwrap_or(0);
                let header = self.program.layout.element_header(stack, next as u64);
                self.extract(header.ok_or(self.program.errors.stack_out_of_bounds)?, packet, bytes)?;
                packet.phv.next[stack] = next + 1;
            }
            ParserOp::ExtractVariable(header, bits) => {
                let bits = self.number(bits, packet);
                self.extract_variable(*header, bits, packet, bytes)?;
            }
            ParserOp::ExtractNextVariable(stack, bits) => {
                let (stack, bits) = (*stack, self.number(bits, packet));
                let next = packet.phv.next.get(stack).copied().unwrap_or(0);
                let header = self.program.layout.element_header(stack, next as u64);
                let header = header.ok_or(self.program.errors.stack_out_of_bounds)?;
                self.extract_variable(header, bits, packet, bytes)?;
                packet.phv.next[stack] = next + 1;
            }
            ParserOp::Set(place, expr) => {
                let value = self.value(expr, packet);
                self.assign(place, value, packet);
            }
            &ParserOp::Peek(slot, ahead) => {
                self.look(ahead, packet, bytes)?;
                ahead_slot(ahead).copy_to(&self.work.bytes, slot, &mut packet.phv.bytes);
            }
            ParserOp::Verify(condition, code) => {
                if !self.holds(condition, packet) {
                    return Err(self.number(code, packet));
                }
            }
            ParserOp::Advance(bits) => {
                let bits = self.number(bits, packet);
                if !bits.is_multiple_of(8) {
                    return Err(self.program.errors.invalid_argument);
                }
                let by = usize::try_from(bits / 8).unwrap_or(usize::MAX);
                let parsed = packet.parsed.checked_add(by).filter(|&parsed| parsed <= bytes.len());
                packet.parsed = parsed.ok_or(self.program.errors.packet_too_short)?;
            }
            ParserOp::Primitive(primitive) => self.primitives(std::slice::from_ref(primitive), packet),
        }
        Ok(())
    }

    fn extract(&mut self, header: usize, packet: &mut Packet, bytes: &[u8]) -> Result<(), Failure> {
        let Some(found) = self.program.layout.headers.get(header) else { return Ok(()) };
        let end = packet.parsed + found.bytes;
        let from = bytes.get(packet.parsed..end).ok_or(self.program.errors.packet_too_short)?;
        if let Some(to) = packet.phv.bytes.get_mut(found.range()) {
            to.copy_from_slice(from);
        }
        self.trace.note(|| Event::Extract(found.name.clone()));
        packet.phv.make_valid(&self.program.layout, header);
        packet.parsed = end;
        Ok(())
    }

    /// Extracts a header whose field of variable length has so many bits.
    fn extract_variable(&mut self, header: usize, bits: u64, packet: &mut Packet, bytes: &[u8]) -> Result<(), Failure> {
        let (layout, errors) = (&self.program.layout, &self.program.errors);
        let Some(found) = layout.headers.get(header) else { return Ok(()) };
        let Some(Variable { first, bytes: room }) = found.variable else { return Ok(()) };
        let length = u32::try_from(bits).ok().filter(|bits| bits.is_multiple_of(8) && *bits < 1 << 31);
        let length = length.ok_or(errors.invalid_argument)? as usize / 8;
        let end = packet.parsed + found.wire_bytes(length);
        let from = bytes.get(packet.parsed..end).ok_or(errors.packet_too_short)?;
        if length > room {
            return Err(errors.header_too_short);
        }
        let (head, tail) = from.split_at(first + length);
        if let Some(to) = packet.phv.bytes.get_mut(found.range()) {
            to[..head.len()].copy_from_slice(head);
            to[head.len()..first + room].fill(0);
            to[first + room..].copy_from_slice(tail);
        }
        self.trace.note(|| Event::Extract(found.name.clone()));
        packet.phv.set_variable_bytes(header, length);
        packet.phv.make_valid(layout, header);
        packet.parsed = end;
        Ok(())
    }
}

/// The low 128 bits of a slot.
#[inline]
fn wide_load(slot: super::Slot, buffer: &[u8]) -> u128 {
    if slot.is_short() {
        return slot.load(buffer);
    }
    slot.limb(0).map_or(0, |low| low.load(buffer)) | slot.limb(64).map_or(0, |high| high.load(buffer) << 64)
}
