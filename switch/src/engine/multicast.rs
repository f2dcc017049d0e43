//! Multicast groups: BMv2's simple replication engine, with nodes and link aggregation groups.

use std::collections::{BTreeMap, BTreeSet};

use super::limits::{MULTICAST_MAX, NODE_PORTS_MAX};

/// Why an operation on multicast groups was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MulticastError {
    /// As many groups or nodes as there may be.
    #[error("too many groups or nodes")]
    TableFull = 1,
    /// No group may have this number.
    #[error("no such number of a multicast group")]
    InvalidGroup = 2,
    /// No such group.
    #[error("no such multicast group")]
    InvalidGroupHandle = 3,
    /// No such node.
    #[error("no such multicast node")]
    InvalidNodeHandle = 4,
    /// The node is in a group already, or not in this one; a port or aggregation group is out of range.
    #[error("the node is in another state, or a port out of range")]
    Other = 5,
}

impl MulticastError {
    /// The number that BMv2's runtime API has for it.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The error of a number; [`MulticastError::Other`] for one that is not known.
    #[must_use]
    pub fn from_code(code: i32) -> Self {
        let known = [Self::TableFull, Self::InvalidGroup, Self::InvalidGroupHandle, Self::InvalidNodeHandle];
        known.into_iter().find(|error| error.code() == code).unwrap_or(Self::Other)
    }
}

/// A node: copies for some ports, told apart by a replication id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// What the copies have in `egress_rid`.
    pub rid: u16,
    /// One copy for each.
    pub ports: BTreeSet<u32>,
    /// One copy for one port of each.
    pub lags: BTreeSet<u32>,
    /// The group that it is in.
    pub group: Option<u16>,
}

/// Groups, nodes and aggregation groups.
#[derive(Clone, Debug, Default)]
pub struct Multicast {
    groups: BTreeMap<u16, Vec<u32>>,
    nodes: BTreeMap<u32, Node>,
    lags: BTreeMap<u32, BTreeSet<u32>>,
}

/// BMv2 takes the same hash for every packet to choose a port of an aggregation group.
const LAG_HASH: usize = 0xff;

/// Aggregation groups, as in BMv2.
const LAGS_MAX: u32 = 256;

impl Multicast {
    /// Makes a group, or leaves the one there is.
    pub fn create_group(&mut self, group: u16) -> Result<(), MulticastError> {
        self.groups.entry(group).or_default();
        Ok(())
    }

    /// Deletes a group; its nodes stay, without one.
    pub fn destroy_group(&mut self, group: u16) -> Result<(), MulticastError> {
        for node in self.groups.remove(&group).unwrap_or_default() {
            if let Some(node) = self.nodes.get_mut(&node) {
                node.group = None;
            }
        }
        Ok(())
    }

    /// Makes a node; its handle.
    pub fn create_node(&mut self, rid: u16, ports: BTreeSet<u32>, lags: BTreeSet<u32>) -> Result<u32, MulticastError> {
        check(&ports, &lags)?;
        if self.nodes.len() >= MULTICAST_MAX {
            return Err(MulticastError::TableFull);
        }
        let free = (0u32..).zip(self.nodes.keys()).find(|(i, handle)| i != *handle).map(|(i, _)| i);
        let handle = free.unwrap_or(u32::try_from(self.nodes.len()).map_err(|_| MulticastError::TableFull)?);
        self.nodes.insert(handle, Node { rid, ports, lags, group: None });
        Ok(handle)
    }

    fn node(&mut self, node: u32) -> Result<&mut Node, MulticastError> {
        self.nodes.get_mut(&node).ok_or(MulticastError::InvalidNodeHandle)
    }

    /// Changes a node's ports and aggregation groups.
    pub fn update_node(&mut self, node: u32, ports: BTreeSet<u32>, lags: BTreeSet<u32>) -> Result<(), MulticastError> {
        check(&ports, &lags)?;
        let node = self.node(node)?;
        (node.ports, node.lags) = (ports, lags);
        Ok(())
    }

    /// Puts a node into a group.
    pub fn associate(&mut self, group: u16, node: u32) -> Result<(), MulticastError> {
        let is_taken = self.node(node)?.group.is_some();
        let list = self.groups.get_mut(&group).ok_or(MulticastError::InvalidGroupHandle)?;
        if is_taken {
            return Err(MulticastError::Other);
        }
        list.push(node);
        self.node(node)?.group = Some(group);
        Ok(())
    }

