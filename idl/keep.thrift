/** A service whose callee keeps what it was passed, for as long as whoever runs it wants. Tests of racks use it. */

namespace rs keep

service Keep {
  /** What `data` holds, in a new array. */
  binary (bifrost.ref) look(1: binary data (bifrost.ref)),
}
