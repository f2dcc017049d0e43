//! Sending references: what goes by value and what by reference, and the pointers that a call or its answer carries.

use super::object::{Held, Settings};
use super::refs::Choice;
use super::store::Together;
use super::visit::{Reference, Visitor};
use super::{Memory, Received, ReferenceError};
use crate::memory::Pointer;
use crate::protocol::{Encode, Limits};
use crate::wire::POINTERS_MAX;
use std::sync::Arc;

/// Values that refer to values, one within the other.
const DEPTH_MAX: u8 = 64;

/// What the references of one message are sent with.
#[derive(Debug)]
pub struct Passing {
    /// Where values are stored; none if none are.
    settings: Option<Arc<Settings>>,
    kind: Kind,
    /// What the pointers of the call that is answered have come with.
    received: Option<Arc<Received>>,
    /// What the packet lists, in order.
    pointers: Vec<Pointer>,
    /// What it names, so that it lives until the message has done its work.
    held: Vec<Held>,
    /// Values that are being stored, and will be named.
    storing: usize,
    /// Levels of references in what is referred to.
    depth: u8,
    /// Bytes of objects that were read to be sent by value.
    fetched: u64,
}

/// What a server's references go with: the same for all calls.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    settings: Arc<Settings>,
    received: Arc<Received>,
}

impl Serving {
    pub(crate) fn new(memory: Memory, threshold_bytes: usize, limits: Limits) -> Self {
        let settings = Arc::new(Settings::new(memory, threshold_bytes, limits));
        let received = Received::call(Some(Arc::clone(&settings)));
        Self { settings, received }
    }
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A call: what this side keeps alive until it is answered.
    Call,
    /// A call that is not answered: only what this side need not free.
    Oneway,
    /// An answer, which gives control away.
    Answer,
    /// An answer to somebody who takes only values.
    Values,
    /// The content of an object.
    Object,
    /// Nothing: it is only measured.
    Measure,
}

impl Passing {
    fn new(settings: Option<Arc<Settings>>, kind: Kind) -> Self {
        Self {
            settings,
            kind,
            received: None,
            pointers: Vec::new(),
            held: Vec::new(),
            storing: 0,
            depth: 0,
            fetched: 0,
        }
    }

    /// Of a call to somebody who understands references.
    pub(crate) fn call(settings: Option<Arc<Settings>>, is_oneway: bool) -> Self {
        Self::new(settings, if is_oneway { Kind::Oneway } else { Kind::Call })
    }

    /// Of an answer, to somebody who understands references or who does not.
    pub(crate) fn answer(serving: &Serving, references: bool) -> Self {
        let received = Some(Arc::clone(&serving.received));
        let kind = if references { Kind::Answer } else { Kind::Values };
        Self { received, ..Self::new(Some(Arc::clone(&serving.settings)), kind) }
    }

    pub(super) fn into_object() -> Self {
        Self::new(None, Kind::Object)
    }

    /// Of a message that goes where only values go.
    fn values() -> Self {
        Self::new(None, Kind::Values)
    }

    /// Of what is not sent, but measured.
    pub(super) fn measure() -> Self {
        Self::new(None, Kind::Measure)
    }

    /// Takes the pointers that the packet lists: all that a call passes, those that an answer gives.
    pub(crate) fn take_pointers(&mut self) -> Vec<Pointer> {
        std::mem::take(&mut self.pointers)
    }

    /// What the pointers of the call that is answered have come with.
    pub(crate) fn received(&self) -> Option<Arc<Received>> {
        self.received.clone()
    }

    /// What must live until the message has done its work.
    pub(crate) fn into_held(self) -> Vec<Held> {
        self.held
    }

    /// Whether the message may carry this pointer.
    pub(super) fn passes(&self, pointer: Pointer) -> bool {
        self.kind == Kind::Measure || self.held.iter().any(|held| held.object.pointer() == pointer)
    }

    /// As new: what was to be sent is not.
    pub(crate) fn reset(&mut self) {
        self.pointers.clear();
        self.held.clear();
        (self.storing, self.depth, self.fetched) = (0, 0, 0);
    }

    /// The answer has been sent: what it gives away is the caller's.
    pub(crate) fn give_up(&self) {
        self.held.iter().filter(|held| held.is_owned).for_each(|held| _ = held.object.give_up());
    }

    /// Whether a group goes by reference.
    fn refers(&self, group: &[&mut dyn Reference]) -> thrift::Result<bool> {
        let pointers = group.iter().filter(|one| one.choice().is_none()).count();
        if self.kind == Kind::Values {
            return Ok(false);
        }
        if self.kind == Kind::Oneway && !group.iter().all(|one| one.held().is_some_and(|held| !held.is_owned)) {
            return Ok(false);
        }
        if pointers == group.len() {
            return Ok(true);
        }
        let Some(settings) = &self.settings else { return Ok(false) };
        let mut bytes = 0_usize;
        for value in group.iter().filter(|one| one.choice().is_some()) {
            match (value.choice(), value.object_len()?) {
                (Some(Choice::Value), _) | (_, 0) => return Ok(false),
                (_, len) => bytes = bytes.saturating_add(len),
            }
        }
        let is_wanted = pointers > 0 || group.iter().any(|one| one.choice() == Some(Choice::Reference));
        let has_room = self.held.len() + self.storing + group.len() <= POINTERS_MAX;
        Ok(is_wanted || (has_room && bytes >= settings.threshold_bytes.saturating_mul(group.len())))
    }

