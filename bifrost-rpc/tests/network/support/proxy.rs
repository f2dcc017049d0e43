//! A network that loses, repeats, delays, reorders and damages datagrams: a UDP proxy on the loopback device.

use super::Random;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What happens to datagrams, in both directions. The default does nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faults {
    /// Of a thousand datagrams, so many are lost.
    pub(crate) loss: u32,
    /// So many arrive twice.
    pub(crate) duplication: u32,
    /// So many are held back for up to [`Faults::held_back_us_max`], so that later ones overtake them.
    pub(crate) reordering: u32,
    pub(crate) held_back_us_max: u32,
    /// So many have one bit flipped.
    pub(crate) corruption: u32,
    /// Each datagram takes this long.
    pub(crate) delay: Duration,
    /// Longer datagrams are lost.
    pub(crate) datagram_bytes_max: usize,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            loss: 0,
            duplication: 0,
            reordering: 0,
            held_back_us_max: 2000,
            corruption: 0,
            delay: Duration::ZERO,
            datagram_bytes_max: usize::MAX,
        }
    }
}

/// How many datagrams suffered what.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) passed: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) duplicated: AtomicU64,
    pub(crate) held_back: AtomicU64,
    pub(crate) damaged: AtomicU64,
}

/// A datagram on its way.
type Held = (Instant, u64, Arc<UdpSocket>, Option<SocketAddr>, Vec<u8>);

/// Ordered by time alone.
struct Queued(Held);

impl Queued {
    fn key(&self) -> (Instant, u64) {
        (self.0.0, self.0.1)
    }
}
impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

struct Shared {
    seed: u64,
    server: SocketAddr,
    front: Arc<UdpSocket>,
    faults: Mutex<Faults>,
    counts: Counts,
    is_stopped: AtomicBool,
    queue: Mutex<BinaryHeap<Reverse<Queued>>>,
    queued: Condvar,
    order: AtomicU64,
    /// The sockets that stand for the clients towards the server.
    clients: Mutex<BTreeMap<SocketAddr, Arc<UdpSocket>>>,
    /// Datagrams seen on the way to the server, as samples; up to [`SEEN_MAX`].
    seen: Mutex<Vec<Vec<u8>>>,
}

const SEEN_MAX: usize = 256;
/// A waiting thread looks this often whether it is to end.
const TICK: Duration = Duration::from_millis(50);
const DATAGRAM_BYTES_MAX: usize = 65_536;

/// A running proxy; ends when dropped.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    pub(crate) address: SocketAddr,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
    socket.set_read_timeout(Some(TICK)).unwrap();
    socket
}

