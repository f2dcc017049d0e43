include "other.thrift"
struct Plain {}
exception X { 1: i32 a }
service Base { void taken() }
service S extends Base {
  oneway i32 answers(),
  oneway void throws_it() throws (1: X x),
  void throws_struct() throws (1: Plain p, 2: string s),
  void zero() throws (0: X x),
  void taken(),
  void f(1: Missing a, 1: i32 b)
  uuid (bifrost.ref) pointer(1: other.Pointer p (bifrost.ref)),
  void policy() (bifrost.on_failure = "retry"),
  void no_policy() (bifrost.on_failure),
  void typo() (bifrost.shrot),
  void short(1: i32 a (bifrost.short)) (bifrost.short = "maybe")
}
struct Marked { 1: uuid id (bifrost.ref) } (bifrost.idempotent)
