//! What the pointers of a message have come with.

use super::object::{Held, Object, Settings};
use crate::memory::Pointer;
use std::sync::{Arc, Mutex, PoisonError};

/// The memory that a message's pointers are of, and which of them are whose.
#[derive(Debug)]
pub struct Received {
    settings: Option<Arc<Settings>>,
    /// What this side passed: it comes back as what it was.
    passed: Vec<Held>,
    /// Control over these has passed to this side, and no reference has taken it yet; none if the message gave none.
    given: Option<Mutex<Vec<Pointer>>>,
}

impl Received {
    /// Of a call: everything in it is leased.
    pub(crate) fn call(settings: Option<Arc<Settings>>) -> Arc<Self> {
        Self::answer(settings, Vec::new(), Vec::new())
    }

    /// Of the answer to a call that passed `passed`, which gives control over `given`.
    pub(crate) fn answer(settings: Option<Arc<Settings>>, passed: Vec<Held>, given: Vec<Pointer>) -> Arc<Self> {
        let given = (!given.is_empty()).then(|| Mutex::new(given));
        Arc::new(Self { settings, passed, given })
    }

    /// The object of a pointer, and whether whoever reads it here has its control.
    pub(super) fn object(self: &Arc<Self>, pointer: Pointer, has_references: bool) -> Held {
        if let Some(held) = self.passed.iter().find(|held| held.object.pointer() == pointer) {
            return Held { object: Arc::clone(&held.object), is_owned: false };
        }
        let received = has_references.then(|| Arc::clone(self));
        match (&self.settings, self.claim(pointer)) {
            (Some(settings), true) => {
                let object = Object::controlled(pointer, Arc::clone(settings)).with_received(received);
                Held { object: Arc::new(object), is_owned: true }
            }
            (settings, _) => {
                let object = Arc::new(Object::leased(pointer, settings.clone(), received));
                Held { object, is_owned: false }
            }
        }
    }

    fn claim(&self, pointer: Pointer) -> bool {
        let Some(given) = &self.given else { return false };
        let mut given = given.lock().unwrap_or_else(PoisonError::into_inner);
        match given.iter().position(|other| *other == pointer) {
            Some(at) => {
                given.swap_remove(at);
                true
            }
            None => false,
        }
    }
}

impl Drop for Received {
    /// Frees what nobody has taken: an answer that could not be read, or what a dropped object named.
    fn drop(&mut self) {
        if let (Some(given), Some(settings)) = (self.given.take(), &self.settings) {
            let given = given.into_inner().unwrap_or_else(PoisonError::into_inner);
            given.into_iter().for_each(|pointer| drop(Object::controlled(pointer, Arc::clone(settings))));
        }
    }
}
