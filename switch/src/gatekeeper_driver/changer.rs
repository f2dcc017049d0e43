//! Changes of the switch's tables: at once where the switch is in this process; else on a thread of its own, in order, so that a slow switch
//! holds up nobody but who waits for it.

use super::tables::Tables;
use super::watch::{PERIOD, Watch};
use crate::rules::{Entries, EntryChange, Scope};
use crate::runtime::SwitchControl;
use bifrost_rpc::endpoint::Time;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A switch that is as quick as this is waited for, if nothing else is under way: that is less than to be told later.
const QUICK: Duration = Duration::from_millis(2);

/// What is to be done.
#[derive(Debug)]
pub(super) enum Order {
    /// Batches of changes, each with its number.
    Apply(Vec<(u64, Vec<EntryChange>)>),
    /// The tables are to say exactly this.
    Reconcile { batch: u64, entries: Entries, scope: Scope },
}

impl Order {
    fn batches(&self) -> usize {
        match self {
            Self::Apply(batches) => batches.len(),
            Self::Reconcile { .. } => 1,
        }
    }
}

/// What was done, or seen.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Batches, and whether all of each was done.
    pub(super) changed: Vec<(u64, bool)>,
    /// The switch has lost its tables.
    pub(super) has_lost: bool,
    /// Changes that the switch made, and that it refused, so far.
    pub(super) changes: u64,
    pub(super) refused: u64,
    /// What was refused last, for people.
    pub(super) fault: Option<String>,
}

/// Who changes the tables.
#[derive(Debug)]
pub(super) enum Changer {
    /// Whoever asks for it.
    Here(Box<Worker>),
    /// A thread of its own.
    Elsewhere(Elsewhere),
}

impl Changer {
    /// For a switch. A thread reads the time from `now`, and tells when there is something for [`Changer::poll`].
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub(super) fn start(
        switch: Arc<dyn SwitchControl>,
        now: impl Fn() -> Time + Send + 'static,
        tell: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let is_local = switch.is_local();
        let worker = Worker { watch: Watch::new(Arc::clone(&switch)), tables: Tables::new(switch) };
        if is_local {
            return Ok(Self::Here(Box::new(worker)));
        }
        let ((orders, inbox), (outbox, done)) = (channel(), channel());
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        let tell = move |done| {
            // Once the driver has ended nobody is told.
            let _ = outbox.send(done);
            tell();
        };
        let run = move || worker.run(&inbox, &stopped, &now, &tell);
        let thread = std::thread::Builder::new().name("bifrost-tables".into()).spawn(run)?;
        Ok(Self::Elsewhere(Elsewhere { orders: Some(orders), done, under_way: 0, is_stopped, thread: Some(thread) }))
    }

    /// Has something done; what came of it, where that is known at once.
    pub(super) fn order(&mut self, order: Order) -> Option<Done> {
        match self {
            Self::Here(worker) => Some(worker.carry_out(order)),
            Self::Elsewhere(elsewhere) => {
                // A thread that panicked does nothing more, as a switch that does not answer.
                let is_idle = elsewhere.under_way == 0;
                elsewhere.under_way += order.batches();
                let _ = elsewhere.orders.as_ref().map(|orders| orders.send(order));
                let wait = if is_idle { QUICK } else { Duration::ZERO };
                elsewhere.done.recv_timeout(wait).ok()
            }
        }
    }

    /// What a thread has done.
    pub(super) fn poll(&mut self) -> Option<Done> {
        match self {
            Self::Here(_) => None,
            Self::Elsewhere(elsewhere) => elsewhere.done.try_recv().ok(),
        }
    }

    /// What a thread has told of is no longer under way.
    pub(super) fn note(&mut self, done: &Done) {
        if let Self::Elsewhere(elsewhere) = self {
            elsewhere.under_way = elsewhere.under_way.saturating_sub(done.changed.len());
        }
    }

    /// When it is to be looked next. A thread looks by itself.
    pub(super) fn due(&self) -> Option<Time> {
        match self {
            Self::Here(worker) => Some(worker.watch.due()),
            Self::Elsewhere(_) => None,
        }
    }

    /// Looks now and then whether the switch has lost its tables. A thread does so by itself.
    pub(super) fn look(&mut self, now: Time) -> Option<Done> {
        match self {
            Self::Here(worker) => worker.look(now),
            Self::Elsewhere(_) => None,
        }
    }
}

/// The thread. Dropping it ends that; what it has not begun is left.
#[derive(Debug)]
pub(super) struct Elsewhere {
    orders: Option<Sender<Order>>,
    done: Receiver<Done>,
    /// Batches.
    under_way: usize,
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

/// The tables, and who looks at them.
#[derive(Debug)]
pub(super) struct Worker {
    tables: Tables,
    watch: Watch,
}

impl Worker {
    fn carry_out(&mut self, order: Order) -> Done {
        let changed = match order {
            Order::Apply(batches) => self.tables.apply(&batches),
            Order::Reconcile { batch, entries, scope } => vec![(batch, self.tables.reconcile(&entries, scope))],
        };
        self.done(changed, false)
    }

    fn look(&mut self, now: Time) -> Option<Done> {
        self.watch.has_lost(now, &self.tables).then(|| self.done(Vec::new(), true))
    }

    fn done(&mut self, changed: Vec<(u64, bool)>, has_lost: bool) -> Done {
        let (changes, refused) = (self.tables.changes, self.tables.refused);
        Done { changed, has_lost, changes, refused, fault: self.tables.fault.take() }
    }

    fn run(mut self, orders: &Receiver<Order>, is_stopped: &AtomicBool, now: &impl Fn() -> Time, tell: &impl Fn(Done)) {
        loop {
            let first = match orders.recv_timeout(PERIOD) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            for order in joined(first.into_iter().chain(orders.try_iter())) {
                if is_stopped.load(Ordering::Acquire) {
                    return;
                }
                tell(self.carry_out(order));
            }
            self.look(now()).into_iter().for_each(tell);
        }
    }
}

/// Batches that follow one another are applied together.
fn joined(orders: impl Iterator<Item = Order>) -> Vec<Order> {
    let mut all: Vec<Order> = Vec::new();
    for order in orders {
        match (all.last_mut(), order) {
            (Some(Order::Apply(batches)), Order::Apply(more)) => batches.extend(more),
            (_, order) => all.push(order),
        }
    }
    all
}
