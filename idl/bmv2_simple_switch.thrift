/**
 * What BMv2's `simple_switch` offers besides: mirroring sessions, queues, its clock. Called on the wire as service `simple_switch`.
 *
 * Names, ids and types are BMv2's.
 */
namespace * bifrost.bmv2.simple_switch
namespace rs bmv2_simple_switch

/** Where a mirroring session's copies go. */
struct MirroringSessionConfig {
  /** To this port. */
  1: optional i32 port,
  /** And to this multicast group. */
  2: optional i32 mgid,
}

/** Why an operation on mirroring sessions was refused. */
enum MirroringOperationErrorCode {
  SESSION_NOT_FOUND = 1,
}

exception InvalidMirroringOperation {
  1: required MirroringOperationErrorCode code,
}

service simple_switch {
  /** Older form of `mirroring_session_add`. 1: done. */
  i32 mirroring_mapping_add(1: i32 mirror_id, 2: i32 egress_port),

  /** Older form of `mirroring_session_delete`. 1: done. */
  i32 mirroring_mapping_delete(1: i32 mirror_id),

  /** The port of a session; -1 if it has none. */
  i32 mirroring_mapping_get_egress_port(1: i32 mirror_id),

  /** Makes or changes a mirroring session. */
  void mirroring_session_add(1: i32 mirror_id, 2: MirroringSessionConfig config)
    throws (1: InvalidMirroringOperation ouch),

  /** Ends a mirroring session. */
  void mirroring_session_delete(1: i32 mirror_id) throws (1: InvalidMirroringOperation ouch),

  /** A mirroring session. */
  MirroringSessionConfig mirroring_session_get(1: i32 mirror_id) throws (1: InvalidMirroringOperation ouch),

  /** Packets that the queue of a port and priority holds. */
  i32 set_egress_priority_queue_depth(1: i32 port_num, 2: i32 priority, 3: i32 depth_pkts),

  /** The same, of all priorities. */
  i32 set_egress_queue_depth(1: i32 port_num, 2: i32 depth_pkts),

  /** The same, of all ports. */
  i32 set_all_egress_queue_depths(1: i32 depth_pkts),

  /** Packets in a second that leave the queue of a port and priority; 0: as many as can. */
  i32 set_egress_priority_queue_rate(1: i32 port_num, 2: i32 priority, 3: i64 rate_pps),

  /** The same, of all priorities. */
  i32 set_egress_queue_rate(1: i32 port_num, 2: i64 rate_pps),

  /** The same, of all ports. */
  i32 set_all_egress_queue_rates(1: i64 rate_pps),

  /** Microseconds since the switch began. */
  i64 get_time_elapsed_us(),

  /** Microseconds since the epoch of the switch's clock. */
  i64 get_time_since_epoch_us(),
}
