/** Services that extend services of other files, and all kinds of methods. */

include "fields.thrift"
include "base.thrift"

service Empty {}
service OnlyExtends extends base.Base {}

/** A service with its own documentation. */
service Rich extends OnlyExtends {
  /** With documentation. */
  fields.Point move(1: fields.Point from, 2: required double dx, 3: optional double dy, 4: i32 times = 1) (bifrost.short),
  binary concat(1: binary a, 2: list<binary> more) (bifrost.idempotent, bifrost.on_failure = "fate_share"),
  binary (bifrost.ref) by_reference(1: binary data (bifrost.ref), 2: list<i64> (bifrost.ref) more),
  list<fields.Shape> shapes(fields.Color color, set<fields.Shape> wanted) throws (1: fields.Nobody nobody, 2: base.Sorry sorry),
  void fails(1: i32 how) throws (1: base.Sorry sorry),
  uuid identify(1: uuid id),
  double half(1: double x),
  fields.Color next(1: fields.Color color),
  map<string, map<i32, list<fields.Shape>>> everything_and_more(1: map<string, map<i32, list<fields.Shape>>> all_of_it, 2: bool b, 3: byte c, 4: i16 d, 5: i32 e, 6: i64 f, 7: string g, 8: set<i32> h),
  oneway void forget(1: string what, 2: binary data),
  async void forget_all(),
}

/** A method whose name differs from an inherited one in nothing but its capitals. */
service Capitals extends base.Base { string Greet(1: string name) }

/** Members that do not stand by their ids. */
struct Shuffled { 2: i32 b, 1: i32 a }
struct Hand { 2: list<Shuffled> cards = [{"b": 20, "a": 10}], 1: i32 player }
union Swapped { 2: i32 second, 1: i32 first }
const map<string, Hand> DEALT = {"north": {"player": 1, "cards": [{"b": 2, "a": 1}]}}
service Ordered { i32 minus(2: i32 right, 1: i32 left) }