impl Proxy {
    /// A proxy before a server.
    pub(crate) fn start(server: SocketAddr, seed: u64, faults: Faults) -> Self {
        let front = Arc::new(socket());
        let address = front.local_addr().unwrap();
        let shared = Arc::new(Shared {
            seed,
            server,
            front,
            faults: Mutex::new(faults),
            counts: Counts::default(),
            is_stopped: AtomicBool::new(false),
            queue: Mutex::new(BinaryHeap::new()),
            queued: Condvar::new(),
            order: AtomicU64::new(0),
            clients: Mutex::new(BTreeMap::new()),
            seen: Mutex::new(Vec::new()),
        });
        let (towards, late) = (Arc::clone(&shared), Arc::clone(&shared));
        std::thread::spawn(move || towards.to_server());
        std::thread::spawn(move || late.release());
        Self { shared, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("udp://{}", self.address)
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Changes what happens from now on.
    pub(crate) fn set(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
    }

    /// Datagrams that clients sent.
    pub(crate) fn seen(&self) -> Vec<Vec<u8>> {
        lock(&self.shared.seen).clone()
    }

    /// Sends datagrams of a stranger's making to the server, in the name of every client.
    pub(crate) fn inject(&self, datagram: &[u8]) {
        for client in lock(&self.shared.clients).values() {
            let _ = client.send(datagram);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, SeqCst);
        self.shared.queued.notify_all();
    }
}

impl Shared {
    fn is_stopped(&self) -> bool {
        self.is_stopped.load(SeqCst)
    }

    fn to_server(self: &Arc<Self>) {
        let mut random = Random::new(self.seed);
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        while !self.is_stopped() {
            let Ok((bytes, from)) = self.front.recv_from(&mut buffer) else { continue };
            let mut clients = lock(&self.clients);
            let number = u64::try_from(clients.len()).unwrap();
            let upstream = clients.entry(from).or_insert_with(|| self.new_client(from, number));
            let upstream = Arc::clone(upstream);
            drop(clients);
            let mut seen = lock(&self.seen);
            if seen.len() < SEEN_MAX {
                seen.push(buffer[..bytes].to_vec());
            }
            drop(seen);
            self.pass(&mut random, &upstream, None, &buffer[..bytes]);
        }
    }

    fn new_client(self: &Arc<Self>, client: SocketAddr, number: u64) -> Arc<UdpSocket> {
        let upstream = socket();
        upstream.connect(self.server).unwrap();
        let upstream = Arc::new(upstream);
        let (shared, back) = (Arc::clone(self), Arc::clone(&upstream));
        std::thread::spawn(move || {
            let mut random = Random::new(shared.seed ^ (number + 1));
            let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
            while !shared.is_stopped() {
                if let Ok(bytes) = back.recv(&mut buffer) {
                    shared.pass(&mut random, &shared.front, Some(client), &buffer[..bytes]);
                }
            }
        });
        upstream
    }

    /// Decides what becomes of a datagram.
    fn pass(&self, random: &mut Random, socket: &Arc<UdpSocket>, to: Option<SocketAddr>, datagram: &[u8]) {
        let faults = *lock(&self.faults);
        if random.chance(faults.loss) || datagram.len() > faults.datagram_bytes_max {
            self.counts.lost.fetch_add(1, SeqCst);
            return;
        }
        let copies = 1 + usize::from(random.chance(faults.duplication));
        self.counts.duplicated.fetch_add(u64::try_from(copies - 1).unwrap(), SeqCst);
        for _ in 0..copies {
            self.pass_one(random, &faults, (socket, to), datagram);
        }
    }

    fn pass_one(
        &self,
        random: &mut Random,
        faults: &Faults,
        (socket, to): (&Arc<UdpSocket>, Option<SocketAddr>),
        datagram: &[u8],
    ) {
        let mut datagram = datagram.to_vec();
        if random.chance(faults.corruption) && !datagram.is_empty() {
            let at = random.below(datagram.len());
            datagram[at] ^= 1 << random.below(8);
            self.counts.damaged.fetch_add(1, SeqCst);
        }
        let mut delay = faults.delay;
        if random.chance(faults.reordering) {
            self.counts.held_back.fetch_add(1, SeqCst);
            let held_back = random.next() % u64::from(faults.held_back_us_max) + 1;
            delay += Duration::from_micros(held_back);
        }
        self.counts.passed.fetch_add(1, SeqCst);
        if delay.is_zero() {
            return send(socket, to, &datagram);
        }
        let order = self.order.fetch_add(1, SeqCst);
        let held = (Instant::now() + delay, order, Arc::clone(socket), to, datagram);
        lock(&self.queue).push(Reverse(Queued(held)));
        self.queued.notify_one();
    }

    /// Sends what was held back, when its time has come.
    fn release(&self) {
        let mut queue = lock(&self.queue);
        while !self.is_stopped() {
            let now = Instant::now();
            let due = queue.peek().map(|Reverse(queued)| queued.key().0);
            if due.is_some_and(|due| due <= now) {
                let Some(Reverse(Queued((_, _, socket, to, datagram)))) = queue.pop() else { continue };
                drop(queue);
                send(&socket, to, &datagram);
                queue = lock(&self.queue);
                continue;
            }
            let wait = due.map_or(TICK, |due| due - now).min(TICK);
            queue = self.queued.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A datagram that cannot be sent is lost.
fn send(socket: &UdpSocket, to: Option<SocketAddr>, datagram: &[u8]) {
    let _ = match to {
        Some(to) => socket.send_to(datagram, to),
        None => socket.send(datagram),
    };
}
