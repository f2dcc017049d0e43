//! Who may do what, as programs see it: a plain model that knows neither the control plane nor the tables.
//!
//! It is told what memory servers have done, when handlers begin and end, and what callers have been answered. Where the design leaves open
//! until when something holds (an answer that gives an object is under way), it allows both.

use bifrost_dsm::{Holder, Node};
use bifrost_rpc::memory::{MemoryOp, Pointer};
use std::collections::{BTreeMap, BTreeSet};

/// An object that is there, or was.
#[derive(Debug)]
struct Object {
    /// Who controls it; two while it is being given, none once it is freed.
    control: Vec<Holder>,
    content: Vec<u8>,
    leases: Vec<Lease>,
    /// Who has ever had a right to it.
    had: BTreeSet<Holder>,
    /// Nodes to which somebody who could passed it: their right may begin before their handler does, or without it.
    lent_to: BTreeSet<Node>,
    /// Calls that pass it and were not answered: whether they lease it is not known.
    passed: usize,
    /// It was being given when one of the two ended: whether it went with that one is not known.
    is_unsure: bool,
    /// It was given by who may not have controlled it: not any more, since it had given it to another, or not yet, since the answer that gave
    /// it had not come, and never will if the call was given up. Who controls it is not known from then on.
    is_doubtful: bool,
}

impl Object {
    fn new(control: Holder, content: Vec<u8>) -> Self {
        Self {
            control: vec![control],
            content,
            leases: Vec::new(),
            had: BTreeSet::from([control]),
            lent_to: BTreeSet::new(),
            passed: 0,
            is_unsure: false,
            is_doubtful: false,
        }
    }
}

/// A handler may read an object that it was passed.
#[derive(Debug)]
struct Lease {
    handler: usize,
    callee: Holder,
    /// It has not ended: nobody may write.
    is_running: bool,
}

/// The model.
#[derive(Debug, Default)]
pub(super) struct Rights {
    objects: BTreeMap<Pointer, Object>,
    /// What a memory server has heard to have ended.
    ended: BTreeSet<(u8, Holder)>,
    /// The latest life of each node that was taken in.
    taken_in: BTreeMap<Node, u32>,
    /// Lives, and servers' boot numbers, that the control plane has given up: nobody owes them anything.
    pub(super) given_up: BTreeSet<Holder>,
    pub(super) servers_given_up: BTreeSet<(u8, u32)>,
}

impl Rights {
    /// A node was taken in; whether its life is a new one.
    pub(super) fn take_in(&mut self, life: Holder) -> bool {
        let before = self.taken_in.insert(life.node, life.incarnation);
        before.is_none_or(|before| before < life.incarnation)
    }

    /// Whether a later life of a node was taken in.
    pub(super) fn is_outlived(&self, life: Holder) -> bool {
        self.taken_in.get(&life.node).is_some_and(|latest| life.incarnation < *latest)
    }

    /// A memory server has been told that a life has ended.
    pub(super) fn end(&mut self, server: u8, gone: Holder) {
        self.ended.insert((server, gone));
        let is_gone = |of: &Holder| of.node == gone.node && of.incarnation <= gone.incarnation;
        for (_, object) in self.objects.iter_mut().filter(|(pointer, _)| pointer.server() == server) {
            object.is_unsure |= object.control.len() > 1 && object.control.iter().any(is_gone);
            object.control.retain(|of| !is_gone(of));
            object.leases.retain(|lease| !is_gone(&lease.callee));
        }
    }

    /// A memory server is gone with its objects.
    pub(super) fn lose(&mut self, server: u8) {
        self.objects.retain(|pointer, _| pointer.server() != server);
        self.ended.retain(|(of, _)| *of != server);
    }

    /// A memory server has made an object.
    pub(super) fn made(&mut self, pointer: Pointer, holder: Holder, content: Vec<u8>) {
        self.objects.insert(pointer, Object::new(holder, content));
    }

    /// A memory server has done an operation. The error says why it should not have.
    pub(super) fn done(
        &mut self,
        pointer: Pointer,
        op: MemoryOp,
        holder: Holder,
        written: Option<(usize, &[u8])>,
    ) -> Result<(), String> {
        let Some(object) = self.objects.get_mut(&pointer) else { return Err("the object is not there".to_owned()) };
        let controls = object.control.contains(&holder);
        let leases = object.leases.iter().any(|lease| lease.callee == holder);
        let runs = object.leases.iter().any(|lease| lease.is_running);
        let why = match op {
            MemoryOp::Read if controls || leases => Ok(()),
            MemoryOp::Write if controls && !runs => Ok(()),
            MemoryOp::Write if controls => Err("a handler reads it"),
            MemoryOp::Free if controls => Ok(()),
            _ => Err("it has no right to it"),
        };
        if op == MemoryOp::Free && why.is_ok() {
            object.control.clear();
        }
        if let (Some((at, data)), Ok(())) = (written, why)
            && let Some(place) = object.content.get_mut(at..at + data.len())
        {
            place.copy_from_slice(data);
        }
        why.map_err(|why| format!("{why}: {object:?}"))
    }

