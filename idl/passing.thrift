/**
 * What the benchmark of a rack calls.
 */
namespace * bifrost.passing
namespace rs passing

/** Passes pointers, and looks at no data behind them. */
service Passing {
  /** Makes so many objects, for `exchange`. */
  void stock(1: i32 objects),

  /** Takes a pointer, and gives one of the objects away. */
  binary (bifrost.ref) exchange(1: binary data (bifrost.ref)) (bifrost.short),

  /** The number of the process that serves. */
  i64 process() (bifrost.short),
}
