/**
 * BMv2's replication engine with link aggregation groups. Called on the wire as service `simple_pre_lag`.
 *
 * A group has nodes; a node has a replication id, ports, and aggregation groups of which one port is taken. Names, ids and types are
 * BMv2's. A map is text of `0` and `1`, whose last character is for number 0.
 */
namespace * bifrost.bmv2.simple_pre_lag
namespace rs bmv2_simple_pre_lag

/** The number of a group, which programs put into `mcast_grp`. */
typedef i32 BmMcMgrp

/** What the copies of a node have in `egress_rid`. */
typedef i32 BmMcRid

/** Names a group: its number. */
typedef i32 BmMcMgrpHandle

/** Names a node. */
typedef i32 BmMcL1Handle

/** The number of an aggregation group. */
typedef i16 BmMcLagIndex

/** Ports. */
typedef string BmMcPortMap

/** Aggregation groups. */
typedef string BmMcLagMap

/** Why an operation was refused. */
enum McOperationErrorCode {
  TABLE_FULL = 1,
  INVALID_MGID = 2,
  INVALID_MGRP_HANDLE = 3,
  INVALID_L1_HANDLE = 4,
  ERROR = 5,
}

exception InvalidMcOperation {
  1: required McOperationErrorCode code,
}

service simple_pre_lag {
  /** Makes a group. */
  BmMcMgrpHandle bm_mc_mgrp_create(1: i32 cxt_id, 2: BmMcMgrp mgrp) throws (1: InvalidMcOperation ouch),

  /** Ends a group; its nodes stay. */
  void bm_mc_mgrp_destroy(1: i32 cxt_id, 2: BmMcMgrpHandle mgrp_handle) throws (1: InvalidMcOperation ouch),

  /** Makes a node, in no group. */
  BmMcL1Handle bm_mc_node_create(1: i32 cxt_id, 2: BmMcRid rid, 3: BmMcPortMap port_map, 4: BmMcLagMap lag_map = "")
    throws (1: InvalidMcOperation ouch),

  /** Puts a node into a group. */
  void bm_mc_node_associate(1: i32 cxt_id, 2: BmMcMgrpHandle mgrp_handle, 3: BmMcL1Handle l1_handle)
    throws (1: InvalidMcOperation ouch),

  /** Takes a node out of its group. */
  void bm_mc_node_dissociate(1: i32 cxt_id, 2: BmMcMgrpHandle mgrp_handle, 3: BmMcL1Handle l1_handle)
    throws (1: InvalidMcOperation ouch),

  /** Ends a node. */
  void bm_mc_node_destroy(1: i32 cxt_id, 2: BmMcL1Handle l1_handle) throws (1: InvalidMcOperation ouch),

  /** Gives a node other ports. */
  void bm_mc_node_update(1: i32 cxt_id, 2: BmMcL1Handle l1_handle, 3: BmMcPortMap port_map, 4: BmMcLagMap lag_map = "")
    throws (1: InvalidMcOperation ouch),

  /** Sets the ports of an aggregation group. */
  void bm_mc_set_lag_membership(1: i32 cxt_id, 2: BmMcLagIndex lag_index, 3: BmMcPortMap port_map)
    throws (1: InvalidMcOperation ouch),

  /** All groups and nodes, as JSON. */
  string bm_mc_get_entries(1: i32 cxt_id) throws (1: InvalidMcOperation ouch),
}
