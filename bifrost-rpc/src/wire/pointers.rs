//! The pointers of a Thrift message. How many they are and which is the first stands in the header of each of its
//! fragments; the others stand behind the header of fragment 0.

use super::{Flags, HEADER_BYTES, Header, POINTER_BYTES, PacketType, Pointer, WireError};

/// Pointers of a message at most.
pub const POINTERS_MAX: usize = 64;

/// Bytes of the further pointers of a message at most.
pub const FURTHER_BYTES_MAX: usize = (POINTERS_MAX - 1) * POINTER_BYTES;

/// Why a message cannot be sent with its pointers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassError {
    /// There are more than fit.
    #[error("more than {POINTERS_MAX} pointers in one message")]
    TooMany,
    /// It has an operation, or is none of global memory.
    #[error("{0} is no pointer at rest")]
    NotAtRest(Pointer),
    /// It is of no rack's memory, where links route by pointers.
    #[error("{0} is no pointer by which links route")]
    NotRoutable(Pointer),
    /// The other side takes values only.
    #[error("the other side does not understand references")]
    NotUnderstood,
}

/// Whether a message with these pointers can be sent to an end that `understands` references or does not.
///
/// # Errors
///
/// [`PassError`]; never without pointers.
pub fn check_pointers(pointers: &[Pointer], understands: bool) -> Result<(), PassError> {
    match pointers {
        [] => Ok(()),
        _ if !understands => Err(PassError::NotUnderstood),
        _ if pointers.len() > POINTERS_MAX => Err(PassError::TooMany),
        _ => match pointers.iter().find(|pointer| !pointer.is_at_rest()) {
            Some(pointer) => Err(PassError::NotAtRest(*pointer)),
            None => Ok(()),
        },
    }
}

/// Bytes that stand between header and data of fragment 0 of a message with so many pointers.
#[must_use]
pub const fn further_bytes(pointers: usize) -> usize {
    pointers.saturating_sub(1) * POINTER_BYTES
}

impl Header {
    /// Whether it is that of a fragment of a Thrift message.
    const fn is_of_message(&self) -> bool {
        matches!(self.kind, PacketType::Call | PacketType::Oneway | PacketType::Reply | PacketType::Exception)
    }

    /// Enters the pointers of a message, of which there are at most [`POINTERS_MAX`].
    pub fn set_pointers(&mut self, pointers: &[Pointer]) {
        if let Some(first) = pointers.first() {
            self.pointers = u8::try_from(pointers.len()).unwrap_or(u8::MAX);
            self.pointer = first.to_bytes();
        }
    }

    /// Bytes that stand between this header and the data: the further pointers.
    ///
    /// # Errors
    ///
    /// More pointers than a message can have.
    pub fn further_bytes(&self) -> Result<usize, WireError> {
        if self.pointers == 0 || !self.is_of_message() {
            return Ok(0);
        }
        if usize::from(self.pointers) > POINTERS_MAX {
            return Err(WireError::Field("number of pointers"));
        }
        Ok(if self.flags.has(Flags::FIRST) { further_bytes(self.pointers.into()) } else { 0 })
    }

    /// The pointers of a message, from the head of a fragment: this header and what stands behind it. Only fragment 0 has
    /// them; of others there are none.
    ///
    /// # Errors
    ///
    /// One of them is no pointer at rest.
    pub fn pointers_of(&self, head: &[u8]) -> Result<Vec<Pointer>, WireError> {
        if self.pointers == 0 || !self.is_of_message() || !self.flags.has(Flags::FIRST) {
            return Ok(Vec::new());
        }
        let further = head.get(HEADER_BYTES..).unwrap_or_default().as_chunks().0;
        let all = [self.pointer].into_iter().chain(further.iter().copied()).map(Pointer::from_bytes);
        let all: Vec<Pointer> = all.take(self.pointers.into()).collect();
        match all.iter().all(|pointer| pointer.is_at_rest()) {
            true => Ok(all),
            false => Err(WireError::Field("pointer")),
        }
    }

    /// What all fragments of a message say alike of its pointers: how many, and the first.
    #[must_use]
    pub fn carries(&self) -> (u8, [u8; POINTER_BYTES]) {
        if self.is_of_message() { (self.pointers, self.pointer) } else { Default::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(kind: PacketType, flags: Flags) -> Header {
        Header { flags, ..Header::new(kind) }
    }

    fn pointers() -> impl Strategy<Value = Vec<Pointer>> {
        let pointer = (any::<u8>(), any::<u8>(), any::<u64>()).prop_map(|(p, s, o)| Pointer::new(p, s, o));
        prop::collection::vec(pointer, 0..=POINTERS_MAX)
    }

    #[test]
    fn what_cannot_be_sent_is_told_apart() {
        let pointer = Pointer::new(1, 2, 3);
        assert_eq!(check_pointers(&[], false), Ok(()));
        assert_eq!(check_pointers(&[pointer; POINTERS_MAX], true), Ok(()));
        assert_eq!(check_pointers(&[pointer], false), Err(PassError::NotUnderstood));
        assert_eq!(check_pointers(&[pointer; POINTERS_MAX + 1], true), Err(PassError::TooMany));
        let reads = pointer.with_operation(2, 0);
        assert_eq!(check_pointers(&[pointer, reads], true), Err(PassError::NotAtRest(reads)));
        let foreign = Pointer::from_bytes([9; 16]);
        assert_eq!(check_pointers(&[foreign], true), Err(PassError::NotAtRest(foreign)));
    }

    #[test]
    fn memory_packets_have_one_pointer_and_none_behind_the_header() {
        let mut memory = header(PacketType::Memory, Flags::FIRST);
        (memory.pointers, memory.pointer) = (1, Pointer::new(1, 1, 1).with_operation(2, 0).to_bytes());
        assert_eq!(memory.further_bytes(), Ok(0));
        assert_eq!(memory.pointers_of(&memory.to_bytes()), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn pointers_come_out_as_they_went_in(pointers in pointers(), reply: bool) {
            let kind = if reply { PacketType::Reply } else { PacketType::Call };
            let mut first = header(kind, Flags::FIRST);
            first.set_pointers(&pointers);
            let further: Vec<u8> = pointers.iter().skip(1).flat_map(|pointer| pointer.to_bytes()).collect();
            prop_assert_eq!(first.further_bytes(), Ok(further.len()));
            prop_assert_eq!(further_bytes(pointers.len()), further.len());
            let head = [&first.to_bytes()[..], &further].concat();
            prop_assert_eq!(Header::parse(&head).unwrap().pointers_of(&head), Ok(pointers.clone()));
            // Later fragments have the first pointer only.
            let mut later = header(kind, Flags(0));
            later.set_pointers(&pointers);
            prop_assert_eq!(later.further_bytes(), Ok(0));
            prop_assert_eq!(later.pointers_of(&later.to_bytes()), Ok(Vec::new()));
            prop_assert_eq!(later.carries(), first.carries());
        }

        #[test]
        fn any_head_is_read_or_refused(mut head in prop::collection::vec(any::<u8>(), 128..1300), kind in 1u8..=16) {
            head[..4].copy_from_slice(&[0xB1, 0xF0, super::super::VERSION, kind]);
            let header = Header::parse(&head).unwrap();
            if header.further_bytes().is_ok() && let Ok(pointers) = header.pointers_of(&head) {
                prop_assert!(pointers.len() <= POINTERS_MAX && pointers.iter().all(|pointer| pointer.is_at_rest()));
            }
        }
    }
}
