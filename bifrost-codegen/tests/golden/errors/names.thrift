include "nowhere.thrift"
include "other.thrift"

typedef Strin Text
typedef Other.Thing Thing
typedef other.Thin Thin
typedef missing.Thing Missing
struct Twice { 1: i32 a, 1: i32 b, 2: i32 a, 40000: i32 c }
struct Twice {}
enum E { A, B = 1, A, C = 2147483648 }
service S extends Nobody { void f(), void f() }
typedef Loop1 Loop2
typedef list<Loop2> Loop1
service Circle1 extends Circle2 {}
service Circle2 extends Circle1 {}
