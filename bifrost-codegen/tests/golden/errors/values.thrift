enum Color { RED = 1 }
struct Point { 1: required i32 x, 2: i32 y }
union Either { 1: i32 a, 2: i32 b }
const i8 TOO_LARGE = 128
const i32 TEXT = "5"
const string NUMBER = 5
const bool TRUTH = -1
const double LIST = []
const list<i32> INNER = [1, "two", 300, 1.5]
const map<string, i8> MAP = {"a": 1000, 2: 3}
const uuid ID = "not a uuid"
const string BYTES = "\xff"
const Color PURPLE = Color.PURPLE
const Color TWO = 2
const Point MISSING = {"y": 1}
const Point UNKNOWN = {"x": 1, "z": 1, "x": 2}
const Either BOTH = {"a": 1, "b": 2}
const i32 UNDEFINED = UNDEFINDE
const string OTHER_TYPE = FIVE
const i32 FIVE = 5
const i32 LOOP = LOOP
struct Defaults { 1: i16 port = 70000, 2: Color color = "RED" }
struct Self { 1: Self self = {} }
