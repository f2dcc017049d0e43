//! Multicast groups as text: maps of ports, and the list of all.

use crate::engine::limits::NODE_PORTS_MAX;
use crate::engine::{Multicast, MulticastError, Node};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The numbers of a map: text of `0` and `1`, whose last character is for number 0.
pub(super) fn numbers(map: &str) -> Result<BTreeSet<u32>, MulticastError> {
    let mut numbers = BTreeSet::new();
    for (number, digit) in map.bytes().rev().enumerate() {
        match digit {
            b'0' => {}
            b'1' if number < NODE_PORTS_MAX => numbers.extend(u32::try_from(number)),
            _ => return Err(MulticastError::Other),
        }
    }
    Ok(numbers)
}

/// The map of these numbers.
pub(super) fn map(numbers: &BTreeSet<u32>) -> Result<String, MulticastError> {
    let Some(&last) = numbers.last() else { return Ok(String::new()) };
    if last as usize >= NODE_PORTS_MAX {
        return Err(MulticastError::Other);
    }
    Ok((0..=last).rev().map(|number| if numbers.contains(&number) { '1' } else { '0' }).collect())
}

/// Groups, nodes and aggregation groups, as BMv2 lists them.
pub(super) fn listed(multicast: &Multicast) -> Value {
    let groups = multicast.groups().map(|(id, nodes)| json!({"id": id, "l1_handles": nodes}));
    let nodes = multicast.nodes().map(|(handle, node)| json!({"handle": handle, "rid": node.rid, "l2_handle": handle}));
    let ports =
        multicast.nodes().map(|(handle, node)| json!({"handle": handle, "ports": node.ports, "lags": node.lags}));
    let lags = multicast.lags().map(|(id, ports)| json!({"id": id, "ports": ports}));
    json!({
        "mgrps": groups.collect::<Vec<_>>(),
        "l1_handles": nodes.collect::<Vec<_>>(),
        "l2_handles": ports.collect::<Vec<_>>(),
        "lags": lags.collect::<Vec<_>>(),
    })
}

fn number<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    T::try_from(value.as_u64()?).ok()
}

fn set(value: &Value) -> Option<BTreeSet<u32>> {
    value.as_array()?.iter().map(number).collect()
}

/// The nodes of such a list, by handle.
pub(super) fn nodes(listed: &str) -> Option<Vec<(u32, Node)>> {
    let listed: Value = serde_json::from_str(listed).ok()?;
    let (groups, ports) = (listed["mgrps"].as_array()?, listed["l2_handles"].as_array()?);
    let mut nodes = Vec::new();
    for node in listed["l1_handles"].as_array()? {
        let (handle, rid) = (number(&node["handle"])?, number(&node["rid"])?);
        let found = ports.iter().find(|ports| ports["handle"] == node["l2_handle"])?;
        let has_node =
            |group: &&Value| group["l1_handles"].as_array().is_some_and(|nodes| nodes.contains(&node["handle"]));
        let group = groups.iter().find(has_node).and_then(|group| number(&group["id"]));
        nodes.push((handle, Node { rid, ports: set(&found["ports"])?, lags: set(&found["lags"])?, group }));
    }
    nodes.sort_by_key(|&(handle, _)| handle);
    Some(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_map_is_read_from_its_end() {
        assert_eq!(numbers("100110"), Ok(BTreeSet::from([1, 2, 5])));
        assert_eq!(numbers(""), Ok(BTreeSet::new()));
        assert_eq!(numbers(&format!("{}1", "0".repeat(100_000))), Ok(BTreeSet::from([0])));
        assert_eq!(numbers("12"), Err(MulticastError::Other));
        assert_eq!(numbers(&format!("1{}", "0".repeat(NODE_PORTS_MAX))), Err(MulticastError::Other));
    }

    proptest! {
        #[test]
        fn what_is_listed_is_read(
            ports in prop::collection::vec(prop::collection::btree_set(0u32..512, 0..9), 1..6),
            groups in prop::collection::vec(0u16..4, 6),
        ) {
            let mut multicast = Multicast::default();
            for (ports, &group) in ports.iter().zip(&groups) {
                prop_assert_eq!(numbers(&map(ports).unwrap()), Ok(ports.clone()));
                let node = multicast.create_node(group * 7, ports.clone(), BTreeSet::from([u32::from(group)])).unwrap();
                if group > 0 {
                    multicast.create_group(group).unwrap();
                    multicast.associate(group, node).unwrap();
                }
            }
            let expected: Vec<_> = multicast.nodes().map(|(handle, node)| (handle, node.clone())).collect();
            prop_assert_eq!(nodes(&listed(&multicast).to_string()), Some(expected));
        }
    }
}
