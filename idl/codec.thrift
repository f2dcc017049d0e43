/**
 * The types that the codec benchmark encodes and decodes.
 */
namespace * bifrost.codec
namespace rs codec

/** Ten scalars and strings. */
struct Struct10 {
  1: required bool active,
  2: required i8 level,
  3: required i16 port,
  4: required i32 count,
  5: required i64 id,
  6: required double ratio,
  7: required string name,
  8: required string note,
  9: required i32 offset,
  10: required i64 stamp,
}

/** An enumeration. */
enum Color {
  RED = 1,
  GREEN = 2,
  BLUE = 3,
}

/** A small struct. */
struct Point {
  1: required i32 x,
  2: required i32 y,
  3: optional string label,
}

/** A union. */
union Shape {
  1: i64 circle,
  2: string name,
  3: list<i32> corners,
}

/** A field of every type. */
struct Everything {
  1: required bool truth,
  2: required i8 tiny,
  3: required i16 small,
  4: required i32 medium,
  5: required i64 large,
  6: required double real,
  7: required string text,
  8: required binary bytes,
  9: required uuid id,
  10: required Color color,
  11: required list<i32> numbers,
  12: required list<string> words,
  13: required list<Point> points,
  14: required list<list<i16>> nested,
  15: required set<i64> ids,
  16: required set<string> names,
  17: required map<string, i32> counts,
  18: required map<i32, list<string>> groups,
  19: required map<string, Point> places,
  20: required Point origin,
  21: required Shape shape,
  22: optional i32 present,
  23: optional i32 absent,
  24: optional string present_text,
  25: optional string absent_text,
  26: optional Point present_point,
  27: optional list<double> present_list,
  28: optional bool present_bool,
}

/** Many numbers. */
struct ListI32 {
  1: required list<i32> values,
}

/** Many strings by name. */
struct MapStr {
  1: required map<string, string> entries,
}

/** One large block. */
struct Blob {
  1: required binary data,
}
