//! How a node's servers tell the control plane what they serve.

use super::keeper::Keeper;
use crate::server::{RegisterError, Registrar};
use crate::wire::MethodField;
use crate::wire::control::ServeState;
use std::time::Duration;

/// Time for the control plane to confirm a service.
const CONFIRM_WITHIN: Duration = Duration::from_secs(10);

impl Registrar for Keeper {
    fn open(&self, instance: u32, service: &str, methods: Vec<(MethodField, u8)>) -> Result<(), RegisterError> {
        self.change(|now, membership| membership.serve(now, instance, service, methods));
        let settled = self.wait(CONFIRM_WITHIN, |state| {
            if let Some(ended) = state.ended() {
                return Some(Err(RegisterError::Ended(ended.to_string())));
            }
            match state.membership.is_served(instance, service) {
                Ok(false) => None,
                Ok(true) => Some(Ok(())),
                Err(why) => Some(Err(RegisterError::Refused(why))),
            }
        });
        settled.unwrap_or(Err(RegisterError::Unconfirmed))
    }

    fn change(&self, instance: u32, service: &str, state: ServeState) {
        self.change(|now, membership| membership.serve_less(now, instance, service, state));
    }
}
