namespace * everyone
include "users/types.thrift"
include "names.thrift"
service Users extends names.Names { types.User find(1: names.Kind kind) }
