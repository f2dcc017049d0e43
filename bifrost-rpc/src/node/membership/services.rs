//! The services of a node, and what the control plane has confirmed of them.

use super::request::Answer;
use crate::wire::MethodField;
use crate::wire::control::{ControlRefusal, METHODS_MAX, Serve, ServeState};
use std::collections::BTreeMap;

#[derive(Debug)]
struct Served {
    methods: Vec<(MethodField, u8)>,
    wanted: ServeState,
    /// What was confirmed; `None`: not all of its methods.
    told: Option<ServeState>,
    /// How many methods were confirmed.
    methods_told: usize,
    refused: Option<ControlRefusal>,
}

/// Services by instance and name.
#[derive(Debug, Default)]
pub(super) struct Services(BTreeMap<(u32, String), Served>);

impl Services {
    pub(super) fn open(&mut self, instance: u32, service: &str, methods: Vec<(MethodField, u8)>) {
        let served = Served { methods, wanted: ServeState::Open, told: None, methods_told: 0, refused: None };
        self.0.insert((instance, service.to_owned()), served);
    }

    pub(super) fn change(&mut self, instance: u32, service: &str, state: ServeState) {
        let key = (instance, service.to_owned());
        let Some(served) = self.0.get_mut(&key) else { return };
        served.wanted = state;
        if served.refused.is_some() && state == ServeState::Ended {
            self.0.remove(&key);
        }
    }

    /// These are to be told of as if for the first time.
    pub(super) fn tell_anew(&mut self, which: impl Fn(&(u32, String)) -> bool) {
        for (_, served) in self.0.iter_mut().filter(|(key, _)| which(key)) {
            (served.told, served.methods_told) = (None, 0);
        }
    }

    /// Whether what is wanted has been confirmed.
    pub(super) fn is_settled(&self, instance: u32, service: &str) -> Result<bool, ControlRefusal> {
        match self.0.get(&(instance, service.to_owned())) {
            None => Ok(true),
            Some(Served { refused: Some(why), .. }) => Err(*why),
            Some(served) => Ok(served.told == Some(served.wanted)),
        }
    }

    /// What is to be told next, and how many methods are told of with it.
    pub(super) fn next(&self) -> Option<(Serve, usize)> {
        let is_due = |served: &Served| served.refused.is_none() && served.told != Some(served.wanted);
        let ((instance, service), served) = self.0.iter().find(|(_, served)| is_due(served))?;
        // Methods go with the first telling only, and nobody needs those of a service that ends.
        let left = match (served.told, served.wanted) {
            (None, ServeState::Open | ServeState::Draining) => &served.methods[served.methods_told..],
            _ => &[],
        };
        let methods = left[..left.len().min(METHODS_MAX)].to_vec();
        let (more, count) = (methods.len() < left.len(), methods.len());
        Some((Serve { service: service.clone(), instance: *instance, state: served.wanted, methods, more }, count))
    }

    /// What [`Services::next`] told, so many methods in state `told`, was answered.
    pub(super) fn on_answer(
        &mut self,
        instance: u32,
        service: &str,
        (methods, told): (usize, ServeState),
        answer: Answer,
    ) {
        let key = (instance, service.to_owned());
        let Some(served) = self.0.get_mut(&key) else { return };
        if let (Err(why), None) = (answer, served.told) {
            served.refused = Some(why);
        } else {
            served.methods_told += methods;
            if told == ServeState::Ended || served.methods_told >= served.methods.len() {
                served.told = Some(told);
            }
        }
        if told == ServeState::Ended || (served.refused.is_some() && served.wanted == ServeState::Ended) {
            self.0.remove(&key);
        }
    }
}
