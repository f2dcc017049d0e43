/**
 * The services that the benchmarks call.
 */
namespace * bifrost.benchmark
namespace rs benchmark

/** A round trip and nothing else. */
service Ping {
  /** Returns at once. */
  void ping() (bifrost.short),
}

/** A round trip that carries data. */
service Echo {
  /** Returns `data` as it is. */
  binary echo(1: binary data) (bifrost.short),
}

/**
 * Work on arrays of bytes.
 *
 * Arithmetic wraps around: 127 and 1 make -128, and 255 and 1 make 0, which are the same bits.
 */
service Arrays {
  /** Adds `amount` to each byte of `data`. */
  binary increment(1: binary data, 2: i8 amount) (bifrost.short),

  /**
   * Adds two arrays byte by byte. The sum is as long as the shorter of the two.
   */
  binary add(1: binary a, 2: binary b) (bifrost.short),

  /** As `increment`, on a list instead of a `binary`. */
  list<byte> increment_list(1: list<byte> data, 2: byte amount) (bifrost.short),
}

/**
 * Services that call each other in turn, each with the array that it was given.
 */
service Chain {
  /**
   * Reads 4 KiB of `data` from `offset` on (less of an array that is shorter), and has the next service read where these
   * bytes say. Returns a number that depends on all that was read.
   */
  i64 visit(1: binary data, 2: i32 offset),
}

/** `Arrays` by reference: arrays that may be in global memory. A result is a new array, which is the caller's. */
service SharedArrays {
  /** Adds `amount` to each byte of `data`. */
  binary (bifrost.ref) increment(1: binary data (bifrost.ref), 2: i8 amount) (bifrost.short),

  /** Adds two arrays byte by byte. The sum is as long as the shorter of the two. */
  binary (bifrost.ref) add(1: binary a (bifrost.ref), 2: binary b (bifrost.ref)) (bifrost.short),
}

/**
 * `Chain` by reference: the array, of `length` bytes, may be in global memory.
 *
 * A call takes so little time that it is short, with all the calls that it makes.
 */
service SharedChain {
  /** As `Chain.visit`. */
  i64 visit(1: binary data (bifrost.ref), 2: i64 length, 3: i32 offset) (bifrost.short),
}
