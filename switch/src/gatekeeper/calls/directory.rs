//! Who is who in the rack: what the calls ask of the machines.

use super::super::output::Holder;
use std::net::Ipv6Addr;

/// Where an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A node that lives serves it.
    Live(Holder),
    /// Its node, or the instance itself, has ended.
    Gone,
    /// Nobody has told of it.
    Unknown,
}

/// Answers of the machines' side. Every node is named by its first address, whatever address its packets come from.
pub trait Directory {
    /// The node that lives behind a port and sends from this address, which may be a service's.
    fn sender(&self, port: u16, source: Ipv6Addr) -> Option<Holder>;
    /// The node that lives at an address of its own.
    fn receiver(&self, destination: Ipv6Addr) -> Option<Holder>;
    /// Where an instance is.
    fn place(&self, instance: u32) -> Place;
    /// Whether a memory server is there.
    fn has_server(&self, server: u8) -> bool;
    /// The memory servers that are there, in order.
    fn servers(&self) -> Vec<u8>;
    /// The boot number of a memory server's present life: objects of others are lost, or not there yet. 0 if it is not known.
    fn boot_of(&self, _server: u8) -> u32 {
        0
    }
    /// The prefix of the rack's memory.
    fn memory_prefix(&self) -> u8;
}
