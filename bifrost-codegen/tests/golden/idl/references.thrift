/** Where references to global memory may be. */
include "../../../../idl/bifrost.thrift"

typedef bifrost.Ptr Handle
struct Request {
  1: binary data (bifrost.ref),
  2: Handle handle,
  3: list<bifrost.Ptr> more,
  4: map<string, Inner> inner,
  5: i32 none,
}
struct Inner { 1: optional list<double> values (bifrost.ref), 2: Leaf leaf }
struct Leaf { 1: string text }
struct Chain { 1: bifrost.Ptr here, 2: optional Chain next }
exception Gone { 1: bifrost.Ptr which }
service Memory {
  binary (bifrost.ref) sum(1: binary a (bifrost.ref), 2: binary b (bifrost.ref), 3: i32 c) (bifrost.on_failure = "recover")
  void plain(1: Leaf leaf) (bifrost.short, bifrost.idempotent)
  Handle send(1: Request request) throws (1: Gone gone)
  Chain walk(1: Chain chain)
  oneway void drop(1: required bifrost.Ptr which)
}
service MoreMemory extends Memory { list<bifrost.Ptr> all() }

/** Every place where `(bifrost.ref)` may be. */
struct Album {
  1: required string title,
  2: list<binary (bifrost.ref)> pictures,
  3: optional map<string, list<double> (bifrost.ref)> by_name,
  4: list<list<Inner (bifrost.ref)>> deep,
  5: required Inner inner (bifrost.ref),
  6: i64 number = 7 (bifrost.ref),
  7: string text = "abc" (bifrost.ref),
  8: list<bool (bifrost.ref)> flags = [true, false],
}
struct Tree { 1: optional Tree left (bifrost.ref), 2: list<Tree (bifrost.ref)> more, 3: binary data (bifrost.ref) }
union Either { 1: binary large (bifrost.ref), 2: i32 small, 3: Inner inner }
exception Full { 1: binary rest (bifrost.ref), 2: required string why }
const Inner INNER = { "values": [1.0, 2.0] }

service Albums {
  Album (bifrost.ref) keep(1: Album album, 2: Either either (bifrost.ref)) throws (1: Full full)
  list<binary (bifrost.ref)> all(1: list<binary (bifrost.ref)> some = [], 2: binary one = "one" (bifrost.ref))
  map<i32, Tree> trees(1: Tree tree (bifrost.ref))
  oneway void note(1: binary data (bifrost.ref))
}
