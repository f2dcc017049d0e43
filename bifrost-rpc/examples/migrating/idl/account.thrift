/** What services share. */

/** Who asks. */
struct Customer {
  1: required i64 id,
  2: optional string name,
  3: set<string> tags,
}

/** A customer may not do this. */
exception Refused {
  1: string reason,
  2: i32 code = 403,
}

service Base {
  /** The name of the service. */
  string name(),
}
