//! The requests of one life of a node: each is acted on once, and answered as often as it comes.

use bifrost_rpc::wire::control::ControlMessage;
use std::collections::BTreeMap;

/// Requests whose answers are kept.
const KEPT: usize = 16;

/// What is to be done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gatekeeper) enum Admission {
    /// It is new.
    New,
    /// It came before, and this was the answer.
    Again(ControlMessage),
    /// It came before and is not answered yet, or is so old that nobody knows.
    Drop,
}

/// The newest requests by number, with their answers.
#[derive(Debug, Default)]
pub(in crate::gatekeeper) struct Requests {
    kept: BTreeMap<u64, Option<ControlMessage>>,
    /// Numbers up to this one are forgotten.
    floor: u64,
}

impl Requests {
    /// Takes a request in.
    pub(in crate::gatekeeper) fn admit(&mut self, number: u64) -> Admission {
        match self.kept.get(&number) {
            Some(Some(answer)) => return Admission::Again(answer.clone()),
            Some(None) => return Admission::Drop,
            None if number <= self.floor => return Admission::Drop,
            None => {}
        }
        self.kept.insert(number, None);
        if self.kept.len() > KEPT
            && let Some((oldest, _)) = self.kept.pop_first()
        {
            self.floor = self.floor.max(oldest);
        }
        Admission::New
    }

    /// Keeps the answer of a request.
    pub(in crate::gatekeeper) fn answer(&mut self, number: u64, answer: &ControlMessage) {
        if let Some(kept) = self.kept.get_mut(&number) {
            *kept = Some(answer.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_acted_on_once_and_answered_again() {
        let mut requests = Requests::default();
        assert_eq!(requests.admit(7), Admission::New);
        assert_eq!(requests.admit(7), Admission::Drop);
        requests.answer(7, &ControlMessage::Confirmed);
        assert_eq!(requests.admit(7), Admission::Again(ControlMessage::Confirmed));
    }

    #[test]
    fn a_request_that_was_overtaken_is_still_taken() {
        let mut requests = Requests::default();
        assert_eq!(requests.admit(9), Admission::New);
        requests.answer(9, &ControlMessage::Confirmed);
        assert_eq!(requests.admit(8), Admission::New);
    }

    #[test]
    fn what_is_forgotten_is_never_new_again() {
        let mut requests = Requests::default();
        (1..=100).for_each(|number| assert_eq!(requests.admit(number), Admission::New));
        assert_eq!(requests.kept.len(), KEPT);
        (1..=100).for_each(|number| assert_eq!(requests.admit(number), Admission::Drop));
        assert_eq!(requests.admit(u64::MAX), Admission::New);
    }
}
