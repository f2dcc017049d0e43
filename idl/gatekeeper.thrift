/**
 * What a rack's control plane tells people and tools, and what they may ask of it.
 *
 * Numbers of 64 bits without a sign (ids of clients, calls and sessions) stand as the i64 of the same bits. Pages are in order; what is read page by
 * page may change in between.
 */
namespace * bifrost.gatekeeper
namespace rs gatekeeper

include "bifrost.thrift"

/** Objects or calls of one page at most. */
const i32 PAGE_MAX = 1024

/** The place before the first object. */
const bifrost.Ptr FIRST_OBJECT = "00000000-0000-0000-0000-000000000000"

/** One life of a node. */
struct Life {
  /** The node's name; its address where nobody has a name for it. */
  1: required string node,
  /** The number of this life. */
  2: required i64 incarnation,
}

/** A machine of the rack. */
struct Node {
  1: required string name,
  /** compute, memory, network, storage, or a number. */
  2: required string kind,
  /** free, in use, suspected, joining, ending, failed or left. */
  3: required string state,
  4: required i64 incarnation,
  /** The switch's port that it is at. */
  5: required i32 port,
  6: required string mac,
  /** The first is the one it sends from. */
  7: required list<string> addresses,
  /** How much of it there is, in the unit of its kind; 0: it does not say. */
  8: required i64 capacity,
  9: required string specification,
  /** A memory server's number. */
  10: optional i16 server,
  /** Its boot number. */
  11: optional i64 boot,
  /** Time since it was heard. */
  12: required i64 silent_ms,
}

/** A service at a node. */
struct Instance {
  /** By it packets name the instance. */
  1: required i64 instance,
  2: required string service,
  3: required string node,
  /** It would take new sessions. */
  4: required bool is_open,
  /** It is in the switch's tables; otherwise it stands by. */
  5: required bool is_serving,
}

/** What names a call. */
struct Call {
  1: required i64 client,
  2: required i64 rpc,
}

/** The place before the first call. */
const Call FIRST_CALL = {"client": 0, "rpc": 0}

/** A call's right to read an object. */
struct Lease {
  1: required Call call,
  2: required Life callee,
  /** The memory server has confirmed it. */
  3: required bool is_in_force,
}

/** An object of global memory. */
struct Object {
  1: required bifrost.Ptr pointer,
  /** Who controls it; absent: nobody. */
  2: optional Life control,
  /** Its controller has freed it; it is kept for its leases. */
  3: required bool is_freed,
  4: required list<Lease> leases,
}

/** A call that passes pointers, or whose method is tracked, and that runs. */
struct RunningCall {
  1: required Call call,
  2: required i64 session,
  3: required i64 instance,
  /** Absent after a restart, until the caller has told. */
  4: optional Life caller,
  5: required Life callee,
  /** The method as packets name it: up to 16 characters as it is, else its first 8 and a hash. */
  6: required string method,
  7: required bool is_oneway,
  8: required list<bifrost.Ptr> pointers,
  /** held, released, answered or ending. */
  9: required string stage,
}

/** How the rack stands. */
struct Status {
  /** The control plane's term. */
  1: required i64 term,
  /** It decides; before that it only finds out how the rack stands. */
  2: required bool is_ready,
  3: required list<Node> nodes,
  4: required list<Instance> instances,
  /** How many objects there are, and calls that run. */
  5: required i64 objects,
  6: required i64 calls,
  /** Counts since the control plane began, those that are not zero. */
  7: required map<string, i64> counters,
  /** What became of packets in the switch since it began, by the verdicts of docs/switch.md; those that are not zero. */
  8: required map<string, i64> verdicts,
  /** What went wrong last. */
  9: optional string fault,
  /** Why the log is not written any more: nobody joins, leaves or is declared dead until the control plane is started again. */
  10: optional string log_fault,
}

/** No node has this name, or it does not live. */
exception NoSuchNode {
  1: required string node,
}

/** The control plane cannot answer: it is about to end. */
exception Ended {}

/** It is decided, but the switch has not taken it into its tables within 5 s. It is tried until it has. */
exception NotYet {}

/** The control plane of a rack, for people and tools. */
service Gatekeeper {
  /** How the rack stands. */
  Status status() throws (1: Ended ended) (bifrost.idempotent),

  /** The objects after one, or from the first on; at most `max`. */
  list<Object> objects(1: bifrost.Ptr after = FIRST_OBJECT, 2: i32 max = PAGE_MAX) throws (1: Ended ended)
    (bifrost.idempotent),

  /** The calls that run after one, or from the first on; at most `max`. */
  list<RunningCall> calls(1: Call after = FIRST_CALL, 2: i32 max = PAGE_MAX) throws (1: Ended ended)
    (bifrost.idempotent),

  /** The nodes that share running calls with this one, directly or through others, and itself. */
  list<string> failure_domain(1: string node) throws (1: NoSuchNode nobody, 2: Ended ended) (bifrost.idempotent),

  /** What a node serves takes no new sessions from now on: the tables have changed. Returns the number of its instances. */
  i32 drain(1: string node) throws (1: NoSuchNode nobody, 2: Ended ended, 3: NotYet not_yet) (bifrost.idempotent),

  /** Declares a node dead: it is blocked, what it has is cleaned up, and it may announce itself anew. */
  void evict(1: string node) throws (1: NoSuchNode nobody, 2: Ended ended),

  /** Ends the process of the control plane in good order; a rack that is one process goes down. */
  void stop() (bifrost.idempotent),
}
