typedef binary (bifrost.ref) Blob
typedef set<Holder> Holders
const list<i32 (bifrost.ref)> NUMBERS = [1]
const i32 (bifrost.ref) NUMBER = 1
struct Holder { 1: binary data (bifrost.ref) }
struct Around { 1: list<Holder> holders }
exception X { 1: binary data (bifrost.ref) }
struct Places {
  1: set<binary (bifrost.ref)> a,
  2: map<binary (bifrost.ref), i32> b,
  3: set<Around> c,
  4: list<map<string, map<Around, i32>>> d,
  5: list<uuid (bifrost.ref)> e,
  6: list<binary (bifrost.ref = "maybe")> f,
  7: binary (bifrost.ref) fine,
}
service S {
  set<Holder> get(1: map<Holder, i32> holders) throws (1: X x (bifrost.ref)),
  void fine(1: map<i32, Holder> holders)
  Holder fine_too() (bifrost.ref)
  void nothing() (bifrost.ref)
  uuid pointer() (bifrost.ref)
}
