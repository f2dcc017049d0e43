//! Latencies of calls: through the rack, without a switch, and of a raw socket.

use super::check::Calls;
use crate::clock;
use anyhow::{Context, Result, ensure};
use std::io::Write;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::thread::JoinHandle;
use std::time::Duration;

/// Calls that do not count, before.
const WARM_UP: usize = 20;
/// Bytes of arrays by reference.
const ARRAY: usize = 4096;
const ECHO: usize = 64;
/// Longest datagram of the raw socket.
const RAW_BYTES_MAX: usize = 16 << 10;
/// Time for a raw datagram to come back.
const RAW_WAIT: Duration = Duration::from_secs(2);

type Call = fn(&mut Calls) -> Result<()>;

/// What is measured: its name, the call, and the bytes of a raw socket's datagrams both ways.
const KINDS: [(&str, Call, usize, usize); 4] = [
    ("ping", Calls::ping, 1, 1),
    ("echo 64 bytes", |calls| calls.echo(ECHO), ECHO, ECHO),
    ("increment 4 KiB by reference", |calls| calls.increment(ARRAY), ARRAY, ARRAY),
    ("add two of 4 KiB by reference", |calls| calls.add(ARRAY), 2 * ARRAY, ARRAY),
];

/// Measures and prints the table.
///
/// `calls` of each kind and way; the ways take turns.
pub(super) fn table(rack: &mut Calls, direct: &mut Calls, calls: usize) -> Result<()> {
    let raw = Raw::start().context("a raw socket cannot be measured")?;
    let mut lines = vec![format!(
        "{:<32} {:>9} {:>9} {:>9} {:>11}",
        format!("median of {calls} calls, in µs"),
        "raw UDP",
        "direct",
        "rack",
        "rack/raw"
    )];
    for (name, call, there, back) in KINDS {
        let mut samples: [Vec<Duration>; 3] = Default::default();
        for round in 0..WARM_UP + calls {
            let times = [timed(|| raw.round_trip(there, back))?, timed(|| call(direct))?, timed(|| call(rack))?];
            if round >= WARM_UP {
                samples.iter_mut().zip(times).for_each(|(samples, time)| samples.push(time));
            }
        }
        let [raw, direct, rack] = samples.map(median_us);
        lines.push(format!("{name:<32} {raw:>9.1} {direct:>9.1} {rack:>9.1} {:>9.1} ×", rack / raw));
    }
    lines.push("(by reference: from value to value, with storing, reading and freeing)".to_owned());
    lines.push(String::new());
    let mut out = std::io::stdout().lock();
    out.write_all(lines.join("\n").as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let start = clock::now();
    work()?;
    Ok(clock::now() - start)
}

fn median_us(mut samples: Vec<Duration>) -> f64 {
    samples.sort_unstable();
    samples.get(samples.len() / 2).map_or(0.0, |median| median.as_secs_f64() * 1e6)
}

/// A raw socket, and a thread that answers it.
struct Raw {
    socket: UdpSocket,
    thread: Option<JoinHandle<()>>,
}

impl Raw {
    fn start() -> Result<Self> {
        let any = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        let (socket, other) = (UdpSocket::bind(any)?, UdpSocket::bind(any)?);
        socket.connect(other.local_addr()?)?;
        other.connect(socket.local_addr()?)?;
        socket.set_read_timeout(Some(RAW_WAIT))?;
        let thread = std::thread::Builder::new().name("raw-echo".into()).spawn(move || answer(&other))?;
        Ok(Self { socket, thread: Some(thread) })
    }

    /// Sends a datagram, whose first bytes say how long the answer is to be.
    fn round_trip(&self, there: usize, back: usize) -> Result<()> {
        let mut buffer = [0; RAW_BYTES_MAX];
        let there = there.max(size_of::<u32>());
        buffer[..size_of::<u32>()].copy_from_slice(&u32::try_from(back)?.to_be_bytes());
        self.socket.send(&buffer[..there])?;
        ensure!(self.socket.recv(&mut buffer)? == back, "a raw datagram has another length");
        Ok(())
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // One that is too short ends the thread.
        if self.socket.send(&[]).is_ok()
            && let Some(thread) = self.thread.take()
        {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

fn answer(socket: &UdpSocket) {
    let mut buffer = [0; RAW_BYTES_MAX];
    while let Ok(count) = socket.recv(&mut buffer) {
        let Some(back) = buffer[..count].first_chunk().map(|bytes| u32::from_be_bytes(*bytes)) else { return };
        let back = usize::try_from(back).unwrap_or(usize::MAX).min(RAW_BYTES_MAX);
        if socket.send(&buffer[..back]).is_err() {
            return;
        }
    }
}
