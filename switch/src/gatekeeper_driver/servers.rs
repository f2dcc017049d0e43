//! The memory servers that are there, and the ways to them.

use super::cable::{Cable, CableEnd};
use super::lane::Lane;
use super::table_reader::{self, Reading};
use super::waker::Waker;
use crate::gatekeeper::{Answered, MemoryMessage, ServerTable};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::frame::Mac;
use bifrost_rpc::wire::{MEMORY_CONTROL_PORT, Pointer};
use bifrost_rpc::{Channel, FramePort, Key, Link, LinkError};
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of an IPv6 packet to a memory server: what every way carries.
const MTU: u16 = 1280;
/// A message that is not answered in this time is sent again.
const DEADLINE: Duration = Duration::from_secs(1);
/// Where frames for the memory servers' link were left by another thread, it is looked again after this time.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// Time for oneway calls to be delivered at the end: there are none.
const LINGER: Duration = Duration::ZERO;

/// Where the control plane is, and its memory.
#[derive(Debug, Clone)]
pub struct Place {
    /// The rack's prefix: the first 64 bits of services' addresses.
    pub prefix: Ipv6Addr,
    /// The prefix byte of the rack's memory.
    pub memory_prefix: u8,
    /// The switch's MAC address, under which the control plane has its own.
    pub mac: Mac,
    /// The rack's key.
    pub key: Option<Key>,
}

/// Ways to memory servers.
#[derive(Debug)]
pub(super) struct Servers {
    cable: Arc<Cable>,
    waker: Arc<Waker>,
    link: Link,
    memory_prefix: u8,
    key: Option<Key>,
    present: BTreeMap<u8, Server>,
    /// Messages sent again to servers that are gone.
    repeated: u64,
    /// Messages that made no sense to servers that are gone.
    malformed: u64,
}

#[derive(Debug)]
struct Server {
    lane: Lane,
    channel: Channel,
    reading: Option<Reading>,
}

impl Servers {
    pub(super) fn new(port: Arc<dyn FramePort>, place: &Place, waker: Arc<Waker>) -> Result<Self, LinkError> {
        let cable = Cable::new(port, place.prefix, place.memory_prefix, Arc::clone(&waker));
        let link = Link::builder().address(cable.own()).mac(place.mac).switch_mac(place.mac).mtu(MTU);
        let link = link.in_process(CableEnd(Arc::clone(&cable)))?;
        Ok(Self {
            cable,
            waker,
            link,
            memory_prefix: place.memory_prefix,
            key: place.key.as_ref().map(Key::of_memory_control),
            present: BTreeMap::new(),
            repeated: 0,
            malformed: 0,
        })
    }

    /// This thread polls from now on; what others take in at the link wakes it.
    pub(super) fn poll_here(&self) {
        self.cable.poll_here();
    }

    /// Takes in a frame for the control plane's address; says whether it was an answer.
    pub(super) fn deliver(&self, port: u16, frame: &[u8]) -> bool {
        self.cable.deliver(port, frame)
    }

    /// A server is there, at its first message, or no longer.
    pub(super) fn set(&mut self, server: u8, at: Option<(u16, Mac)>) -> Result<(), String> {
        if let Some(gone) = self.present.remove(&server) {
            self.repeated += gone.lane.repeated();
            self.malformed += gone.lane.malformed();
        }
        self.cable.set_place(server, at);
        if at.is_some() {
            let channel = self.connect(server)?;
            let lane = Lane::new(channel.clone());
            self.present.insert(server, Server { lane, channel, reading: None });
        }
        Ok(())
    }

    fn connect(&self, server: u8) -> Result<Channel, String> {
        let root = Pointer::new(self.memory_prefix, server, 0);
        let waker = Arc::clone(&self.waker);
        let mut builder = Channel::builder().link(&self.link).deadline(DEADLINE).linger(LINGER);
        builder = builder.on_end(move || waker.tell_answers());
        if let Some(key) = &self.key {
            builder = builder.key(key.clone());
        }
        let url = format!("udp://[{root}]:{MEMORY_CONTROL_PORT}");
        builder.connect(&url).map_err(|error| format!("memory server {server}: {error}"))
    }

    /// Sends a control message. To a server that is not there it is given up.
    pub(super) fn tell(&mut self, now: Time, server: u8, term: u64, sequence: u64, message: MemoryMessage) {
        if let Some(found) = self.present.get_mut(&server) {
            found.lane.push(now, term, sequence, message);
        }
    }

    /// Reads a server's table; an earlier reading of it ends.
    pub(super) fn read_table(&mut self, server: u8, tell: impl FnMut(ServerTable) + Send + 'static) -> io::Result<()> {
        if let Some(found) = self.present.get_mut(&server) {
            found.reading = Some(table_reader::read(found.channel.clone(), tell)?);
        }
        Ok(())
    }

    /// When [`Servers::poll`] has something to do even if nothing comes.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.present.values().filter_map(|server| server.lane.poll_timeout()).min()
    }

    /// How long it may be waited for the next frame: not at all long where some are left that another thread did not take in just now.
    pub(super) fn longest_wait(&self) -> Duration {
        if self.cable.is_empty() { Duration::MAX } else { LOOK_AGAIN }
    }

    /// Takes in what has come; the outcomes of each server in the order of their numbers.
    pub(super) fn poll(&mut self, now: Time, mut answer: impl FnMut(u8, u64, Answered)) {
        for (number, server) in &mut self.present {
            if server.lane.is_busy() {
                server.lane.poll(now, |sequence, answered| answer(*number, sequence, answered));
            }
        }
    }

    /// Whether some server has not answered yet.
    pub(super) fn is_busy(&self) -> bool {
        self.present.values().any(|server| server.lane.is_busy())
    }

    /// Messages that made no sense to their servers.
    pub(super) fn malformed(&self) -> u64 {
        self.malformed + self.present.values().map(|server| server.lane.malformed()).sum::<u64>()
    }

    /// Messages that were sent again.
    pub(super) fn repeated(&self) -> u64 {
        self.repeated + self.present.values().map(|server| server.lane.repeated()).sum::<u64>()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.present.clear();
        self.cable.close();
    }
}
