//! A network that loses, repeats, delays, reorders and damages datagrams of real processes: a UDP proxy on the loopback device.

use super::rng::Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What happens to datagrams, in both directions. The default does nothing.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    /// Of a thousand datagrams, so many are lost.
    pub loss: u64,
    /// So many arrive twice.
    pub duplication: u64,
    /// So many are held back for up to [`Faults::held_back_us_max`], so that later ones overtake them.
    pub reordering: u64,
    /// How long some are held back at most, in µs.
    pub held_back_us_max: u64,
    /// So many have one bit flipped.
    pub corruption: u64,
    /// Each datagram takes this long.
    pub delay: Duration,
    /// Longer datagrams are lost.
    pub datagram_bytes_max: usize,
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
pub struct Counts {
    /// Sent on.
    pub passed: AtomicU64,
    /// Lost.
    pub lost: AtomicU64,
    /// Sent once more.
    pub duplicated: AtomicU64,
    /// Held back.
    pub held_back: AtomicU64,
    /// Changed.
    pub damaged: AtomicU64,
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
pub struct Proxy {
    shared: Arc<Shared>,
    /// Where clients send to.
    pub address: SocketAddr,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn socket() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind("[::1]:0")?;
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
    socket.set_read_timeout(Some(TICK))?;
    Ok(socket)
}

impl Proxy {
    /// A proxy before a server, at a free port.
    ///
    /// # Errors
    ///
    /// A socket cannot be made.
    pub fn start(server: SocketAddr, seed: u64, faults: Faults) -> io::Result<Self> {
        let front = Arc::new(socket()?);
        let address = front.local_addr()?;
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
        Ok(Self { shared, address })
    }

    /// The same as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("udp://{}", self.address)
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Changes what happens from now on.
    pub fn set(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
    }

    /// Datagrams that clients sent, the first few.
    #[must_use]
    pub fn seen(&self) -> Vec<Vec<u8>> {
        lock(&self.shared.seen).clone()
    }

    /// Sends datagrams of a stranger's making to the server, in the name of every client.
    pub fn inject(&self, datagram: &[u8]) {
        for client in lock(&self.shared.clients).values() {
            let _ = client.send(datagram);
        }
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
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
        let mut random = Rng::new(self.seed);
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        while !self.is_stopped() {
            let Ok((bytes, from)) = self.front.recv_from(&mut buffer) else { continue };
            let mut clients = lock(&self.clients);
            let upstream = match clients.get(&from) {
                Some(upstream) => Arc::clone(upstream),
                // Without a socket for its client a datagram is lost.
                None => match self.new_client(from, clients.len() as u64) {
                    Ok(upstream) => Arc::clone(clients.entry(from).or_insert(upstream)),
                    Err(_) => continue,
                },
            };
            drop(clients);
            let mut seen = lock(&self.seen);
            if seen.len() < SEEN_MAX {
                seen.push(buffer[..bytes].to_vec());
            }
            drop(seen);
            self.pass(&mut random, &upstream, None, &buffer[..bytes]);
        }
    }

    fn new_client(self: &Arc<Self>, client: SocketAddr, number: u64) -> io::Result<Arc<UdpSocket>> {
        let upstream = socket()?;
        upstream.connect(self.server)?;
        let upstream = Arc::new(upstream);
        let (shared, back) = (Arc::clone(self), Arc::clone(&upstream));
        std::thread::spawn(move || {
            let mut random = Rng::new(shared.seed ^ (number + 1));
            let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
            while !shared.is_stopped() {
                if let Ok(bytes) = back.recv(&mut buffer) {
                    shared.pass(&mut random, &shared.front, Some(client), &buffer[..bytes]);
                }
            }
        });
        Ok(upstream)
    }

    /// Decides what becomes of a datagram.
    fn pass(&self, random: &mut Rng, socket: &Arc<UdpSocket>, to: Option<SocketAddr>, datagram: &[u8]) {
        let faults = *lock(&self.faults);
        if random.chance(faults.loss) || datagram.len() > faults.datagram_bytes_max {
            self.counts.lost.fetch_add(1, SeqCst);
            return;
        }
        let copies = 1 + u64::from(random.chance(faults.duplication));
        self.counts.duplicated.fetch_add(copies - 1, SeqCst);
        for _ in 0..copies {
            self.pass_one(random, &faults, (socket, to), datagram);
        }
    }

    fn pass_one(
        &self,
        random: &mut Rng,
        faults: &Faults,
        (socket, to): (&Arc<UdpSocket>, Option<SocketAddr>),
        datagram: &[u8],
    ) {
        let mut datagram = datagram.to_vec();
        if random.chance(faults.corruption) && !datagram.is_empty() {
            let at = random.index(datagram.len());
            datagram[at] ^= 1 << random.below(8);
            self.counts.damaged.fetch_add(1, SeqCst);
        }
        let mut delay = faults.delay;
        if random.chance(faults.reordering) {
            self.counts.held_back.fetch_add(1, SeqCst);
            let held_back = random.between(1, faults.held_back_us_max);
            delay += Duration::from_micros(held_back);
        }
        self.counts.passed.fetch_add(1, SeqCst);
        if delay.is_zero() {
            return send(socket, to, &datagram);
        }
        let order = self.order.fetch_add(1, SeqCst);
        let held = (now() + delay, order, Arc::clone(socket), to, datagram);
        lock(&self.queue).push(Reverse(Queued(held)));
        self.queued.notify_one();
    }

    /// Sends what was held back, when its time has come.
    fn release(&self) {
        let mut queue = lock(&self.queue);
        while !self.is_stopped() {
            let now = now();
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

#[expect(clippy::disallowed_methods, reason = "it delays real datagrams")]
fn now() -> Instant {
    Instant::now()
}
