/** Forward references in any order; boxes only where a type holds itself. */

struct Uses { 1: Later later, 2: required list<Later> list, 3: optional Tree tree }
struct Later { 1: i32 x }
struct Tree { 1: optional Tree left, 2: optional Tree right, 3: list<Tree> more, 4: i32 value, 5: Alias other }
typedef Tree Alias
typedef list<Forest> Forests
struct Forest { 1: Forests forests, 2: map<string, Forest> named, 3: required binary name }
struct Even { 1: optional Odd odd, 2: required string name }
struct Odd { 1: optional Even even, 2: set<Even> evens }
union Expression { 1: i64 number, 2: Sum sum, 3: Expression negated, 4: list<Expression> product }
struct Sum { 1: required Expression left, 2: required Expression right }
const Expression TWO = {"sum": {"left": {"number": 1}, "right": {"negated": {"number": -1}}}}
const Tree LEAVES = {"left": {"value": 1}, "more": [{"value": 2}, {"value": 3}]}
