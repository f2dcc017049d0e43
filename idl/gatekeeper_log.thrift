/**
 * What outlives a rack's control plane: the records of its durable log, each a `LogRecord` in the binary protocol.
 *
 * Numbers without a sign (terms, capacities) stand as the signed ones of the same bits. Addresses have 16 bytes, MAC addresses 6.
 */
namespace * bifrost.gatekeeper.log
namespace rs gatekeeper_log

/** A method that a service has. */
struct LogMethod {
  /** Length of its whole name. */
  1: required i16 name_length,
  /** The 16 bytes by which a switch knows it. */
  2: required binary field,
  /** What the switch tracks of it. */
  3: required i16 tracking,
}

/** A memory server's life. */
struct LogMemory {
  /** Its number. */
  1: required i16 server,
  /** The boot number of its first objects. */
  2: required i64 boot,
}

/** A node was taken in. */
struct LogNode {
  1: required string name,
  /** The number of its kind, and for a kind without a name that number plus 256. */
  2: required i16 kind,
  3: required i64 incarnation,
  /** Of its announcement. */
  4: required binary nonce,
  5: required i32 port,
  6: required binary mac,
  7: required list<binary> addresses,
  8: required bool owns_service_addresses,
  9: optional LogMemory memory,
  10: required i64 capacity,
  11: required string specification,
}

/** A node serves a service. */
struct LogServes {
  1: required string node,
  2: required string service,
  3: required i64 instance,
  4: required list<LogMethod> methods,
  5: required bool is_open,
}

/** A node serves a service no longer. */
struct LogServesNot {
  1: required string node,
  2: required i64 instance,
  3: required string service,
}

/** An incarnation has ended. */
struct LogEnded {
  1: required string node,
  2: required i64 incarnation,
  3: required bool is_dead,
}

/** The last incarnation that an address had, where no node's record says it any more. */
struct LogLived {
  1: required binary address,
  2: required i64 incarnation,
}

/** A record. */
union LogRecord {
  1: i64 term,
  2: LogNode node,
  3: LogServes serves,
  4: LogServesNot serves_not,
  5: LogEnded ended,
  6: LogLived lived,
}
