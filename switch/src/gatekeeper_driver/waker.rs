//! How the driver's thread is told that there is something for it besides packets.

use bifrost_rpc::FramePort;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The thread looks so often at a port at which a wait cannot be ended.
const TICK: Duration = Duration::from_millis(10);

/// Ends the driver's wait at its port.
#[derive(Debug)]
pub(super) struct Waker {
    port: Arc<dyn FramePort>,
    has_news: AtomicBool,
    /// The driver waits, or is about to: nobody else pays for ending that.
    is_waiting: AtomicBool,
    /// Memory servers have answered.
    has_answers: AtomicBool,
    /// Another thread does the driver's work, and sees to answers.
    has_guest: AtomicBool,
    longest: Duration,
}

impl Waker {
    /// For a driver that looks each `period` even when it is told nothing.
    pub(super) fn new(port: Arc<dyn FramePort>, period: Duration) -> Arc<Self> {
        let longest = if port.wake() { period } else { period.min(TICK) };
        let no = || AtomicBool::new(false);
        Arc::new(Self { port, has_news: no(), is_waiting: no(), has_answers: no(), has_guest: no(), longest })
    }

    /// Memory servers have answered, or will not.
    pub(super) fn tell_answers(&self) {
        // Either the guest sees the answers before it goes, or this sees that it has gone.
        self.has_answers.store(true, Ordering::SeqCst);
        if !self.has_guest.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Whatever has been told of answers so far, all are seen. To be called only by who sees to them.
    pub(super) fn forget_answers(&self) {
        self.has_answers.store(false, Ordering::SeqCst);
    }

    /// Does the driver's work by another thread than the driver's: once, and again while answers come. One thread at a time may.
    pub(super) fn be_guest(&self, mut work: impl FnMut()) {
        self.has_guest.store(true, Ordering::SeqCst);
        loop {
            self.has_answers.store(false, Ordering::SeqCst);
            work();
            if !self.has_answers.load(Ordering::SeqCst) {
                break;
            }
        }
        self.has_guest.store(false, Ordering::SeqCst);
        if self.has_answers.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// There is something to be looked at.
    pub(super) fn wake(&self) {
        // Either the driver sees the news before it waits, or this sees that it waits.
        self.has_news.store(true, Ordering::SeqCst);
        if self.is_waiting.load(Ordering::SeqCst) {
            self.port.wake();
        }
    }

    /// Takes packets in; waits for them, or until it is woken, `most` at most.
    pub(super) fn receive(&self, most: Duration, take: &mut dyn FnMut(&[u8])) -> bool {
        self.is_waiting.store(true, Ordering::SeqCst);
        let has_news = self.has_news.swap(false, Ordering::SeqCst);
        let wait = if has_news { Duration::ZERO } else { most.min(self.longest) };
        let goes_on = self.port.receive(wait, take);
        self.is_waiting.store(false, Ordering::SeqCst);
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A port without packets, which notes how long is waited at it.
    #[derive(Debug)]
    struct Port {
        can_wake: bool,
        woken: (Sender<()>, Mutex<Receiver<()>>),
        waits: Mutex<Vec<Duration>>,
    }

    impl FramePort for Port {
        fn send(&self, _frames: &mut dyn Iterator<Item = &[u8]>) {}

        fn receive(&self, wait: Duration, _take: &mut dyn FnMut(&[u8])) -> bool {
            self.waits.lock().unwrap().push(wait);
            self.woken.1.lock().unwrap().recv_timeout(wait).is_ok()
        }

        fn wake(&self) -> bool {
            self.can_wake && self.woken.0.send(()).is_ok()
        }
    }

    const PERIOD: Duration = Duration::from_secs(60);

    fn port(can_wake: bool) -> Arc<Port> {
        let (sender, receiver) = channel();
        Arc::new(Port { can_wake, woken: (sender, Mutex::new(receiver)), waits: Mutex::default() })
    }

    #[test]
    fn news_end_the_wait_that_there_is_and_the_next() {
        let port = port(true);
        let waker = Waker::new(port.clone(), PERIOD);
        assert!(waker.receive(PERIOD, &mut |_| {}), "making it has woken the port once");
        waker.wake();
        waker.receive(PERIOD, &mut |_| {});
        assert_eq!(port.waits.lock().unwrap()[1], Duration::ZERO, "it was told before it waited");
        let other = Arc::clone(&waker);
        let thread = std::thread::spawn(move || other.receive(PERIOD, &mut |_| {}));
        while !waker.is_waiting.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        waker.wake();
        let is_told = thread.join().unwrap();
        assert!(is_told || port.waits.lock().unwrap()[2] == Duration::ZERO, "it is told while it waits, or before");
    }

    #[test]
    fn a_guest_sees_to_answers_and_wakes_nobody() {
        let port = port(true);
        let waker = Waker::new(port.clone(), PERIOD);
        waker.is_waiting.store(true, Ordering::SeqCst);
        let mut left = 3;
        waker.be_guest(|| {
            if left > 0 {
                waker.tell_answers();
                left -= 1;
            }
        });
        assert_eq!(left, 0, "it looked again after each");
        assert!(!waker.has_news.load(Ordering::SeqCst));
        waker.tell_answers();
        assert!(waker.has_news.load(Ordering::SeqCst), "the guest has gone");
    }

    #[test]
    fn a_guest_that_has_seen_all_answers_does_not_look_again() {
        let waker = Waker::new(port(true), PERIOD);
        let mut looks = 0;
        waker.be_guest(|| {
            looks += 1;
            waker.tell_answers();
            waker.forget_answers();
        });
        assert_eq!(looks, 1);
    }

    #[test]
    fn where_a_wait_cannot_be_ended_it_is_short() {
        let port = port(false);
        let waker = Waker::new(port.clone(), PERIOD);
        waker.receive(PERIOD, &mut |_| {});
        waker.receive(TICK / 2, &mut |_| {});
        assert_eq!(*port.waits.lock().unwrap(), [TICK, TICK / 2]);
    }
}
