//! What is compared. A variant is one file that implements [`Variant`] and [`Session`], named in [`ALL`].

mod apache;
mod bifrost_ref;
mod bifrost_tcp;
mod bifrost_udp;
pub(crate) mod memory;
mod raw_tcp;
mod raw_udp;
mod threads;

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::server::Setup;
use crate::task::{CallTask, Task};
use crate::watchdog::Aborter;
use crate::workload::{Bench, Workload};

/// Every variant, in the order in which they take turns and are printed.
pub(crate) static ALL: &[&dyn Variant] = &[
    &raw_udp::RawUdp,
    &raw_tcp::RawTcp,
    &apache::Buffered,
    &apache::Framed,
    &bifrost_udp::BifrostUdp,
    &bifrost_tcp::BifrostTcp,
    &raw_udp::RawUdpEcho,
    &bifrost_ref::BifrostRef,
    &bifrost_ref::InPlace,
    &raw_udp::RawUdpWrite,
    &memory::Operation::Read,
    &memory::Operation::Write,
    &memory::Operation::AllocWrite,
    &memory::Operation::Free,
];

/// The names that others are compared with.
pub(crate) const RAW_UDP: &str = "raw-udp";
/// The TCP one of them.
pub(crate) const RAW_TCP: &str = "raw-tcp";

/// Bifröst over UDP with default settings.
pub(crate) const BIFROST_UDP: &str = "bifrost-udp";
/// Raw UDP with the bytes on their way to the server.
pub(crate) const RAW_UDP_WRITE: &str = "raw-udp-write";
/// An array there and back, whatever the benchmark sends.
pub(crate) const RAW_UDP_ECHO: &str = "raw-udp-echo";
/// Calls whose arguments and results are in global memory.
pub(crate) const BIFROST_REF: &str = "bifrost-ref";

/// The variant of that name, or what else runs in a server process.
pub(crate) fn served(name: &str) -> Option<&'static dyn Variant> {
    let daemon: &'static dyn Variant = &memory::Daemon;
    named(name).or((name == daemon.name()).then_some(daemon))
}

/// The variant of that name.
pub(crate) fn named(name: &str) -> Option<&'static dyn Variant> {
    ALL.iter().copied().find(|variant| variant.name() == name)
}

/// A way to make the calls: a transport, a codec, a library.
pub(crate) trait Variant: Debug + Sync {
    /// The name on the command line and in every output.
    fn name(&self) -> &'static str;

    /// Whether it is compared in this workload.
    fn measures(&self, workload: &Workload) -> bool {
        Bench::BY_VALUE.contains(&workload.bench)
    }

    /// Whether it uses memory servers, or is there to be compared with such: left out unless asked for.
    fn is_by_reference(&self) -> bool {
        false
    }

    /// How many memory servers it needs.
    fn memory_servers(&self, _workload: &Workload) -> usize {
        0
    }

    /// How many server processes it needs. The client calls the last to be started; each is told of the one before.
    fn services(&self, workload: &Workload) -> usize {
        if workload.bench == Bench::Chain { workload.servers } else { 1 }
    }

    /// Serves `setup.workload`, in a process of its own, until that is ended. Calls `ready` with the port once it
    /// listens on `setup.address`.
    fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()>;

    /// A client of the server at `server`, ready for its first call.
    fn connect(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Session>>;

    /// What is timed: by default calls of a connected client.
    fn task(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Task>> {
        Ok(Box::new(CallTask::new(setup.workload, self.connect(setup, server)?)))
    }

    /// A client that keeps `setup.workload.outstanding` pings under way. By default as many sessions,
    /// each with a thread.
    fn connect_rate(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn RateSession>> {
        let sessions = (0..setup.workload.outstanding).map(|_| self.connect(setup, server)).collect::<Result<_>>()?;
        Ok(Box::new(threads::ThreadedRate::new(sessions)))
    }
}

/// A connected client. Arguments come by value, as generated clients take them.
///
/// A session is only asked for what its workload is about. Sums and increments wrap for each byte.
pub(crate) trait Session: Debug + Send {
    /// A call that carries nothing.
    fn ping(&mut self) -> Result<()> {
        bail!("not a call of this variant")
    }
    /// Returns `data` from the server.
    fn echo(&mut self, _data: Vec<u8>) -> Result<Vec<u8>> {
        bail!("not a call of this variant")
    }
    /// `data` with `amount` added to each byte.
    fn increment(&mut self, data: Vec<u8>, amount: i8) -> Result<Vec<u8>>;
    /// The same as a `list<byte>`.
    fn increment_list(&mut self, _data: Vec<i8>, _amount: i8) -> Result<Vec<i8>> {
        bail!("not a call of this variant")
    }
    /// The sums of `a` and `b`, which are of one length.
    fn add(&mut self, a: Vec<u8>, b: Vec<u8>) -> Result<Vec<u8>>;
    /// The answer of the first service of a chain; see [`crate::chain`].
    fn visit(&mut self, _data: Vec<u8>, _offset: i32) -> Result<i64> {
        bail!("not a call of this variant")
    }

    /// What ends a call that hangs; none if every call has a deadline of its own.
    fn aborter(&self) -> Result<Option<Aborter>>;
}

/// A connected client that keeps several pings under way.
pub(crate) trait RateSession: Debug {
    /// Calls for about `budget`, then waits for those under way. How many were answered, and how long that took.
    fn run(&mut self, budget: Duration) -> Result<(u64, Duration)>;

    /// As [`Session::aborter`].
    fn aborter(&self) -> Result<Option<Aborter>>;
}

#[cfg(test)]
mod tests {
    use super::{ALL, RAW_TCP, RAW_UDP, named};

    #[test]
    fn names_are_unique_and_found() {
        for variant in ALL {
            assert_eq!(named(variant.name()).unwrap().name(), variant.name());
            assert_eq!(ALL.iter().filter(|other| other.name() == variant.name()).count(), 1);
        }
        assert!(named(RAW_UDP).is_some() && named(RAW_TCP).is_some());
    }
}