    /// Whether somebody may do nothing at all any more at a server; why.
    pub(super) fn is_over(&self, server: u8, holder: Holder) -> Option<&'static str> {
        if self
            .ended
            .iter()
            .any(|(of, gone)| *of == server && gone.node == holder.node && holder.incarnation <= gone.incarnation)
        {
            return Some("the server has heard that this life has ended");
        }
        self.is_outlived(holder).then_some("a later life of the node was taken in")
    }

    /// Whether somebody could pass an object to others at some time: when a copy of the call reached the control plane is not known.
    pub(super) fn could_pass(&self, pointer: Pointer, holder: Holder) -> bool {
        let could = |object: &Object| object.had.contains(&holder) || object.lent_to.contains(&holder.node);
        self.objects.get(&pointer).is_none_or(could)
    }

    /// A call is made that passes these, to one of some nodes.
    pub(super) fn pass(&mut self, passed: &[Pointer], caller: Holder, to: &[Node]) {
        for pointer in passed {
            let could_pass = self.could_pass(*pointer, caller);
            let Some(object) = self.objects.get_mut(pointer) else { continue };
            object.passed += 1;
            object.lent_to.extend(to.iter().filter(|_| could_pass));
        }
    }

    /// A call that passed these was answered.
    pub(super) fn unpass(&mut self, passed: &[Pointer]) {
        passed.iter().for_each(|pointer| {
            self.objects.entry(*pointer).and_modify(|object| object.passed = object.passed.saturating_sub(1));
        });
    }

    /// A handler begins that was passed these.
    pub(super) fn begin(&mut self, handler: usize, callee: Holder, passed: &[Pointer]) {
        for pointer in passed {
            if let Some(object) = self.objects.get_mut(pointer) {
                object.had.insert(callee);
                object.leases.push(Lease { handler, callee, is_running: true });
            }
        }
    }

    /// A handler has ended, or its process has.
    pub(super) fn stop(&mut self, handler: usize) {
        let all = self.objects.values_mut().flat_map(|object| &mut object.leases);
        all.filter(|lease| lease.handler == handler).for_each(|lease| lease.is_running = false);
    }

    /// A handler's caller has the answer: the call leases nothing any more.
    pub(super) fn release(&mut self, handler: usize) {
        self.objects.values_mut().for_each(|object| object.leases.retain(|lease| lease.handler != handler));
    }

    /// An answer gives an object, if who answers controls it; the caller may have it from now on.
    pub(super) fn give(&mut self, pointer: Pointer, from: Holder, to: Holder) -> bool {
        let object = self.objects.get_mut(&pointer).filter(|object| object.control.contains(&from));
        let object = object.map(|object| {
            object.is_doubtful |= object.control != [from];
            object.had.insert(to);
            object.control.push(to);
        });
        object.is_some()
    }

    /// The caller has the answer that gave an object.
    pub(super) fn given(&mut self, pointer: Pointer, to: Holder) {
        let is_its = |object: &&mut Object| object.control.contains(&to) && !object.is_doubtful;
        if let Some(object) = self.objects.get_mut(&pointer).filter(is_its) {
            (object.control, object.is_unsure) = (vec![to], false);
        }
    }

    /// Whether an object was given to somebody who has never taken it over.
    pub(super) fn is_untaken_gift(&self, pointer: Pointer, to: Holder) -> bool {
        let object = self.objects.get(&pointer).filter(|object| object.control.contains(&to));
        object.is_some_and(|object| object.control.len() > 1 && object.control[0] != to)
    }

    pub(super) fn content(&self, pointer: Pointer) -> Option<Vec<u8>> {
        Some(self.objects.get(&pointer)?.content.clone())
    }

    /// Whether the control plane has given up the life of a memory server that made an object.
    pub(super) fn is_server_given_up(&self, pointer: Pointer) -> bool {
        let boot = u32::try_from(pointer.object() >> 32).unwrap_or(0);
        self.servers_given_up.contains(&(pointer.server(), boot))
    }

    /// Whether somebody has a right that must be in force now.
    pub(super) fn is_owed(&self, pointer: Pointer, op: MemoryOp, holder: Holder) -> bool {
        let Some(object) = self.objects.get(&pointer) else { return false };
        let is_given_up = self.given_up.contains(&holder) || self.is_server_given_up(pointer);
        let controls = object.control == [holder] && !object.is_unsure && !object.is_doubtful;
        let runs = object.leases.iter().any(|lease| lease.callee == holder && lease.is_running);
        let owed = match op {
            MemoryOp::Read => controls || runs,
            MemoryOp::Write => controls && object.leases.is_empty() && object.passed == 0,
            MemoryOp::Free => controls,
            MemoryOp::Alloc => false,
        };
        owed && !is_given_up && self.is_over(pointer.server(), holder).is_none()
    }
}