    /// Takes a node out of its group.
    pub fn dissociate(&mut self, group: u16, node: u32) -> Result<(), MulticastError> {
        let current = self.node(node)?.group;
        let list = self.groups.get_mut(&group).ok_or(MulticastError::InvalidGroupHandle)?;
        if current != Some(group) {
            return Err(MulticastError::Other);
        }
        list.retain(|&other| other != node);
        self.node(node)?.group = None;
        Ok(())
    }

    /// Deletes a node, in a group or not.
    pub fn destroy_node(&mut self, node: u32) -> Result<(), MulticastError> {
        if let Some(group) = self.node(node)?.group {
            self.dissociate(group, node)?;
        }
        self.nodes.remove(&node);
        Ok(())
    }

    /// Sets the ports of an aggregation group.
    pub fn set_lag(&mut self, lag: u32, ports: BTreeSet<u32>) -> Result<(), MulticastError> {
        check(&ports, &BTreeSet::from([lag]))?;
        self.lags.insert(lag, ports);
        Ok(())
    }

    /// All groups with their nodes, in order.
    pub fn groups(&self) -> impl Iterator<Item = (u16, &[u32])> {
        self.groups.iter().map(|(&group, nodes)| (group, nodes.as_slice()))
    }

    /// All nodes by handle, in order.
    pub fn nodes(&self) -> impl Iterator<Item = (u32, &Node)> {
        self.nodes.iter().map(|(&handle, node)| (handle, node))
    }

    /// All aggregation groups, in order.
    pub fn lags(&self) -> impl Iterator<Item = (u32, &BTreeSet<u32>)> {
        self.lags.iter().map(|(&lag, ports)| (lag, ports))
    }

    /// Port and replication id of each copy for a group, in order.
    pub(crate) fn copies(&self, group: u64, copies: &mut Vec<(u32, u16)>) {
        copies.clear();
        let nodes = u16::try_from(group).ok().and_then(|group| self.groups.get(&group));
        for node in nodes.into_iter().flatten().filter_map(|node| self.nodes.get(node)) {
            copies.extend(node.ports.iter().map(|&port| (port, node.rid)));
            for members in node.lags.iter().filter_map(|lag| self.lags.get(lag)) {
                let chosen = LAG_HASH.checked_rem(members.len()).and_then(|n| members.iter().nth(n));
                copies.extend(chosen.map(|&port| (port, node.rid)));
            }
        }
    }
}

fn check(ports: &BTreeSet<u32>, lags: &BTreeSet<u32>) -> Result<(), MulticastError> {
    let ports = ports.last().is_none_or(|&port| (port as usize) < NODE_PORTS_MAX);
    if ports && lags.last().is_none_or(|&lag| lag <= LAGS_MAX) { Ok(()) } else { Err(MulticastError::Other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_copies_for_ports_and_for_one_port_of_each_aggregation_group() {
        let mut multicast = Multicast::default();
        multicast.create_group(7).unwrap();
        let a = multicast.create_node(1, BTreeSet::from([3, 1]), BTreeSet::from([0])).unwrap();
        let b = multicast.create_node(2, BTreeSet::from([5]), BTreeSet::new()).unwrap();
        multicast.set_lag(0, BTreeSet::from([8, 9])).unwrap();
        multicast.associate(7, a).unwrap();
        multicast.associate(7, b).unwrap();
        assert_eq!(multicast.associate(7, b), Err(MulticastError::Other));
        let mut copies = Vec::new();
        multicast.copies(7, &mut copies);
        assert_eq!(copies, [(1, 1), (3, 1), (9, 1), (5, 2)]);
        multicast.destroy_node(a).unwrap();
        multicast.copies(7, &mut copies);
        assert_eq!(copies, [(5, 2)]);
        assert_eq!(multicast.create_node(3, BTreeSet::new(), BTreeSet::new()), Ok(a), "the lowest free handle");
        multicast.destroy_group(7).unwrap();
        multicast.copies(7, &mut copies);
        assert_eq!(copies, []);
        assert_eq!(multicast.associate(7, b), Err(MulticastError::InvalidGroupHandle));
    }
}
