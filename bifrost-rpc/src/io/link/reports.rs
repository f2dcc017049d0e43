//! What the endpoints on a link have to tell the rack's control plane, and what it may ask them.

use crate::wire::control::{OutstandingCall, ReportKind, ReportLine};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Lines that wait to be taken at most. More are lost; the control plane asks again for what it misses of callees.
const LINES_MAX: usize = 1 << 16;

/// Who can be asked for the leased calls that it knows.
pub(crate) trait KnowsCalls: Send + Sync {
    /// Leased calls after this one (session, RPC id), in order; so many at most.
    fn outstanding(&self, after: (u64, u64), max: usize) -> Vec<OutstandingCall>;
}

type Hook = Arc<dyn Fn(bool) + Send + Sync>;

#[derive(Default)]
struct Lines {
    queue: VecDeque<ReportLine>,
    /// Somebody waits for one of them.
    is_awaited: bool,
}

/// Lines for the control plane, and the endpoints that they come from. Off, and free of cost, until somebody turns it on.
#[derive(Default)]
pub(crate) struct Reports {
    is_on: AtomicBool,
    lines: Mutex<Lines>,
    lost: AtomicU64,
    hook: Mutex<Option<Hook>>,
    endpoints: Mutex<Vec<Weak<dyn KnowsCalls>>>,
}

