// A file name that is a keyword, without a doc comment.
const i32 in = 3
struct const_ { 1: i32 a }
