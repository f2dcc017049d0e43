/**
 * The rest of the grammar: what means nothing here, and is read all the same.
 */
include "fields.thrift"
cpp_include "<unordered_map>"
cpp_include "own.h"
namespace * golden.grammar
namespace rs golden.grammar
namespace py.twisted golden.grammar (bare)

# A comment.
// Another.
/* A third,
   over two lines. */

typedef map cpp_type "std::unordered_map<std::string, int>" <string (key), i32 (value = "v")> (cpp.template = "t") Table (typedef_annotation)
typedef list<list<i32> (inner = "list")> (outer = 'list') Nested
typedef set cpp_type 'std::unordered_set<int64_t>' <i64> Ids
typedef string (python.immutable) Text, typedef string Words;

enum Hex { ZERO = 0x0, TEN = 0xA (k = "v"), LOW = -0x10, NEXT, MAX = 2147483647; MIN = -2147483648 } (enum_annotation = "e")
enum Same { A = 1, B = 1, C }
enum None_ {}

struct Schema xsd_all {
  1: i32 optional_one xsd_optional
  2: i32 nillable = 5 xsd_nillable,
  3: string attributes xsd_optional xsd_nillable xsd_attrs { 1: i32 ignored = 3, 2: string ignored_too } (k = "v");
  4: required string (on = "type") text = "é\t\\ \"both' quotes\"" (on = "field", bare),
} (on = "struct")

struct Keywords {
  1: i32 async 2: i32 await 3: i32 dyn 4: i32 gen 5: i32 try 6: i32 abstract 7: i32 become 8: i32 box 9: i32 do
  10: i32 final 11: i32 macro 12: i32 override 13: i32 priv 14: i32 typeof 15: i32 unsized 16: i32 virtual 17: i32 yield
  18: i32 self 19: i32 Self 20: i32 super 21: i32 crate 22: i32 static 23: i32 union 24: i32 raw 25: i32 safe 26: i32 macro_rules
  27: i32 id 28: i32 value 29: i32 fields 30: i32 unknown_fields 31: i32 w 32: i32 r 33: i32 field_type
}

exception Annotated { 1: string (a) message (b = "c"); } (exception_annotation)
union Doubled { 1: double d (on = "field") 2: map<double, set<double>> more } (union_annotation)

const uuid ID = '00112233-4455-6677-8899-AABBCCDDEEFF';
const Doubled UNION = {"more": {1.5: [2, -0.5e-3]}}, const Hex TEN = Hex.TEN
const map<Hex, fields.Shape> SHAPES = {Hex.TEN: {"circle": 1}, 0: {"pixels": ""}} (const_annotation);
const i64 BIG = 0x7FFFFFFFFFFFFFFF
const double SMALL = 1E-7
const list<fields.Color> COLORS = [fields.Color.RED, fields.Color.BELOW; 3]

typedef list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<i32>>>>>>>>>>>>>>>> Deep16
typedef list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<Deep16>>>>>>>>>>>>>>>> Deep32
struct VeryDeep {
  1: list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<Deep32>>>>>>>>>>>>>>>> deep
  2: map<Deep16, Deep16> by_depth
}

service Annotations {
  async void old_oneway(1: i32 x) (method_annotation = "m");
  oneway void no_fields()
  i32 (on = "result") add(1: i32 (on = "type") a = 1 (on = "field"), required i32 b, optional i32 c) throws (1: Annotated (t) failed (u)) (k, v = "w"),
  Keywords match(1: i32 async, 2: i32 await, 3: i32 dyn, 4: i32 try, 5: Keywords self)
} (service_annotation)