impl std::fmt::Debug for Reports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reports").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reports {
    /// Endpoints made on the link from now on report.
    pub(crate) fn turn_on(&self) {
        self.is_on.store(true, Ordering::Release);
    }

    /// Whether endpoints made on the link now are to report.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    /// `wake` is called when lines are there after there were none, and when some are that somebody waits for, which it is told. It is
    /// called with an endpoint's lock held: it must not wait, nor touch endpoints.
    pub(crate) fn set_hook(&self, wake: impl Fn(bool) + Send + Sync + 'static) {
        *lock(&self.hook) = Some(Arc::new(wake));
    }

    /// Adds lines.
    pub(crate) fn push(&self, new: impl Iterator<Item = ReportLine>) {
        let mut lines = lock(&self.lines);
        let before = (!lines.queue.is_empty(), lines.is_awaited);
        for line in new {
            // No right depends on it that an answer was accepted.
            lines.is_awaited |= line.kind != ReportKind::Accepted;
            if lines.queue.len() < LINES_MAX {
                lines.queue.push_back(line);
            } else {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (is_awaited, now) = (lines.is_awaited, (!lines.queue.is_empty(), lines.is_awaited));
        drop(lines);
        let hook = if now == before { None } else { lock(&self.hook).clone() };
        if let Some(wake) = hook {
            wake(is_awaited);
        }
    }

    /// Takes the oldest lines, so many at most. Whoever takes them keeps them until they are confirmed.
    pub(crate) fn take(&self, max: usize) -> Vec<ReportLine> {
        let mut lines = lock(&self.lines);
        let count = lines.queue.len().min(max);
        lines.is_awaited &= count < lines.queue.len();
        lines.queue.drain(..count).collect()
    }

    /// Lines lost because nobody took those before them.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// An endpoint that can be asked from now on, for as long as it lives.
    pub(crate) fn register(&self, endpoint: Weak<dyn KnowsCalls>) {
        let mut endpoints = lock(&self.endpoints);
        endpoints.retain(|endpoint| endpoint.strong_count() > 0);
        endpoints.push(endpoint);
    }

    /// Leased calls that the link's endpoints know after this one (session, RPC id; (0, 0): from the first on), in order, and
    /// whether there are more after the last of these. The two ends of one call stand together; `max` is at least 2.
    pub(crate) fn outstanding(&self, after: (u64, u64), max: usize) -> (Vec<OutstandingCall>, bool) {
        let endpoints: Vec<_> = lock(&self.endpoints).iter().filter_map(Weak::upgrade).collect();
        let mut calls = Vec::new();
        for endpoint in endpoints {
            calls.extend(endpoint.outstanding(after, max + 1));
        }
        page(calls, max)
    }
}

/// The first `max` calls in order, and whether there are more. Both ends of a call are on one page, since the next one begins
/// after the last call here.
fn page(mut calls: Vec<OutstandingCall>, max: usize) -> (Vec<OutstandingCall>, bool) {
    let key = |call: &OutstandingCall| (call.session, call.rpc);
    calls.sort_unstable_by_key(|call| (key(call), call.is_callee));
    let Some(next) = calls.get(max).map(key) else { return (calls, false) };
    calls.truncate(max);
    if max > 1 && calls.last().map(key) == Some(next) {
        calls.pop();
    }
    (calls, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn line(rpc: u64) -> ReportLine {
        ReportLine { kind: ReportKind::Done, session: 1, client: 2, rpc }
    }

    fn call(session: u64, rpc: u64, is_callee: bool) -> OutstandingCall {
        OutstandingCall { is_callee, is_answered: false, session, client: 3, rpc, instance: 4 }
    }

    struct Knows(Vec<OutstandingCall>);

    impl KnowsCalls for Knows {
        fn outstanding(&self, after: (u64, u64), max: usize) -> Vec<OutstandingCall> {
            self.0.iter().filter(|call| (call.session, call.rpc) > after).take(max).copied().collect()
        }
    }

    #[test]
    fn lines_are_taken_in_order_and_whoever_waits_is_woken_once() {
        let (reports, woken) = (Reports::default(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&woken);
        reports.set_hook(move |_| _ = count.fetch_add(1, Ordering::Relaxed));
        reports.push([].into_iter());
        assert_eq!(woken.load(Ordering::Relaxed), 0);
        reports.push((1..=3).map(line));
        reports.push((4..=5).map(line));
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(reports.take(3), [line(1), line(2), line(3)]);
        assert_eq!(reports.take(3), [line(4), line(5)]);
        reports.push([line(6)].into_iter());
        assert_eq!(woken.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn it_is_told_whether_somebody_waits_for_a_line() {
        let (reports, woken) = (Reports::default(), Arc::new(Mutex::new(Vec::new())));
        let told = Arc::clone(&woken);
        reports.set_hook(move |is_awaited| lock(&told).push(is_awaited));
        let accepted = ReportLine { kind: ReportKind::Accepted, ..line(1) };
        reports.push([accepted].into_iter());
        reports.push([accepted].into_iter());
        reports.push([line(2)].into_iter());
        reports.push([accepted, line(3)].into_iter());
        assert_eq!(*lock(&woken), [false, true]);
        assert_eq!(reports.take(usize::MAX).len(), 5);
        reports.push([accepted].into_iter());
        assert_eq!(*lock(&woken), [false, true, false]);
    }

    #[test]
    fn lines_that_nobody_takes_have_a_bound() {
        let reports = Reports::default();
        reports.push((0..LINES_MAX as u64 + 5).map(line));
        assert_eq!((reports.take(usize::MAX).len(), reports.lost()), (LINES_MAX, 5));
    }

    #[test]
    fn pages_have_every_call_of_every_endpoint_once() {
        let reports = Reports::default();
        let caller: Arc<dyn KnowsCalls> = Arc::new(Knows((1..=9).map(|rpc| call(rpc / 4, rpc, false)).collect()));
        let callee: Arc<dyn KnowsCalls> = Arc::new(Knows((3..=7).map(|rpc| call(rpc / 4, rpc, true)).collect()));
        let gone: Arc<dyn KnowsCalls> = Arc::new(Knows(vec![call(1, 1, true)]));
        for endpoint in [&caller, &callee, &gone] {
            reports.register(Arc::downgrade(endpoint));
        }
        drop(gone);
        for max in 2..=16 {
            let (mut all, mut after) = (Vec::new(), (0, 0));
            loop {
                let (calls, more) = reports.outstanding(after, max);
                assert!(calls.len() <= max);
                all.extend(calls.iter().copied());
                let Some(last) = calls.last().filter(|_| more) else { break };
                after = (last.session, last.rpc);
            }
            assert_eq!(all.len(), 9 + 5, "pages of {max}");
            assert!(all.is_sorted_by_key(|call| (call.session, call.rpc, call.is_callee)));
        }
    }
}
