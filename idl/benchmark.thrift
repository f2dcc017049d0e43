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
