//! Finding the references in a value.

use super::object::{Held, Settings};
use super::refs::{Choice, State};
use super::store::{Storing, Together};
use super::{Ref, ReferenceError};
use crate::protocol::{Decode, Encode};
use std::sync::Arc;

/// Is shown the references in a value: see [`Encode::visit_references`].
pub trait Visitor {
    /// One reference alone, or those that are the elements of one container, which go all by value or all by reference.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    fn visit(&mut self, group: &mut [&mut dyn Reference]) -> thrift::Result<()>;
}

/// A [`Ref`] of whatever type, as visitors see it.
pub trait Reference: Sealed {}

impl<T: Encode + Decode> Reference for Ref<T> {}

/// What a reference lets the library do with it.
pub trait Sealed {
    /// The object that it points to.
    fn held(&self) -> Option<Held>;
    /// How its value is to go; none if it is a pointer.
    fn choice(&self) -> Option<Choice>;
    /// Bytes of its value as an object; 0 if it is a pointer.
    fn object_len(&self) -> thrift::Result<usize>;
    /// Whether its value may hold references.
    fn has_references(&self) -> bool;
    /// Shows the references in its value.
    fn visit_inner(&mut self, visitor: &mut dyn Visitor) -> thrift::Result<()>;
    /// Makes a pointer a value; says how many bytes were read.
    fn fetch(&mut self) -> Result<u64, ReferenceError>;
    /// Begins to store its value, alone or with others.
    fn start_storing(&mut self, settings: &Arc<Settings>, together: &mut Together) -> Result<(), ReferenceError>;
    /// Waits until its value is stored, and is a pointer then; says whether it was being stored.
    fn finish_storing(&mut self, together: &mut Together) -> Result<bool, ReferenceError>;
}

impl<T: Encode + Decode> Sealed for Ref<T> {
    fn held(&self) -> Option<Held> {
        match &self.state {
            State::Owned(owned) => Some(owned.held()),
            State::Leased(leased) => Some(leased.held()),
            _ => None,
        }
    }

    fn choice(&self) -> Option<Choice> {
        match &self.state {
            State::Value(_, choice) => Some(*choice),
            _ => None,
        }
    }

    fn object_len(&self) -> thrift::Result<usize> {
        self.value().map_or(Ok(0), Encode::object_len)
    }

    fn has_references(&self) -> bool {
        T::HAS_REFERENCES
    }

    fn visit_inner(&mut self, visitor: &mut dyn Visitor) -> thrift::Result<()> {
        match &mut self.state {
            State::Value(value, _) => value.visit_references(visitor),
            _ => Ok(()),
        }
    }

    fn fetch(&mut self) -> Result<u64, ReferenceError> {
        let Some(held) = self.held() else { return Ok(0) };
        let pointer = Self { state: std::mem::replace(&mut self.state, State::Gone) };
        *self = Self::by_value(pointer.into_value()?);
        held.object.len()
    }

    fn start_storing(&mut self, settings: &Arc<Settings>, together: &mut Together) -> Result<(), ReferenceError> {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Value(value, _) => self.state = State::Storing(Storing::start(value, settings, together)?),
            state => self.state = state,
        }
        Ok(())
    }

    fn finish_storing(&mut self, together: &mut Together) -> Result<bool, ReferenceError> {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Storing(storing) => {
                self.state = State::Owned(storing.finish(together)?);
                Ok(true)
            }
            state => {
                self.state = state;
                Ok(false)
            }
        }
    }
}
