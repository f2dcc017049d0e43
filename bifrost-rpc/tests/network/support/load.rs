//! Many calls by several threads, and the judgement of their effects.

use super::{Client, Effects, call_error};
use bifrost_rpc::{CallError, Method};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::thread::JoinHandle;

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Answered,
    Failed(CallError),
}

/// Threads that call without pause until told to stop.
#[derive(Debug)]
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicI64>,
    threads: Vec<JoinHandle<Vec<(i64, Outcome)>>>,
}

impl Load {
    /// Each thread calls one of `methods`, which append a unique id.
    pub(crate) fn start(client: &Client, threads: i64, methods: &'static [Method]) -> Self {
        let (is_over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        let threads = (0..threads).zip(methods.iter().cycle()).map(|(number, method)| {
            let (client, is_over, answered) = (client.clone(), Arc::clone(&is_over), Arc::clone(&answered));
            std::thread::spawn(move || {
                let mut outcomes = Vec::new();
                for id in (number << 32).. {
                    if is_over.load(SeqCst) {
                        break;
                    }
                    let result = client.number(method, id);
                    let outcome = match &result {
                        Ok(answer) => {
                            assert_eq!(*answer, id, "the answer to another call");
                            answered.fetch_add(1, SeqCst);
                            Outcome::Answered
                        }
                        Err(_) => Outcome::Failed(call_error(&result)),
                    };
                    outcomes.push((id, outcome));
                }
                outcomes
            })
        });
        let threads = threads.collect();
        Self { is_over, answered, threads }
    }

    /// Calls answered until now.
    pub(crate) fn answered(&self) -> i64 {
        self.answered.load(SeqCst)
    }

    /// Waits until so many more calls were answered.
    pub(crate) fn wait_for(&self, more: i64) {
        let until = self.answered() + more;
        while self.answered() < until {
            super::probe::pause(std::time::Duration::from_millis(1));
        }
    }

    /// Lets the calls under way end; how each call ended.
    pub(crate) fn stop(self) -> Vec<(i64, Outcome)> {
        self.is_over.store(true, SeqCst);
        self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

/// No effect twice; each answered call has its effect; calls that certainly did not run have none. Returns how many
/// calls failed.
pub(crate) fn check_effects(outcomes: &[(i64, Outcome)], effects: &Effects) -> usize {
    let mut times: BTreeMap<i64, usize> = BTreeMap::new();
    effects.ids().into_iter().for_each(|id| *times.entry(id).or_default() += 1);
    for (id, outcome) in outcomes {
        let times = times.remove(id).unwrap_or(0);
        match outcome {
            Outcome::Answered => assert_eq!(times, 1, "effects of call {id:#x}, which was answered"),
            Outcome::Failed(error) if error.may_have_run() => {
                assert!(times <= 1, "{times} effects of call {id:#x}, which ended with: {error}");
            }
            Outcome::Failed(error) => assert_eq!(times, 0, "effects of call {id:#x}, which ended with: {error}"),
        }
    }
    assert!(times.is_empty(), "effects of calls that were never made: {times:?}");
    outcomes.iter().filter(|(_, outcome)| *outcome != Outcome::Answered).count()
}
