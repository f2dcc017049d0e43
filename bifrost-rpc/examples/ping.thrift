/** The smallest service. */
service Ping {
  /** Returns at once. */
  void ping() (bifrost.short),
}
