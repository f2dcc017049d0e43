//! Nodes as control messages write them.

use super::convert::malformed;
use super::idl::memory_control as idl;
use crate::identity::{Holder, Node};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Addresses that are kept with the text that they were read from.
const KNOWN_MAX: usize = 8;

/// Reads holders. Most messages name the same few nodes: the addresses that were read last are not read again.
#[derive(Debug, Default)]
pub(super) struct Nodes(Mutex<VecDeque<(String, Node)>>);

impl Nodes {
    pub(super) fn holder(&self, holder: &idl::Holder) -> Result<Holder, idl::Malformed> {
        let node = self.node(&holder.node)?;
        let no_incarnation = |_| malformed(format!("{} is no incarnation: 0 to {} are", holder.incarnation, u32::MAX));
        let incarnation = u32::try_from(holder.incarnation).map_err(no_incarnation)?;
        Ok(Holder { node, incarnation })
    }

    fn node(&self, text: &str) -> Result<Node, idl::Malformed> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, node)) = known.iter().find(|(of, _)| of == text) {
            return Ok(*node);
        }
        let no_node = |_| malformed(format!("{text:?} is no node: write an IPv4 or IPv6 address"));
        let node = match text.parse::<IpAddr>().map_err(no_node)? {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        known.truncate(KNOWN_MAX - 1);
        known.push_front((text.to_owned(), Node(node)));
        Ok(Node(node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::convert::holder_out;
    use proptest::prelude::*;

    fn read(nodes: &Nodes, node: &str, incarnation: i64) -> Result<Holder, idl::Malformed> {
        nodes.holder(&idl::Holder { node: node.to_owned(), incarnation })
    }

    proptest! {
        #[test]
        fn holders_come_back_as_they_were_written(
            some in prop::collection::vec((any::<[u8; 16]>(), any::<bool>(), any::<u32>()), 1..40),
        ) {
            let nodes = Nodes::default();
            // Each twice in a row, and all again when most are forgotten.
            for &(mut node, is_mapped, incarnation) in some.iter().flat_map(|of| [of, of]).chain(&some) {
                if is_mapped {
                    node[..12].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
                }
                let holder = Holder { node: Node(node.into()), incarnation };
                prop_assert_eq!(nodes.holder(&holder_out(holder)), Ok(holder));
            }
            prop_assert!(nodes.0.lock().unwrap().len() <= KNOWN_MAX);
        }
    }

    #[test]
    fn what_names_nobody_is_malformed_and_not_kept() {
        let nodes = Nodes::default();
        for _ in 0..2 {
            assert!(read(&nodes, "localhost", 1).unwrap_err().reason.contains("localhost"));
            assert!(read(&nodes, "::1", -1).is_err() && read(&nodes, "::1", 1 << 32).is_err());
        }
        assert_eq!(nodes.0.lock().unwrap().len(), 1);
        assert_eq!(read(&nodes, "127.0.0.1", 1).unwrap(), read(&nodes, "::ffff:127.0.0.1", 1).unwrap());
    }
}
