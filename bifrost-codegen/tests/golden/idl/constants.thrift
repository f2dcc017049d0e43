/** Constants of every type. */

include "fields.thrift"
include "const.thrift"

const bool YES = true
const bool NO = 0
const i8 SMALL = -128
const i16 PORT = 0x1F90
const i32 count = 7
const i64 LARGE = -9223372036854775808
const double RATIO = 1.5
const double BIG = 1e300
const double WHOLE = 3
const string TEXT = 'it\'s "quoted" \\ {braces} \r\n'
const string EMPTY = ""
const binary BYTES = "\x00\x7f\xff'\"\\"
const uuid ID = "{6BA7B810-9DAD-11D1-80B4-00C04FD430C8}"
const fields.Color COLOR = fields.Color.BLUE
const fields.Color SAME = COLOR
const i32 NUMBER_OF_COLOR = fields.Color.BLUE
const Seconds WAIT = count
typedef i32 Seconds
typedef double Meters
const Meters LENGTH = RATIO
const list<i32> NUMBERS = [1, 2, count, const.in]
const list<i32> MANY = [1000001, 1000002, 1000003, 1000004, 1000005, 1000006, 1000007, 1000008, 1000009, 1000010, 1000011, 1000012]
const list<string> LONG = ["a text of some length", "another text of some length", "a third text of some length"]
const list<list<string>> LISTS = [["a", TEXT], [], ["b"]]
const set<i32> SET = [3, 1, 2,]
const map<string, i32> MAP = {"a": 1; "b": 2}
const map<string, list<fields.Point>> POINTS = {"one": [{"x": 1.5, "y": -2}], "none": []}
const list<i32> NO_NUMBERS = {}
const map<i32, i32> NO_PAIRS = {}
const fields.Point ORIGIN = {"x": 0, "y": 0}
const fields.Point PARTLY = {"y": 9}
const fields.Shape CIRCLE = {"circle": RATIO}
const fields.Shape SHAPES = {"several": [{"corner": ORIGIN}, {"pixels": BYTES}, CIRCLE]}
const fields.Required REQUIRED = {"a": 1, "b": "b", "c": ["c", BYTES], "p": {}}
const fields.Nobody NOBODY = {}
