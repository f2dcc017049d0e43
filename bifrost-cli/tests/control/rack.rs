//! A rack on one machine: memory servers, nodes with addresses of their own, a stand-in for the control plane.

use crate::common::{command, lines};
use bifrost_dsm::front::idl::bifrost::Ptr;
use bifrost_dsm::front::idl::memory_control as idl;
use bifrost_rpc::memory::{GlobalMemory, MemoryError, MemoryStatus, Pointer};
use bifrost_rpc::{Channel, Key};
use idl::{MemoryControlClient, TMemoryControlSyncClient};
use std::net::{IpAddr, Ipv4Addr};
use std::process::Child;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(20);
pub(crate) const KEY: [u8; 32] = [0x3C; 32];

/// A running `bifrost mem`; dropping it ends it.
pub(crate) struct Memory {
    child: Child,
    pub(crate) url: String,
    pub(crate) control: String,
    err: Receiver<String>,
}

impl Memory {
    /// A server that protects nodes, with a control front on this machine.
    pub(crate) fn start() -> Self {
        Self::with(&["--control", "udp://127.0.0.1:0"])
    }

    /// A server with a control front, started with these options.
    pub(crate) fn with(options: &[&str]) -> Self {
        let mut child = command(&[&["mem", "udp://127.0.0.1:0"], options].concat()).spawn().unwrap();
        let (out, err) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        let line = |start: &str| {
            let line = out.recv_timeout(WAIT).expect("the server does not listen");
            line.strip_prefix(start).expect(start).to_owned()
        };
        let (url, control) = (line("listening on "), line("control on "));
        Self { child, url, control, err }
    }

    /// Ends it; the warnings about control that it has written to standard error.
    pub(crate) fn end(mut self) -> Vec<String> {
        let _ = self.child.kill();
        let err = std::mem::replace(&mut self.err, mpsc::channel().1);
        err.iter().filter(|line| line.contains("control")).collect()
    }

    pub(crate) fn node(&self, node: Node) -> GlobalMemory {
        let channels = Channel::builder().local(node.address()).incarnation(node.incarnation);
        GlobalMemory::connect_with(&self.url, channels).unwrap()
    }

    /// A control plane of this term.
    pub(crate) fn plane(&self, term: i64) -> Plane {
        Plane::over(Channel::connect(&self.control).unwrap(), term)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A life of a node, on an address of the loopback device.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    last: u8,
    incarnation: u32,
}

pub(crate) const A: Node = Node { last: 2, incarnation: 1 };
pub(crate) const B: Node = Node { last: 3, incarnation: 1 };
pub(crate) const C: Node = Node { last: 4, incarnation: 1 };

impl Node {
    /// Its next life.
    pub(crate) fn next(self) -> Self {
        Self { incarnation: self.incarnation + 1, ..self }
    }

    fn address(self) -> IpAddr {
        Ipv4Addr::new(127, 0, 0, self.last).into()
    }

    pub(crate) fn holder(self) -> idl::Holder {
        idl::Holder { node: self.address().to_string(), incarnation: i64::from(self.incarnation) }
    }
}

/// A stand-in for the control plane: sends messages in sequence.
pub(crate) struct Plane {
    pub(crate) client: MemoryControlClient,
    pub(crate) term: i64,
    pub(crate) sequence: i64,
}

/// What a message changed, or why it was refused: code and detail.
pub(crate) type Said = Result<i64, (i16, i64)>;

impl Plane {
    pub(crate) fn over(channel: Channel, term: i64) -> Self {
        Self { client: MemoryControlClient::new(channel.with_deadline(WAIT)), term, sequence: 0 }
    }

    pub(crate) fn sealed(url: &str, key: [u8; 32]) -> Self {
        Self::over(Channel::builder().key(Key::from_bytes(key)).connect(url).unwrap(), 1)
    }

    /// Sends the next message.
    pub(crate) fn say(
        &mut self,
        message: impl Fn(&mut MemoryControlClient, idl::Stamp) -> thrift::Result<i64>,
    ) -> Said {
        self.sequence += 1;
        self.again(message)
    }

    /// Sends a message under the last stamp.
    pub(crate) fn again(
        &mut self,
        message: impl Fn(&mut MemoryControlClient, idl::Stamp) -> thrift::Result<i64>,
    ) -> Said {
        let stamp = idl::Stamp { term: self.term, sequence: self.sequence };
        message(&mut self.client, stamp).map_err(|error| match error {
            thrift::Error::User(error) if error.is::<idl::Refused>() => {
                let refused = error.downcast::<idl::Refused>().unwrap();
                (refused.code, refused.detail)
            }
            other => panic!("{other:?}"),
        })
    }

    pub(crate) fn lease(&mut self, rpc: i64, from: Node, to: Node, objects: &[Pointer]) -> Said {
        self.say(|client, stamp| client.lease(stamp, call(rpc), from.holder(), to.holder(), ptrs(objects)))
    }

    pub(crate) fn release(&mut self, rpc: i64) -> Said {
        self.say(|client, stamp| client.release(stamp, call(rpc)))
    }

    pub(crate) fn cleanup(&mut self, node: Node) -> Said {
        self.say(|client, stamp| client.cleanup(stamp, node.holder()))
    }

    pub(crate) fn metrics(&mut self) -> idl::Metrics {
        self.client.metrics().unwrap()
    }

    /// The whole table.
    pub(crate) fn table(&mut self) -> Vec<idl::Row> {
        let (mut rows, mut after) = (Vec::new(), idl::FIRST_OBJECT);
        loop {
            let page = self.client.table(after, 7).unwrap();
            rows.extend(page.objects);
            match page.next {
                Some(next) => after = next,
                None => return rows,
            }
        }
    }
}

pub(crate) fn call(rpc: i64) -> idl::Call {
    // As of a client whose random id has the highest bit set.
    idl::Call { client: i64::MIN + 5, rpc }
}

pub(crate) fn ptr(pointer: Pointer) -> Ptr {
    pointer.into()
}

pub(crate) fn ptrs(pointers: &[Pointer]) -> Vec<Ptr> {
    pointers.iter().copied().map(ptr).collect()
}

/// Why a memory operation was refused.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, MemoryError>) -> MemoryStatus {
    match result {
        Err(MemoryError::Refused { status, .. }) => status,
        other => panic!("not refused: {other:?}"),
    }
}
