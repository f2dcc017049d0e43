//! The control flow: tables, conditions, calls.

use super::super::bits::PAD;
use super::super::expr::Value;
use super::super::program::{After, Holds, Next, Node, TableSpec};
use super::super::tables::{self, Count, Target};
use super::super::trace::{Event, Trace};
use super::{Packet, Run};

impl<T: Trace> Run<'_, T> {
    /// Runs a control flow to its end or to an exit. That it has no cycles was checked when it was loaded.
    pub(super) fn control(&mut self, packet: &mut Packet, first: Next, bytes: &[u8]) {
        let mut next = first;
        let program = self.program;
        while !packet.marks.exit {
            if T::IS_SILENT {
                next = self.decide(next, packet);
            }
            let Some(node) = next.and_then(|node| program.nodes.get(node)) else { return };
            next = match node {
                &Node::Table(table) => self.table(table, packet, bytes),
                &Node::Fixed { table, .. } if !T::IS_SILENT => self.table(table, packet, bytes),
                &(Node::Fixed { action, next, .. } | Node::Call { action, next }) => {
                    self.action(action, packet);
                    next
                }
                Node::If { name, condition, then, otherwise } => {
                    let holds = self.holds(condition, packet);
                    self.trace.note(|| Event::Condition { name: name.clone(), holds });
                    if holds { *then } else { *otherwise }
                }
            };
        }
    }

    fn table(&mut self, index: usize, packet: &mut Packet, bytes: &[u8]) -> Next {
        let program = self.program;
        let spec = program.tables.get(index)?;
        let table = self.state.tables.get_mut(index)?;
        // No key is made for a table that has nothing to find, as those of what is blocked.
        let hit = if spec.key.is_empty() || table.len() == 0 {
            None
        } else {
            table.lookup(spec, tables::build(spec, &packet.phv, &mut self.work.key))
        };
        self.trace
            .note(|| Event::Table { name: spec.name.clone(), hit: hit.map(|spot| table.handle(table.place_at(spot))) });
        let target = match hit {
            Some(spot) => {
                if spec.with_counters {
                    let Count { packets, bytes } = table.count(spot);
                    let bytes = bytes.wrapping_add(packet.received);
                    table.set_count(spot, Count { packets: packets.wrapping_add(1), bytes });
                }
                if let Some((_, slot)) = spec.meter {
                    let color = table.color(table.place_at(spot), self.now, packet.received);
                    Value::Narrow(i128::from(color)).store(slot, &mut packet.phv.bytes);
                }
                let (target, data) = table.target(spot);
                take(&mut self.work.data, data, spec.data_bytes);
                target
            }
            None => match &table.default {
                Some(default) => {
                    take(&mut self.work.data, &default.data, usize::MAX);
                    default.target
                }
                None => return missed(spec),
            },
        };
        match spec.holds {
            Holds::Actions => self.apply(spec, target as usize, hit.is_some(), packet),
            // A program's own default entry names an action even there.
            Holds::Profile(..) if hit.is_none() && self.is_own_default(index) => {
                self.apply(spec, target as usize, false, packet)
            }
            Holds::Profile(profile, _) => self.indirect(spec, profile, target, hit.is_some(), packet, bytes),
        }
    }

    fn is_own_default(&self, table: usize) -> bool {
        self.state.tables.get(table).is_some_and(|table| !table.default_is_member)
    }

    /// Runs the action at a place of the table's list.
    fn apply(&mut self, spec: &TableSpec, place: usize, is_hit: bool, packet: &mut Packet) -> Next {
        if let Some(&action) = spec.actions.get(place) {
            self.action(action, packet);
        }
        match &spec.after {
            After::Action(nexts) => nexts.get(place).copied().flatten(),
            After::Outcome { hit, miss } => *if is_hit { hit } else { miss },
        }
    }

    /// Runs the action of a profile's member, or of one that a hash chooses from a group.
    fn indirect(
        &mut self,
        spec: &TableSpec,
        profile: usize,
        target: u32,
        is_hit: bool,
        packet: &mut Packet,
        bytes: &[u8],
    ) -> Next {
        let member = match Target::unpacked(target) {
            Target::Member(member) => Some(member),
            Target::Group(group) => {
                let selector = self.program.profiles.get(profile).and_then(|profile| profile.selector);
                let hash = selector.map_or(0, |calculation| self.calculate(calculation, packet, bytes));
                self.state.profiles.get(profile).and_then(|profile| profile.choose(group, hash))
            }
        };
        let found = member.and_then(|member| self.state.profiles.get(profile)?.member(member).ok());
        let Some(member) = found else {
            // An empty group: BMv2 runs no action and ends the control flow.
            return None;
        };
        take(&mut self.work.data, &member.data, usize::MAX);
        match spec.place_of(member.action) {
            Some(place) => self.apply(spec, place, is_hit, packet),
            None => None,
        }
    }

    pub(super) fn action(&mut self, action: usize, packet: &mut Packet) {
        let program = self.program;
        if let Some(action) = program.actions.get(action) {
            self.trace.note(|| Event::Action(action.name.clone()));
            self.primitives(&action.code, packet);
        }
    }
}

/// Copies an action's data to where its primitives read it. Not what follows it: that is on another cache line. An action without
/// data reads none.
#[inline]
fn take(into: &mut Vec<u8>, data: &[u8], at_most: usize) {
    let bytes = data.len().min(at_most);
    // Of what stands behind the data nothing is used.
    if into.len() < bytes + PAD {
        into.resize(bytes + PAD, 0);
    }
    if let (Some(into), Some(data)) = (into.get_mut(..bytes), data.get(..bytes)) {
        into.copy_from_slice(data);
    }
}

/// Where a miss without default entry leads.
fn missed(spec: &TableSpec) -> Next {
    match &spec.after {
        After::Outcome { miss, .. } => *miss,
        After::Action(_) => spec.after_miss,
    }
}
