/**
 * How the control plane drives a memory server: the access table, snapshots, and what it says of itself.
 *
 * Numbers of 64 bits without a sign (ids of clients, calls and snapshots) stand as the i64 of the same bits; sizes and
 * counts are never negative.
 */
namespace * bifrost.memory.control
namespace rs memory_control

include "bifrost.thrift"

/** Pointers in one message at most. */
const i32 POINTERS_MAX = 65536

/** Objects of one page of the table at most, and leases of one object in it. */
const i32 PAGE_MAX = 1024

/** The place before the first object. */
const bifrost.Ptr FIRST_OBJECT = "00000000-0000-0000-0000-000000000000"

/** Whose turn a control message is. */
struct Stamp {
  /** The control plane's term, which rises each time another takes over. */
  1: required i64 term,
  /** Counts the term's messages to this server, from 1. */
  2: required i64 sequence,
}

/** One life of a node. Rights are its own. */
struct Holder {
  /** The node: the IPv4 or IPv6 address that its packets come from. */
  1: required string node,
  /** The number that the control plane gave it when it joined, 0 to 4294967295. */
  2: required i64 incarnation,
}

/** What names a call for as long as the rack runs. */
struct Call {
  /** The calling client's id. */
  1: required i64 client,
  /** The call's id. */
  2: required i64 rpc,
}

/** The place before the first call. */
const Call FIRST_CALL = {"client": 0, "rpc": 0}

/** A call's right to an object. */
struct Lease {
  /** The call. */
  1: required Call call,
  /** Who may read the object until the call ends. */
  2: required Holder callee,
}

/** An object in the access table. */
struct Row {
  /** Its pointer. */
  1: required bifrost.Ptr object,
  /** Its bytes. */
  2: required i64 bytes,
  /** Who controls it; absent: nobody. */
  3: optional Holder control,
  /** Its controller has freed it: it is kept for its leases or snapshots. */
  4: required bool freed,
  /** The calls that lease it, in the order of their ids. */
  5: required list<Lease> leases,
  /** There are more leases than fit: `leases` lists them. */
  6: required bool has_more_leases,
  /** The call whose answer gave it to who controls it; absent: none did. */
  7: optional Call given_by,
}

/** Part of the access table. */
struct Page {
  /** The last control message that was applied. */
  1: required Stamp last,
  /** Objects in the order of their ids. */
  2: required list<Row> objects,
  /** Where the next page begins: what to ask for `after`; absent on the last page. */
  3: optional bifrost.Ptr next,
}

/** A snapshot. */
struct Snapshot {
  /** The number that the control plane chose. */
  1: required i64 id,
  /** The objects whose versions it has. */
  2: required list<bifrost.Ptr> objects,
}

/** What a memory server is. */
struct Info {
  /** Its number in the rack; it stands in every pointer. */
  1: required i16 server,
  /** The prefix of the rack's memory. */
  2: required i16 prefix,
  /** The boot number of its first objects, which no other life of it has. */
  3: required i64 boot,
  /** Whether every node may do everything. */
  4: required bool open,
  /** The last control message that was applied. */
  5: required Stamp last,
  /** The newest object that it has made, in this life or before: those before it that are not in the table are gone. */
  6: optional bifrost.Ptr newest,
}

/** How a memory server stands, and counts since it started. */
struct Metrics {
  /** Bytes that may be in use. */
  1: required i64 capacity_bytes,
  /** Bytes in use: objects, writes on their way, replaced versions, and what is kept about them. */
  2: required i64 used_bytes,
  /** Of them: replaced versions that only readers hold. */
  3: required i64 pinned_bytes,
  /** Objects, those included whose freeing is deferred. */
  4: required i64 objects,
  /** Sessions of clients that have sent operations. */
  5: required i64 clients,
  /** Writes of which parts have come. */
  6: required i64 staged,
  /** Operations that wait for a write before them. */
  7: required i64 waiting,
  /** Leases. */
  8: required i64 leases,
  /** Snapshots. */
  9: required i64 snapshots,
  /** Operations that took effect: alloc, read, write, free. */
  10: required map<string, i64> operations,
  /** Bytes read. */
  11: required i64 read_bytes,
  /** Bytes written. */
  12: required i64 written_bytes,
  /** Operations that came again. */
  13: required i64 duplicates,
  /** Control messages that were applied. */
  14: required i64 controls,
  /** Refusals by reason; only those that occurred. */
  15: required map<string, i64> refusals,
}

