/**
 * Example services: a key-value store, and a counter that shows whether a call ran once.
 */
namespace * bifrost.example
namespace rs example

include "bifrost.thrift"

/** The longest key, in bytes. */
const i32 KEY_BYTES_MAX = 256

/** What a store that was told nothing else does. */
const Policy DEFAULT_POLICY = {"eviction": Eviction.OLDEST, "entries_max": 65536}

/** Which entry makes room for a new one. */
enum Eviction {
  /** None: a full store refuses new keys. */
  NONE = 0,
  /** The one that was written first. */
  OLDEST = 1,
  /** The one that was read least recently. */
  COLDEST = 2,
}

/** How a store behaves. */
struct Policy {
  /** Which entry makes room for a new one. */
  1: required Eviction eviction = Eviction.NONE,
  /** How many entries it holds at most. */
  2: required i32 entries_max = 1024,
  /** Seconds after which an entry is dropped; never if absent. */
  3: optional i64 lifetime_s,
}

/** What is stored under a key. */
union Value {
  /** Text. */
  1: string text,
  /** Bytes. */
  2: binary data,
  /** A number. */
  3: i64 number,
  /** Several values. */
  4: list<Value> items,
  /** Data in global memory. */
  5: bifrost.Ptr pointer,
}

/** A value with what is known about it. */
struct Entry {
  /** Its key. */
  1: required string key,
  /** The value. */
  2: required Value value,
  /** How often it was written. */
  3: required i64 version = 1,
  /** Words to find it by. */
  4: optional set<string> labels,
}

/** What a service says about itself. */
struct Status {
  /** Its name. */
  1: required string service,
  /** Calls it has answered. */
  2: required i64 calls = 0,
  /** Numbers that are particular to it. */
  3: map<string, double> gauges,
}

/** There is no entry with this key. */
exception NotFound {
  /** The key. */
  1: required string key,
}

/** The store refuses what it was asked to do. */
exception Refused {
  /** Why. */
  1: string reason = "refused",
  /** The version that the entry has, where that is the reason. */
  2: optional i64 version,
}

/** What every service of this file answers. */
service Health {
  /** Says how the service is. */
  Status status() (bifrost.short, bifrost.idempotent),

  /** Asks the service to write a line to its log. */
  oneway void note(1: string line),
}

/** A key-value store. */
service Store extends Health {
  /** The entry with this key. */
  Entry get(1: string key) throws (1: NotFound missing) (bifrost.short, bifrost.idempotent),

  /**
   * Stores a value and returns its new version.
   *
   * With `expected`, only if the entry has this version now; 0 stands for no entry.
   */
  i64 put(1: string key, 2: Value value, 3: i64 expected = -1) throws (1: Refused refused)
    (bifrost.on_failure = "recover"),

  /** Removes an entry. */
  void remove(1: string key) throws (1: NotFound missing, 2: Refused refused),

  /** The entries that have all these labels, by key. */
  map<string, Entry> find(1: set<string> labels) (bifrost.idempotent),
}

/** A number. Adding to it twice instead of once shows. */
service Counter {
  /** Adds to the number and returns it. */
  i64 add(1: i64 delta) (bifrost.short),

  /** The number. */
  i64 value() (bifrost.short, bifrost.idempotent),
}
