//! The primitives of actions.

use super::super::bits::{PAD, Slot};
use super::super::expr::{Place, Value};
use super::super::program::{HeaderRef, Primitive};
use super::super::tables::Count;
use super::super::trace::Trace;
use super::{DROP_PORT, Packet, Run};

impl<T: Trace> Run<'_, T> {
    /// Runs primitives in order. Jumps go forward only, so that it ends.
    pub(super) fn primitives(&mut self, code: &[Primitive], packet: &mut Packet) {
        let mut at = 0;
        while let Some(primitive) = code.get(at) {
            at += 1;
            match primitive {
                &Primitive::SetWord(to, value) => to.store(&mut packet.phv.bytes, value),
                &Primitive::MoveWord(to, from) => {
                    let value = from.load(&packet.phv.bytes);
                    to.store(&mut packet.phv.bytes, value);
                }
                &Primitive::MoveDataWord(to, from) => to.store(&mut packet.phv.bytes, from.load(&self.work.data)),
                &Primitive::Set(to, value) => to.store(&mut packet.phv.bytes, value),
                &Primitive::Move(to, from) => self.move_field(to, from, packet),
                &Primitive::MoveData(to, from) => from.copy_to(&self.work.data, to, &mut packet.phv.bytes),
                Primitive::Assign(place, expr) => {
                    let value = self.value(expr, packet);
                    self.assign(place, value, packet);
                }
                Primitive::Drop(port, group) => {
                    packet.phv.set(Some(*port), DROP_PORT);
                    packet.phv.set(*group, 0);
                }
                Primitive::JumpIfZero(condition, target) => {
                    if !self.holds(condition, packet) {
                        at = *target;
                    }
                }
                Primitive::Jump(target) => at = *target,
                Primitive::Exit => packet.marks.exit = true,
                Primitive::Count(array, index) => self.count(*array, index, packet),
                other => self.rare(other, packet),
            }
        }
    }

    #[inline]
    fn move_field(&mut self, to: Slot, from: Slot, packet: &mut Packet) {
        let bytes = &mut packet.phv.bytes;
        if to.is_whole() && from.is_whole() && to.width == from.width {
            let start = from.byte as usize;
            bytes.copy_within(start..start + from.bytes(), to.byte as usize);
        } else if to.is_short() && from.is_short() {
            let value = from.load(bytes);
            to.store(bytes, value);
        } else {
            let start = from.byte as usize;
            self.work.bytes.clear();
            self.work.bytes.extend_from_slice(
                bytes.get(start..).unwrap_or_default().get(..from.bytes() + PAD).unwrap_or_default(),
            );
            Slot { byte: 0, ..from }.copy_to(&self.work.bytes, to, bytes);
        }
    }

    #[inline(never)]
    fn rare(&mut self, primitive: &Primitive, packet: &mut Packet) {
        match primitive {
            Primitive::AddHeader(header) => self.add_header(header, packet),
            Primitive::RemoveHeader(header) => self.remove_header(header, packet),
            Primitive::AssignHeader(to, from) => {
                if let (Some(to), Some(from)) = (self.resolve(to, packet), self.resolve(from, packet)) {
                    self.assign_header(to, from, packet);
                }
            }
            &Primitive::AssignStack(to, from) => self.assign_stack(to, from, packet),
            &Primitive::AssignUnion(to, from) => self.assign_union(to, from, packet),
            &Primitive::AssignVariable(to, from) => self.assign_variable(to, from, packet),
            Primitive::Push(stack, count) => {
                let count = self.number(count, packet);
                self.push(*stack, count, packet);
            }
            Primitive::Pop(stack, count) => {
                let count = self.number(count, packet);
                self.pop(*stack, count, packet);
            }
            Primitive::RegisterRead(place, array, index) => {
                let index = self.number(index, packet);
                let cell = self.state.registers.get(*array).and_then(|array| array.cell(index));
                if let Some(value) = cell.map(|(slot, buffer)| Value::load(slot, buffer)) {
                    self.assign(place, value, packet);
                }
            }
            Primitive::RegisterWrite(array, index, value) => {
                let (index, value) = (self.number(index, packet), self.value(value, packet));
                self.write_register(*array, index, value);
            }
            Primitive::Meter(array, index, place) => {
                let index = self.number(index, packet);
                let meters = self.state.meters.get_mut(*array);
                if let Some(color) = meters.and_then(|meters| meters.color(index, self.now, packet.received)) {
                    self.assign(place, Value::Narrow(i128::from(color)), packet);
                }
            }
            Primitive::Clone(session, list) => {
                packet.marks.clone = Some((self.number(session, packet), self.number(list, packet)));
            }
            Primitive::Resubmit(list) => packet.marks.resubmit = self.number(list, packet),
            Primitive::Recirculate(list) => packet.marks.recirculate = self.number(list, packet),
            Primitive::Digest(list) => packet.marks.digest = self.number(list, packet),
            Primitive::Truncate(bytes) => {
                let bytes = usize::try_from(self.number(bytes, packet)).unwrap_or(usize::MAX);
                packet.marks.bytes_max = Some(packet.marks.bytes_max.map_or(bytes, |max| max.min(bytes)));
            }
            Primitive::Hash(place, base, calculation, size) => self.hash(place, base, *calculation, size, packet),
            Primitive::Random(place, low, high) => {
                let (low, high) = (self.number(low, packet), self.number(high, packet));
                // As in BMv2, the field is left alone where there is no such number.
                if low <= high {
                    let value = self.state.random.between(low, high);
                    self.assign(place, Value::Narrow(i128::from(value)), packet);
                }
            }
            _ => {}
        }
    }

    /// Writes a value; to nowhere where an index is out of bounds.
    pub(super) fn assign(&mut self, place: &Place, value: Value, packet: &mut Packet) {
        let slot = match place {
            Place::Field(slot) => Some(*slot),
            Place::Last(stack, slot) => self.last(packet, *stack, *slot),
            Place::Element(stack, slot, index) => {
                let index = self.number(index, packet);
                self.program.layout.element(*stack, index, *slot)
            }
            Place::Register(array, _, index) => {
                let index = self.number(index, packet);
                return self.write_register(*array, index, value);
            }
        };
        if let Some(slot) = slot {
            value.store(slot, &mut packet.phv.bytes);
        }
    }

    fn write_register(&mut self, array: usize, index: u64, value: Value) {
        if let Some((slot, buffer)) = self.state.registers.get_mut(array).and_then(|array| array.cell_mut(index)) {
            value.store(slot, buffer);
        }
    }

    fn count(&mut self, array: usize, index: &super::Expr, packet: &Packet) {
        let index = usize::try_from(self.number(index, packet)).unwrap_or(usize::MAX);
        if let Some(Count { packets, bytes }) =
            self.state.counters.get_mut(array).and_then(|array| array.get_mut(index))
        {
            *packets = packets.wrapping_add(1);
            *bytes = bytes.wrapping_add(packet.received);
        }
    }

    fn hash(&mut self, place: &Place, base: &super::Expr, calculation: usize, size: &super::Expr, packet: &mut Packet) {
        let (base, size) = (self.number(base, packet), self.number(size, packet).max(1));
        // The payload is not in it: that is refused when the program is loaded.
        let hash = self.calculate(calculation, packet, &[]);
        let value = Value::Narrow(i128::from((hash % size).wrapping_add(base)));
        self.assign(place, value, packet);
    }

    fn resolve(&mut self, header: &HeaderRef, packet: &Packet) -> Option<usize> {
        match header {
            HeaderRef::Header(header) => Some(*header),
            HeaderRef::Of(stack, index) => {
                let index = self.number(index, packet);
                self.program.layout.element_header(*stack, index)
            }
        }
    }

    fn add_header(&mut self, header: &HeaderRef, packet: &mut Packet) {
        let Some(header) = self.resolve(header, packet).filter(|&header| !packet.phv.is_valid(header)) else { return };
        let Some(found) = self.program.layout.headers.get(header) else { return };
        if let Some(bytes) = packet.phv.bytes.get_mut(found.range()) {
            bytes.fill(0);
        }
        packet.phv.set_variable_bytes(header, 0);
        packet.phv.make_valid(&self.program.layout, header);
        packet.length += self.signed_bytes(header, packet);
    }

    fn remove_header(&mut self, header: &HeaderRef, packet: &mut Packet) {
        let Some(header) = self.resolve(header, packet).filter(|&header| packet.phv.is_valid(header)) else { return };
        self.invalidate(header, packet);
        packet.length -= self.signed_bytes(header, packet);
    }

    /// On the wire. Headers are smaller than 64 KiB together.
    fn signed_bytes(&self, header: usize, packet: &Packet) -> i64 {
        let found = self.program.layout.headers.get(header);
        let bytes = found.map_or(0, |found| found.wire_bytes(packet.phv.variable_bytes(header)));
        i64::try_from(bytes).unwrap_or(0)
    }

    /// Metadata stays valid whatever is done to it.
    fn invalidate(&self, header: usize, packet: &mut Packet) {
        let is_metadata = self.program.layout.headers.get(header).is_some_and(|header| header.is_metadata);
        packet.phv.set_valid(header, is_metadata);
    }

    fn assign_header(&mut self, to: usize, from: usize, packet: &mut Packet) {
        if !packet.phv.is_valid(from) {
            return self.invalidate(to, packet);
        }
        let headers = &self.program.layout.headers;
        if let (Some(to), Some(from)) = (headers.get(to), headers.get(from)) {
            packet.phv.bytes.copy_within(from.range(), to.first as usize);
        }
        packet.phv.set_variable_bytes(to, packet.phv.variable_bytes(from));
        packet.phv.make_valid(&self.program.layout, to);
    }

    /// At most one of the source is valid.
    fn assign_union(&mut self, to: usize, from: usize, packet: &mut Packet) {
        let unions = &self.program.layout.unions;
        let (Some(target), Some(source)) = (unions.get(to), unions.get(from)) else { return };
        for (&to, &from) in target.iter().zip(source) {
            self.assign_header(to, from, packet);
        }
    }

    /// Both have the same room.
    fn assign_variable(&mut self, to: usize, from: usize, packet: &mut Packet) {
        let headers = &self.program.layout.headers;
        if let (Some(target), Some(source)) = (headers.get(to), headers.get(from)) {
            packet.phv.bytes.copy_within(source.room(), target.room().start);
            packet.phv.set_variable_bytes(to, packet.phv.variable_bytes(from));
        }
    }

    fn assign_stack(&mut self, to: usize, from: usize, packet: &mut Packet) {
        let stacks = &self.program.layout.stacks;
        let (Some(target), Some(source)) = (stacks.get(to), stacks.get(from)) else { return };
        for (&to, &from) in target.headers.iter().zip(&source.headers) {
            self.assign_header(to, from, packet);
        }
        packet.phv.next[to] = packet.phv.next[from];
    }

    /// Exchanges two elements of a stack.
    fn swap(&self, a: usize, b: usize, packet: &mut Packet) {
        let headers = &self.program.layout.headers;
        if let (Some(first), Some(second)) = (headers.get(a), headers.get(b)) {
            for (i, j) in first.range().zip(second.range()) {
                packet.phv.bytes.swap(i, j);
            }
        }
        packet.phv.valid.swap(a, b);
        let (first, second) = (packet.phv.variable_bytes(a), packet.phv.variable_bytes(b));
        packet.phv.set_variable_bytes(a, second);
        packet.phv.set_variable_bytes(b, first);
    }

    fn push(&mut self, stack: usize, count: u64, packet: &mut Packet) {
        let Some(found) = self.program.layout.stacks.get(stack) else { return };
        let size = found.headers.len();
        let count = usize::try_from(count).unwrap_or(size).min(size);
        packet.phv.next[stack] = (packet.phv.next[stack] + count).min(size);
        for i in (count..size).rev() {
            self.swap(found.headers[i], found.headers[i - count], packet);
        }
        for &header in &found.headers[..count] {
            packet.phv.set_valid(header, false);
        }
    }

    fn pop(&mut self, stack: usize, count: u64, packet: &mut Packet) {
        let Some(found) = self.program.layout.stacks.get(stack) else { return };
        let size = found.headers.len();
        let count = usize::try_from(count).unwrap_or(size).min(size);
        packet.phv.next[stack] = packet.phv.next[stack].saturating_sub(count);
        for i in 0..size - count {
            self.swap(found.headers[i], found.headers[i + count], packet);
        }
        for &header in &found.headers[size - count..] {
            packet.phv.set_valid(header, false);
        }
    }
}
