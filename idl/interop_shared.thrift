/**
 * What the service of the interoperation tests inherits and borrows from another file.
 */
namespace rs interop_shared

/** Tells apart what several clients record. */
typedef i64 Token

/** What a call that is told nothing else counts by. */
const i32 STEP = 3

/** An enum of another file. */
enum Level { LOW = -1, MIDDLE, HIGH = 1000 }

/** Part of maps' keys, so that Python has to keep it from changing. */
struct Point {
  1: required double x,
  2: required double y = -0.5,
} (python.immutable = "")

/** An exception of another file. */
exception Failed {
  1: string reason = "failed",
  2: optional Level level,
}

/** What is inherited. */
service InteropBase {
  /** Neither arguments nor result. */
  void nothing() (bifrost.short),

  /** Adds to the count of a token; nobody is told. */
  oneway void record(1: Token token, 2: i32 times = STEP),

  /** The count of a token. */
  i64 recorded(1: Token token) throws (1: Failed failed) (bifrost.idempotent),
}