    /// Begins to store a value.
    fn start(&mut self, value: &mut dyn Reference, together: &mut Together) -> Result<(), ReferenceError> {
        let Some(settings) = &self.settings else { return Ok(()) };
        if self.held.len() + self.storing >= POINTERS_MAX {
            return Err(ReferenceError::TooMany);
        }
        value.start_storing(settings, together)?;
        self.storing += 1;
        Ok(())
    }

    /// Reads what goes by value: all of a message no more than a message may have.
    fn fetch(&mut self, one: &mut dyn Reference) -> Result<(), ReferenceError> {
        let limits = self.settings.as_ref().map_or(Limits::DEFAULT, |settings| settings.limits);
        let limit = limits.message_bytes_max as u64;
        self.fetched = self.fetched.saturating_add(one.fetch()?);
        if self.fetched > limit { Err(ReferenceError::TooLarge { len: self.fetched, limit }) } else { Ok(()) }
    }

    /// Notes what the message names.
    fn note(&mut self, held: Held) -> Result<(), ReferenceError> {
        if self.passes(held.object.pointer()) {
            return Ok(());
        }
        let is_listed = match self.kind {
            Kind::Call | Kind::Oneway => true,
            Kind::Answer => held.is_owned && held.object.is_controlled(),
            Kind::Object | Kind::Values | Kind::Measure => false,
        };
        if self.held.len() + self.storing >= POINTERS_MAX {
            return Err(ReferenceError::TooMany);
        }
        if is_listed {
            self.pointers.push(held.object.pointer());
        }
        let parts = held.object.parts().to_vec();
        self.held.push(held);
        parts.into_iter().try_for_each(|part| self.note(part))
    }
}

/// Makes the references in a value what they are sent as: stores what goes by reference and waits until it is stored,
/// reads what goes by value, and notes all pointers. Without a [`Passing`] all goes by value.
///
/// # Errors
///
/// [`ReferenceError`]: the memory server's refusal, or too many pointers.
pub(crate) fn prepare<T: Encode>(value: &mut T, passing: Option<&mut Passing>) -> thrift::Result<()> {
    if !T::HAS_REFERENCES {
        return Ok(());
    }
    let mut values = Passing::values();
    let passing = passing.unwrap_or(&mut values);
    level(passing, &mut |visitor| value.visit_references(visitor)).inspect_err(|_| passing.reset())
}

/// Shows the references of a value, not those in what they refer to, to a visitor.
type Show<'a> = &'a mut dyn FnMut(&mut dyn Visitor) -> thrift::Result<()>;

/// All of one level are stored at the same time; those below come before, since their pointers are written into these.
fn level(passing: &mut Passing, show: Show<'_>) -> thrift::Result<()> {
    if passing.depth >= DEPTH_MAX {
        return Err(ReferenceError::TooDeep(DEPTH_MAX).into());
    }
    passing.depth += 1;
    let mut together = Together::default();
    show(&mut Start(passing, &mut together))?;
    if let Some(settings) = &passing.settings {
        together.store(&settings.memory)?;
    }
    show(&mut Finish(passing, &mut together))?;
    passing.depth -= 1;
    Ok(())
}

struct Start<'a>(&'a mut Passing, &'a mut Together);

impl Visitor for Start<'_> {
    fn visit(&mut self, group: &mut [&mut dyn Reference]) -> thrift::Result<()> {
        self.inner(group)?;
        if !self.0.refers(group)? {
            if group.iter().any(|one| one.choice().is_none()) {
                group.iter_mut().try_for_each(|one| self.0.fetch(*one))?;
                self.inner(group)?;
            }
            return Ok(());
        }
        // First what is there, so that nothing is stored for a call that cannot be.
        group.iter().filter_map(|one| one.held()).try_for_each(|held| self.0.note(held))?;
        for value in group.iter_mut().filter(|one| one.choice().is_some()) {
            self.0.start(*value, self.1)?;
        }
        Ok(())
    }
}

impl Start<'_> {
    /// What values hold themselves.
    fn inner(&mut self, group: &mut [&mut dyn Reference]) -> thrift::Result<()> {
        for one in group.iter_mut().filter(|one| one.has_references()) {
            level(self.0, &mut |visitor| one.visit_inner(visitor))?;
        }
        Ok(())
    }
}

struct Finish<'a>(&'a mut Passing, &'a mut Together);

impl Visitor for Finish<'_> {
    fn visit(&mut self, group: &mut [&mut dyn Reference]) -> thrift::Result<()> {
        for one in group {
            if one.finish_storing(self.1)? {
                self.0.storing = self.0.storing.saturating_sub(1);
                one.held().map_or(Ok(()), |held| self.0.note(held))?;
            }
        }
        Ok(())
    }
}
