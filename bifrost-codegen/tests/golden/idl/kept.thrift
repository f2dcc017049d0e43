/** What the options change: maps, sets, binaries, members that nobody knows. */

struct Holder {
  1: map<string, set<i32>> sets,
  2: set<Key> keys = [{"parts": ["a"]}],
  3: map<set<i32>, map<i8, binary>> by_set,
  4: binary data = "d",
  5: optional string someName (k = "v"),
  6: required Parts parts,
  7: list<Parts> more = [["p"]],
  8: double ratio = 0.5,
  9: Tint tint = Tint.BLUE,
  10: uuid id,
}
/** A key holds ordered containers, whatever the option. */
struct Key { 1: set<string> parts, 2: optional binary bytes, 3: i32 unknown_fields }
struct Outer { 1: Holder holder, 2: optional Outer outer }
struct Plain { 1: i32 a = 7, 2: list<string> b }
struct Strict { 1: required i32 a, 2: i32 b = 2, 3: Plain plain }
typedef set<string> Parts
enum Tint { RED, BLUE = 5 }
union Any { 1: binary data, 2: Holder holder, 3: i64 unknown, 4: Any any }
union Nil {}
exception Failed { 1: string message, 2: Any cause }
const Holder HOLDER = {"parts": ["x"], "sets": {"a": [1, 2]}, "by_set": {[1]: {2: "b"}}}
service Keeper {
  Holder keep(1: Holder holder, 2: binary data, 3: Any any = {"data": "e"}) throws (1: Failed failed)
  binary echo(1: binary data)
}
