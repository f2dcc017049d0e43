/** Names that mean something in Rust, and names that collide. */

include "const.thrift"

enum Ok { Err, None = 5, Some = -1, err, ENUM_VALUES }
struct Error { 1: required string Result, 2: optional Option option }
struct From { 1: Vec Box }
struct String { 1: required string value }
struct Result { 1: Box ok, 2: Ok err = Ok.Some }
struct Option { 1: list<Default> defaults, 2: map<String, Vec> map = {{"value": "k"}: {"bytes": "v"}} }
struct Box { 1: i32 x, 2: string s = "s" }
struct Vec { 1: binary bytes, 2: list<binary> more }
struct Default { 1: optional Box box }
struct Into { 1: optional i32 self, 2: i32 Self, 3: bool r, 4: i8 w, 5: string field_type }
struct ToOwned { 1: string crate = "x" }
struct Encode { 1: i32 a } struct Decode { 1: Encode e } struct Reader { 1: Decode d } struct Writer {}
struct TType {} struct Method {} struct Answer {} struct Channel {} struct Send {} struct Sync {}
struct W {} struct R {} struct H {} struct IP {} struct OP {} struct C {} struct Duration {} struct TSerializable {}
typedef i32 thrift
typedef i64 u8
typedef string str
typedef list<str> some_list
exception type { 1: required thrift fn, 2: u8 gen }
exception Box_Error { 1: Box async }

struct Collide { 1: i32 fooBar, 2: i32 foo_bar, 3: i32 FooBar, 4: i32 _, 5: i32 x_ }
struct collide { 1: some_list names }
union Either { 1: Ok left_side, 2: i32 leftSide, 3: Empty Self, 4: const.const_ other }
union Empty {}
struct PingClient { 1: i32 a }
const i32 PING_PING = 1
const i32 foo_bar = 2
const i32 fooBar = 3
const list<i32> Some = [1, 2, 3]

service Ping {
  void ping()
  void type(1: i32 self, 2: i32 fn, 3: i32 args, 4: i32 call, 5: i32 compat)
  void new()
  void connect(1: string url)
  void with_deadline(1: i64 deadline)
  String start_ping(1: Error header, 2: Result out, 3: Option handler) throws (1: type result_value, 2: Box_Error error)
  Result result(1: W w, 2: R r, 3: H h)
  oneway void gen(1: Empty _)
  i32 addOne(1: i32 x) i32 add_one(1: i32 x)
  void from_it(1: Into into) (bifrost.idempotent)
}

service keyword_service extends Ping {}
service Box extends keyword_service { bool match(1: bool a, 2: binary b = "\"\x00", 3: Ok e = Ok.None) (bifrost.short) }
