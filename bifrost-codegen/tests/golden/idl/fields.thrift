/**
 * Ids, defaults and requiredness.
 *
 * With <angle> and [square] brackets, https://thrift.apache.org/docs/idl and
 *     an indented line, which is no code.
 */
namespace rs golden.fields

struct Implicit { i32 first, string second, 5: bool third, i32 fourth }
struct Negative { -7: i32 a, i32 b, 32767: required binary c, -32768: optional i8 d }

struct Defaults {
  1: bool truth = true
  2: byte small = -128
  3: i16 port = 0x1F90
  4: i32 count = 7
  5: i64 large = 9223372036854775807
  6: double ratio = 1.5
  7: double whole = 2
  8: string text = "a \"quoted\" text\twith\n\\ and 'ü' \x7f"
  9: binary bytes = '\x00\xffé"'
  10: uuid id = "00112233-4455-6677-8899-aabbccddeeff"
  11: Color color = Color.GREEN
  12: list<i32> numbers = [1, 2, 3]
  13: set<string> words = ["b", "a"]
  14: map<i32, list<Color>> colors = {1: [Color.RED, 3], 2: []}
  15: Point point = {"x": 1.5}
  16: Shape shape = {"circle": 2.5}
  17: optional i32 maybe = 5
  18: required i32 must = 6
  19: optional string none
  20: list<Point> points = [{"x": 1, "y": 2}, {"y": -0.5}]
}

/** Nothing is said: what Apache's generator takes. */
struct Silent {
  1: bool truth 2: i8 small 3: i16 port 4: i32 count 5: i64 large 6: double ratio 7: string text 8: binary bytes
  9: uuid id 10: Color color 11: list<i32> numbers 12: set<string> words 13: map<i32, i32> pairs 14: Point point
}

struct Required { 1: required i32 a, 2: required string b, 3: required list<binary> c, 4: required Point p }

struct NewerPoint { 1: double x, 2: string y, 3: map<string, list<Point>> z, 4: Color color }

enum Color { RED = 2, GREEN, BLUE = 0x10, BEYOND, BELOW = -1 }

struct Point { 1: double x = 0.25, 2: double y }

union Shape { 1: double circle, 2: Point corner, 3: binary pixels, 4: list<Shape> several }

struct Keys {
  1: map<Point, i32> by_point
  2: map<double, Shape> by_double
  3: set<Shape> shapes
  4: map<list<i32>, set<map<i8, bool>>> by_list
  5: set<uuid> ids
  6: map<Color, binary> by_color
  7: map<Implicit, Keys> by_struct
}

struct Nothing {}
exception Nobody {}

struct Deep {
  1: list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<i32>>>>>>>>>>>>>>>> lists
  2: map<string, map<string, map<string, map<string, map<string, map<string, set<list<Point>>>>>>>> a_name_that_is_long
  3: required map<list<set<map<i32, string>>>, list<map<string, set<binary>>>> required_and_rather_long_name
}

struct AStructWithARatherLongName {
  1: required i32 a_field_with_a_long_name_that_fills_the_line
  2: optional string another_field_with_a_long_name_that_fills_it = "and with a default that is long as well"
  3: optional list<AStructWithARatherLongName> the_name_of_a_field_that_holds_itself
  4: required binary data
}