/**
 * A control message is refused.
 *
 * With *old term* and *out of sequence* it was not applied. Any other is its outcome: its number is used up, and it has
 * changed nothing.
 */
exception Refused {
  /** The code of docs/memory.md, section 9. */
  1: required i16 code,
  /** The number that goes with the code, or 0. */
  2: required i64 detail,
  /** The same in words. */
  3: required string reason,
}

/** A message is none that this server can take: it was not applied, and its number is not used up. */
exception Malformed {
  /** What is wrong with it. */
  1: required string reason,
}

/**
 * The control front of a memory server.
 *
 * A control message returns how many objects and leases it changed: 0 if all was so already. A repeated one returns what it
 * did the first time.
 */
service MemoryControl {
  /** `to` controls an object that nobody controls. */
  i64 grant(1: Stamp stamp, 2: bifrost.Ptr object, 3: Holder to) throws (1: Refused refused, 2: Malformed malformed),

  /** `from` controls the object no longer, and nobody else does. */
  i64 revoke(1: Stamp stamp, 2: bifrost.Ptr object, 3: Holder from) throws (1: Refused refused, 2: Malformed malformed),

  /** Frees those of the objects that `from` controls, on its behalf. */
  i64 reclaim(1: Stamp stamp, 2: list<bifrost.Ptr> objects, 3: Holder from)
    throws (1: Refused refused, 2: Malformed malformed),

  /** A call is about to reach its callee: leases all objects that it passes, or none. */
  i64 lease(1: Stamp stamp, 2: Call call, 3: Holder caller, 4: Holder callee, 5: list<bifrost.Ptr> objects)
    throws (1: Refused refused, 2: Malformed malformed),

  /** A call has ended without a result that matters: ends its leases. */
  i64 release(1: Stamp stamp, 2: Call call) throws (1: Refused refused, 2: Malformed malformed),

  /** A call has ended with a reply: ends its leases; of the objects returned, `to` controls those that `from` controlled. */
  i64 reply(1: Stamp stamp, 2: Call call, 3: Holder from, 4: Holder to, 5: list<bifrost.Ptr> returned)
    throws (1: Refused refused, 2: Malformed malformed),

  /** `to` takes the place of `from`: it controls and leases what that did. */
  i64 succeed(1: Stamp stamp, 2: Holder from, 3: Holder to) throws (1: Refused refused, 2: Malformed malformed),

  /** An incarnation has ended: it and all before it are refused everything. */
  i64 end_incarnation(1: Stamp stamp, 2: Holder holder) throws (1: Refused refused, 2: Malformed malformed),

  /** The same; frees what they controlled, and ends leases to them. */
  i64 cleanup(1: Stamp stamp, 2: Holder holder) throws (1: Refused refused, 2: Malformed malformed),

  /** Keeps the present version of objects. */
  i64 snapshot(1: Stamp stamp, 2: i64 id, 3: list<bifrost.Ptr> objects)
    throws (1: Refused refused, 2: Malformed malformed),

  /** Gives the objects of a snapshot the versions it has, also those freed since. */
  i64 restore(1: Stamp stamp, 2: i64 id) throws (1: Refused refused, 2: Malformed malformed),

  /** Gives a snapshot's memory back. */
  i64 drop(1: Stamp stamp, 2: i64 id) throws (1: Refused refused, 2: Malformed malformed),

  /** The objects of the access table after one, or from the first on; at most `max`. */
  Page table(1: bifrost.Ptr after = FIRST_OBJECT, 2: i32 max = PAGE_MAX) throws (1: Malformed malformed)
    (bifrost.idempotent),

  /** The leases of an object after that of a call, or from the first on, in the order of the calls' ids; at most `max`. */
  list<Lease> leases(1: bifrost.Ptr object, 2: Call after = FIRST_CALL, 3: i32 max = PAGE_MAX)
    throws (1: Malformed malformed) (bifrost.idempotent),

  /** The highest ended incarnation of each node. */
  list<Holder> ended() (bifrost.idempotent),

  /** All snapshots. */
  list<Snapshot> snapshots() (bifrost.idempotent),

  /** How the server stands. */
  Metrics metrics() (bifrost.idempotent),

  /** What the server is. */
  Info info() (bifrost.idempotent),
}
