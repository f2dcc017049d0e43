/**
 * Everything that Thrift can say but `uuid`, which older compilers do not know: what the tests of interoperation with
 * other languages call. `interop_uuid.thrift` has the rest.
 */
namespace rs interop

include "interop_shared.thrift"

/** Values are named, negative and far apart. */
enum Color { RED = 1, GREEN, BLUE = 0x10, BELOW = -7, FARTHEST = 2147483647, NEAREST = -2147483648 }

const i32 ANSWER = 42
const double RATIO = -2.5e-3
const string QUOTED = "a \"quoted\" text"
const list<i32> PRIMES = [2, 3, 5, 7]
const map<string, list<Color>> PALETTE = {"warm": [Color.RED], "none": []}

typedef list<map<string, interop_shared.Level>> Levels

struct Empty {}

/** Whatever is absent is nothing, or what Apache's generators put there. */
struct Scalars {
  1: bool flag,
  2: i8 small,
  3: i16 medium,
  4: i32 number,
  5: i64 large,
  6: double real,
  7: string text,
  8: binary bytes,
  9: Color color,
  10: interop_shared.Token token,
}

/** All of it has to be there. */
struct Required {
  1: required bool flag,
  2: required i8 small,
  3: required i16 medium,
  4: required i32 number,
  5: required i64 large,
  6: required double real,
  7: required string text,
  8: required binary bytes,
  9: required Color color,
  10: required Empty empty,
  11: required list<i32> numbers,
}

/** Any of it may be absent. */
struct Optional {
  1: optional bool flag,
  2: optional i8 small,
  3: optional i16 medium,
  4: optional i32 number,
  5: optional i64 large,
  6: optional double real,
  7: optional string text,
  8: optional binary bytes,
  9: optional Color color,
  10: optional Scalars scalars,
  11: optional list<i32> numbers,
  12: optional set<string> words,
  13: optional map<i32, string> names,
}

/** Constants of every kind as defaults. */
struct Defaults {
  1: bool flag = true,
  2: i8 small = -128,
  3: i16 medium = 0x7fff,
  4: i32 number = ANSWER,
  5: i64 large = -9223372036854775807,
  6: double real = RATIO,
  7: string text = QUOTED,
  8: binary bytes = "bytes",
  9: Color color = Color.BLUE,
  10: required i32 must = 7,
  11: optional string may = "maybe",
  12: list<i32> numbers = [2, 3, 5, 7],
  13: set<string> words = ["b", "a"],
  14: map<string, list<Color>> palette = {"warm": [Color.RED], "none": []},
  15: interop_shared.Point point = {"x": 1.5},
  16: interop_shared.Level level = interop_shared.Level.HIGH,
}

union Choice {
  1: string text,
  2: i64 number,
  3: Scalars scalars,
  4: list<Choice> several,
  5: bool flag,
  6: binary bytes,
  7: Color color,
  8: Empty empty,
  9: map<string, i32> counts,
}

/** Lists, sets and maps of all that may be in them, and of one another. */
struct Containers {
  1: list<bool> flags,
  2: list<i8> smalls,
  3: list<i16> mediums,
  4: list<i32> numbers,
  5: list<i64> larges,
  6: list<double> reals,
  7: list<string> texts,
  8: list<binary> blocks,
  9: list<Color> colors,
  10: list<Scalars> structs,
  11: list<Choice> choices,
  12: list<Empty> empties,
  13: set<bool> flag_set,
  14: set<i8> small_set,
  15: set<i64> large_set,
  16: set<double> real_set,
  17: set<string> word_set,
  18: set<binary> block_set,
  19: set<Color> color_set,
  20: set<interop_shared.Point> point_set,
  21: map<bool, string> by_flag,
  22: map<i8, i8> by_small,
  23: map<i16, bool> by_medium,
  24: map<i32, i64> by_number,
  25: map<i64, double> by_large,
  26: map<double, i16> by_real,
  27: map<string, binary> by_text,
  28: map<binary, string> by_block,
  29: map<Color, Color> by_color,
  30: map<interop_shared.Point, Scalars> by_point,
  31: list<list<list<i32>>> deep_lists,
  32: map<string, map<i32, list<set<string>>>> deep_maps,
  33: list<map<i64, Choice>> maps,
  34: list<set<i32>> sets,
  35: Levels levels,
}

