struct A {
  1: i32
  2: i32 fine,
  3 i32 colon,
  4: list<i32 bracket
}
enum { X }
senum Old { "a" }
const i32 Y 5
service S {
  void f(1: i32 a
  void g(),
}
struct a.b { 1: string s = "open
}
struct B { 1: i32 good, 2: @ i32 bad, 3: i32 c = 99999999999999999999 }
oops
typedef list<i32 Unclosed
