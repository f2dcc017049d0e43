//! Several short objects at once: at one server by one message where it takes that, otherwise one by one.

use super::alloc::{Allocation, PendingAlloc};
use super::{GlobalMemory, MemoryError, Pointer};
use crate::memory::MemoryStatus;
use crate::memory::client::Allocated;
use crate::memory::together::{Each, TOGETHER_BYTES_MAX};
use bytes::Bytes;
use std::mem::{replace, take};
use std::sync::atomic::Ordering;

/// Each object is taken once.
const TAKEN: MemoryError = MemoryError::BadAnswer("twice");

/// Objects that were made, or are being made, at the same time. What is not taken is freed.
#[derive(Debug)]
pub(crate) struct Allocs {
    memory: GlobalMemory,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// One message has made them all, as far as they could be made there.
    Together(Together),
    /// There is only one.
    One(Option<Pointer>),
    /// Each has its own.
    Alone(Vec<Option<PendingAlloc>>),
}

#[derive(Debug)]
struct Together {
    server: u8,
    contents: Vec<Bytes>,
    outcomes: Each<Allocated>,
}

impl GlobalMemory {
    /// Makes objects of these bytes, each of which is short: by one message, or at the same time.
    pub(crate) fn alloc_and_write_all(&self, contents: Vec<Bytes>) -> Result<Allocs, MemoryError> {
        if contents.len() < 2 {
            let made = contents.into_iter().next().map(|content| self.alloc_and_write(content)).transpose()?;
            return Ok(Allocs { memory: self.clone(), way: Way::One(made) });
        }
        let now = self.inner.clock.lately();
        let mut first = Allocation::new(self, contents.first().map_or(0, |content| content.len() as u64));
        let server = first.next_at(now)?;
        if let Some(client) = self.client(server).ok().filter(|client| client.may_span_objects(&[])) {
            let rest = contents.iter().skip(1).map(Bytes::len);
            rest.for_each(|len| self.placement().join(now, len as u64, server));
            let outcomes = client.allocate_together(&contents);
            let outcomes = outcomes.unwrap_or_else(|error| vec![Err(error); contents.len()]);
            let free = outcomes.iter().rev().flatten().next().map(|made| made.free);
            if let Some(free) = free {
                self.placement().report(now, server, Some(free).filter(|free| *free > 0));
            }
            let way = Way::Together(Together { server, contents, outcomes });
            return Ok(Allocs { memory: first.into_memory(), way });
        }
        let alone = |content: Bytes, may_hold| Allocation::new(self, content.len() as u64).start(content, may_hold);
        let mut contents = contents.into_iter();
        let mut begun = Vec::with_capacity(contents.len());
        if let Some(content) = contents.next() {
            begun.push(Some(first.start_at(server, content, true)?));
        }
        for content in contents {
            begun.push(Some(alone(content, true)?));
        }
        Ok(Allocs { memory: self.clone(), way: Way::Alone(begun) })
    }

    /// Reads objects whole by one message, if one server has them, takes that, and they are short, as far as can be told
    /// before. With `None` they are to be read one by one, which also tells what is wrong.
    pub(crate) fn read_together(
        &self,
        objects: &[Pointer],
        are_known: bool,
        bytes_max: usize,
    ) -> Result<Option<Vec<Vec<u8>>>, MemoryError> {
        let expects_short = are_known || self.inner.expects_short.load(Ordering::Relaxed);
        let [first, rest @ ..] = objects else { return Ok(None) };
        if !expects_short || rest.iter().any(|object| object.root() != first.root()) {
            return Ok(None);
        }
        let client = self.of(*first)?;
        if !client.may_span_objects(objects) {
            return Ok(None);
        }
        let read = match client.read_together(objects, bytes_max.min(TOGETHER_BYTES_MAX)) {
            Ok(read) => read.into_iter().collect::<Result<Vec<_>, _>>(),
            Err(error @ MemoryError::Refused { .. }) => Err(error),
            Err(error) => return Err(error),
        };
        if let Err(MemoryError::Refused { status: MemoryStatus::OutOfRange, .. }) = read {
            self.expect_short(false);
        }
        Ok(read.ok())
    }

    /// Whether the objects that are read together next are taken to be short, where nothing is known of them: as those were that
    /// were read together last.
    pub(crate) fn expect_short(&self, are_short: bool) {
        self.inner.expects_short.store(are_short, Ordering::Relaxed);
    }
}

impl Allocs {
    /// One of the objects, for which it may have to wait. Where the server asked could not make it, other servers are asked now. Each is to be taken
    /// once.
    pub(crate) fn take(&mut self, at: usize) -> Result<Pointer, MemoryError> {
        match &mut self.way {
            Way::One(made) => made.take().ok_or(TAKEN),
            Way::Alone(begun) => {
                let begun = begun.get_mut(at).and_then(Option::take);
                begun.map_or(Err(TAKEN), PendingAlloc::wait)
            }
            Way::Together(together) => {
                let outcome = together.outcomes.get_mut(at).map_or(Err(TAKEN), |outcome| replace(outcome, Err(TAKEN)));
                let content = together.contents.get_mut(at).map(take).unwrap_or_default();
                match outcome {
                    Ok(made) => self.memory.own(together.server, made.object),
                    Err(error) => {
                        Allocation::new(&self.memory, content.len() as u64).go_on(together.server, error, &content)
                    }
                }
            }
        }
    }
}

impl Drop for Allocs {
    /// What is not wanted any more must be waited for: only the answer names it.
    fn drop(&mut self) {
        match &mut self.way {
            Way::One(made) => made.take().into_iter().for_each(|object| self.memory.free_later(object)),
            Way::Alone(begun) => {
                for object in begun.drain(..).flatten().map(PendingAlloc::wait) {
                    let _ = object.map(|object| self.memory.free_later(object));
                }
            }
            Way::Together(together) => {
                for made in together.outcomes.drain(..).flatten() {
                    self.memory.free_later(made.object);
                }
            }
        }
    }
}
