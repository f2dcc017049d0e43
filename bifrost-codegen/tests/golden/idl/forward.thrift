/** Uses before definitions, and fields behind a pointer. */

service Early {
  Point move(1: Point point, 2: list<Point> more, 3: Shade shade) throws (1: Lost lost)
}
typedef Point Place
typedef list<Point> Places
struct Drawing {
  1: required Point origin,
  2: Shade shade = Shade.DARK,
  3: Place place = {"x": 1},
  4: Places places,
  5: map<Shade, list<Point>> by_shade,
  6: Point & behind,
  7: i32 & number,
  8: required Own & own,
  9: Seconds seconds,
}
struct Point { 1: i32 x, 2: i32 y }
enum Shade { LIGHT, DARK }
typedef i32 Seconds
exception Lost { 1: Point where }
struct Own { 1: optional Own & own, 2: list<Own> more }
struct First { 1: optional Second second }
struct Second { 1: optional Third third, 2: optional First first }
struct Third { 1: optional First first, 2: optional Third third }
union Choice { 1: Choice choice, 2: Box box, 3: i32 unknown }
struct Box { 1: required Choice choice }
const Drawing DRAWING = {"origin": {"x": 1, "y": 2}, "own": {"more": [{}]}, "places": [{"y": 3}]}
