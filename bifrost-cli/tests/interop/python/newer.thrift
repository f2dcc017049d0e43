/**
 * `idl/interop.thrift` as a later version might be: more fields, variants, arguments and methods. A peer that knows
 * only the older one passes over what is new.
 */
namespace rs newer

struct Versioned {
  1: string first,
  2: i32 number,
  3: Kind kind,
  4: list<Part> parts,
  5: map<string, list<Part>> by_name,
  6: optional set<double> reals,
  7: list<Kind> kinds,
  8: binary bytes,
  9: string last,
  10: bool flag,
  30000: Part far,
}

struct Part { 1: required string name, 2: list<list<i64>> grid, 3: bool flag }

union Kind { 1: string text, 2: i32 number, 3: Part part, 4: bool flag }

/** A service of the same name on the wire. */
service Interop {
  Versioned echo_versioned(1: Versioned value, 2: string more, 300: map<i32, list<Part>> parts),
  string unheard_of(1: Versioned value, 2: i32 number),
  oneway void unheard_of_oneway(1: Versioned value),
  i32 need(1: string value),
}
