/** A service with one method of each kind. */

/** There is no quotient. */
exception DivisionByZero {
  /** What was to be divided. */
  1: required i32 dividend,
}

/** Computes, and counts. */
service Calculator {
  /** The sum. */
  i32 add(1: i32 left, 2: i32 right),

  /** The quotient. */
  i32 divide(1: i32 dividend, 2: i32 divisor) throws (1: DivisionByZero zero),

  /** The text so often, one after another. */
  list<string> repeat(1: string text, 2: i32 times),

  /** What it is given. */
  binary echo(1: binary data),

  /** Adds to a count. */
  oneway void note(1: i32 by),

  /** The count. */
  i32 noted(),
}
