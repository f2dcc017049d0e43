//! Digests: how they are gathered, and that they have arrived.

use super::super::convert as to;
use super::super::handler::Runtime;
use super::idl::{BmLearningBufferId, BmLearningListId, BmLearningSampleId};
use crate::engine::LearnError;
use thrift::Result;

impl Runtime {
    /// Some samples of a buffer have arrived.
    pub(super) fn acknowledge(
        &self,
        context: i32,
        list: BmLearningListId,
        buffer: BmLearningBufferId,
        samples: Vec<BmLearningSampleId>,
    ) -> Result<()> {
        let samples: Vec<usize> = samples.into_iter().filter_map(|id| usize::try_from(id).ok()).collect();
        let buffer = buffer.cast_unsigned();
        self.learning(context, |engine| engine.acknowledge(to::list(list)?, buffer, Some(&samples)))
    }

    /// A whole buffer has arrived.
    pub(super) fn acknowledge_buffer(
        &self,
        context: i32,
        list: BmLearningListId,
        buffer: BmLearningBufferId,
    ) -> Result<()> {
        self.learning(context, |engine| engine.acknowledge(to::list(list)?, buffer.cast_unsigned(), None))
    }

    pub(super) fn set_learn_wait(&self, context: i32, list: BmLearningListId, wait_ms: i32) -> Result<()> {
        self.learning(context, |engine| {
            let wait_ms = u64::try_from(wait_ms).map_err(|_| LearnError::Other)?;
            engine.set_learn_wait(to::list(list)?, wait_ms.saturating_mul(1000))
        })
    }

    pub(super) fn set_learn_samples(&self, context: i32, list: BmLearningListId, samples: i32) -> Result<()> {
        self.learning(context, |engine| {
            let samples = usize::try_from(samples).map_err(|_| LearnError::Other)?;
            engine.set_learn_samples(to::list(list)?, samples)
        })
    }
}