/** A type that holds itself. */
struct Tree {
  1: required string label,
  2: list<Tree> children,
  3: map<string, Tree> named,
}

/** Words that mean something to Rust. */
struct Keywords {
  1: i32 type,
  2: string match,
  3: bool fn,
  4: list<i32> impl,
  5: optional string r,
  6: required i64 mut = 1,
}

/** Ids out of order and far apart. */
struct Ids {
  32767: i32 last,
  300: bool far,
  1: string first,
  16: bool sixteenth,
  17: i16 seventeenth,
}

/** Ids given by the compiler, which are below zero. */
struct Implicit {
  list<bool> flags,
  string text,
  5: optional i16 numbered,
  i64 number,
}

/** `newer.thrift` of the tests knows more fields, variants and values of these. */
struct Versioned {
  2: i32 number,
  3: Kind kind,
  4: list<Part> parts,
  9: string last,
}

struct Part { 1: required string name }

union Kind { 1: string text, 2: i32 number }

exception Declined { 1: required i32 code, 2: string reason, 3: Color color = Color.RED }
exception Missing { 1: list<string> keys }
exception Bare {}

/** Values that may be in global memory; to any other Thrift they are plain. */
struct Marked {
  1: optional binary data (bifrost.ref),
  2: optional list<string (bifrost.ref)> texts,
  3: optional map<i32, list<i64> (bifrost.ref)> numbers,
  4: optional Scalars scalars (bifrost.ref),
}

service Interop extends interop_shared.InteropBase {
  bool echo_bool(1: bool value),
  i8 echo_i8(1: i8 value),
  i16 echo_i16(1: i16 value),
  i32 echo_i32(1: i32 value),
  i64 echo_i64(1: i64 value),
  double echo_double(1: double value),
  string echo_string(1: string value),
  binary echo_binary(1: binary value),
  Color echo_color(1: Color value),
  interop_shared.Token echo_token(1: interop_shared.Token value),
  Empty echo_empty(1: Empty value),
  Scalars echo_scalars(1: Scalars value),
  Required echo_required(1: Required value),
  Optional echo_optional(1: Optional value),
  Defaults echo_defaults(1: Defaults value),
  Choice echo_choice(1: Choice value),
  Containers echo_containers(1: Containers value),
  Tree echo_tree(1: Tree value),
  Keywords echo_keywords(1: Keywords value),
  Ids echo_ids(1: Ids value),
  Implicit echo_implicit(1: Implicit value),
  Versioned echo_versioned(1: Versioned value),
  Marked echo_marked(1: Marked value (bifrost.ref)) (bifrost.ref),
  binary (bifrost.ref) echo_marked_binary(1: binary value (bifrost.ref)),
  list<Scalars> echo_list(1: list<Scalars> value),
  set<string> echo_set(1: set<string> value),
  map<i32, list<map<string, set<i64>>>> echo_map(1: map<i32, list<map<string, set<i64>>>> value),

  /** The arguments as text, in their order, with the lengths of the last three. */
  string many(
    1: bool a, 2: i8 b, 3: i16 c, 4: i32 d, 5: i64 e, 6: double f, 7: string g, 8: binary h,
    9: Color i, 10: interop_shared.Point j, 32767: list<i32> k, 200: set<string> l, 201: map<string, i32> m,
  ),

  /** The sum; its names are Rust's keywords. */
  i32 loop(1: i32 type, 2: i32 self_, 3: i32 match),

  /** Answers with the number; a call without it breaks the protocol. */
  i32 need(1: required i32 value),

  /**
   * Fails as it is told.
   *
   * "declined", "missing", "bare" and "failed" are the declared exceptions; "application" is an application exception
   * of kind 8, "error" an error that nobody declared, "panic" a handler that breaks down. Anything else comes back.
   */
  string fail(1: string how) throws (
    1: Declined declined, 2: Missing missing, 3: interop_shared.Failed failed, 32000: Bare bare,
  ),

  /** As `fail`, without a result. */
  void fail_void(1: string how) throws (1: Declined declined),

  /** Adds one to the count of a token, then fails as `fail` does: nobody is told. */
  oneway void record_and_fail(1: interop_shared.Token token, 2: string how),
}
