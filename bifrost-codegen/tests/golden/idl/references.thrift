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
