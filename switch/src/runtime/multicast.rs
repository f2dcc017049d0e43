//! The service `simple_pre_lag`.

use super::handler::Runtime;
use super::idl::bmv2_simple_pre_lag::{McOperationErrorCode, SimplePreLagSyncHandler};
use super::listing::{listed, numbers};
use super::refused;
use crate::engine::{Multicast, MulticastError};

fn group(group: i32) -> thrift::Result<u16> {
    u16::try_from(group).map_err(|_| refused::multicast_code(McOperationErrorCode::INVALID_MGID))
}

fn known_group(group: i32) -> Result<u16, MulticastError> {
    u16::try_from(group).map_err(|_| MulticastError::InvalidGroupHandle)
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
