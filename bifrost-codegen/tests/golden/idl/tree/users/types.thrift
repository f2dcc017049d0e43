include "../shapes/types.thrift"
include "../names.thrift"
struct User { 1: names.Name name, 2: types.Square square, 3: list<types.Square> more }
const types.Square UNIT = {"side": 1}
