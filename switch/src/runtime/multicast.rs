//! The service `simple_pre_lag`.

use super::handler::Runtime;
use super::idl::bmv2_simple_pre_lag::{McOperationErrorCode, SimplePreLagSyncHandler};
use super::refused;
use crate::engine::limits::NODE_PORTS_MAX;
use crate::engine::{Multicast, MulticastError};
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

fn group(group: i32) -> thrift::Result<u16> {
    u16::try_from(group).map_err(|_| refused::multicast_code(McOperationErrorCode::INVALID_MGID))
}

fn known_group(group: i32) -> Result<u16, MulticastError> {
    u16::try_from(group).map_err(|_| MulticastError::InvalidGroupHandle)
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

impl SimplePreLagSyncHandler for Runtime {
    fn handle_bm_mc_mgrp_create(&self, cxt_id: i32, mgrp: i32) -> thrift::Result<i32> {
        let group = group(mgrp)?;
        self.multicast(cxt_id, |engine| engine.multicast().create_group(group))?;
        Ok(mgrp)
    }

    fn handle_bm_mc_mgrp_destroy(&self, cxt_id: i32, mgrp_handle: i32) -> thrift::Result<()> {
        self.multicast(cxt_id, |engine| engine.multicast().destroy_group(known_group(mgrp_handle)?))
    }

    fn handle_bm_mc_node_create(
        &self,
        cxt_id: i32,
        rid: i32,
        port_map: String,
        lag_map: String,
    ) -> thrift::Result<i32> {
        let create = |multicast: &mut Multicast| {
            let rid = u16::try_from(rid).map_err(|_| MulticastError::Other)?;
            multicast.create_node(rid, numbers(&port_map)?, numbers(&lag_map)?)
        };
        Ok(self.multicast(cxt_id, |engine| create(engine.multicast()))?.cast_signed())
    }

    fn handle_bm_mc_node_associate(&self, cxt_id: i32, mgrp_handle: i32, l1_handle: i32) -> thrift::Result<()> {
        let node = l1_handle.cast_unsigned();
        self.multicast(cxt_id, |engine| engine.multicast().associate(known_group(mgrp_handle)?, node))
    }

    fn handle_bm_mc_node_dissociate(&self, cxt_id: i32, mgrp_handle: i32, l1_handle: i32) -> thrift::Result<()> {
        let node = l1_handle.cast_unsigned();
        self.multicast(cxt_id, |engine| engine.multicast().dissociate(known_group(mgrp_handle)?, node))
    }

    fn handle_bm_mc_node_destroy(&self, cxt_id: i32, l1_handle: i32) -> thrift::Result<()> {
        self.multicast(cxt_id, |engine| engine.multicast().destroy_node(l1_handle.cast_unsigned()))
    }

    fn handle_bm_mc_node_update(
        &self,
        cxt_id: i32,
        l1_handle: i32,
        port_map: String,
        lag_map: String,
    ) -> thrift::Result<()> {
        let node = l1_handle.cast_unsigned();
        self.multicast(cxt_id, |engine| engine.multicast().update_node(node, numbers(&port_map)?, numbers(&lag_map)?))
    }

    fn handle_bm_mc_set_lag_membership(&self, cxt_id: i32, lag_index: i16, port_map: String) -> thrift::Result<()> {
        self.multicast(cxt_id, |engine| {
            let lag = u32::try_from(lag_index).map_err(|_| MulticastError::Other)?;
            engine.multicast().set_lag(lag, numbers(&port_map)?)
        })
    }

    fn handle_bm_mc_get_entries(&self, cxt_id: i32) -> thrift::Result<String> {
        self.multicast(cxt_id, |engine| Ok(listed(engine.multicast()).to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_read_from_its_end() {
        assert_eq!(numbers("100110"), Ok(BTreeSet::from([1, 2, 5])));
        assert_eq!(numbers(""), Ok(BTreeSet::new()));
        assert_eq!(numbers(&format!("{}1", "0".repeat(100_000))), Ok(BTreeSet::from([0])));
        assert_eq!(numbers("12"), Err(MulticastError::Other));
        assert_eq!(numbers(&format!("1{}", "0".repeat(NODE_PORTS_MAX))), Err(MulticastError::Other));
    }
}
