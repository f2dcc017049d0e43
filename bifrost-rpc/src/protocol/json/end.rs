//! Where a JSON text ends, told while its bytes still come.

use crate::protocol::error;

/// White space between tokens.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The bytes of numbers and their names: `NaN`, `-Infinity`, and what some writers make of them.
pub(super) fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// What a byte says about the end of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The text has not begun: white space.
    Before,
    /// The byte is part of the text, and more follow.
    Within,
    /// The byte is the last of the text.
    Last,
    /// The text ended with the byte before; only a bare number does.
    Past,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    /// In arrays and objects, or in a bare string that has ended.
    Between,
    /// In a string; whether the next byte is escaped.
    String {
        is_escaped: bool,
    },
    Number,
}

/// Passes over one text: an array, an object, a string or a number. Counts brackets, whatever their kind, and leaves
/// all else to the reader. Takes constant memory.
#[derive(Debug)]
pub(crate) struct EndFinder {
    state: State,
    /// Arrays and objects that are open.
    depth: usize,
}

impl EndFinder {
    pub(crate) fn new() -> Self {
        Self { state: State::Before, depth: 0 }
    }

    /// Whether the text so far is a bare number, which the end of the input ends.
    pub(crate) fn is_number(&self) -> bool {
        self.state == State::Number
    }

    /// Takes the next byte.
    pub(crate) fn push(&mut self, byte: u8) -> thrift::Result<Progress> {
        match self.state {
            State::Before if is_space(byte) => return Ok(Progress::Before),
            State::Number if is_of_number(byte) => {}
            State::Number => return Ok(Progress::Past),
            State::String { is_escaped: true } => self.state = State::String { is_escaped: false },
            State::String { is_escaped: false } => match byte {
                b'\\' => self.state = State::String { is_escaped: true },
                b'"' => return Ok(self.close()),
                _ => {}
            },
            State::Before | State::Between => match byte {
                b'"' => self.state = State::String { is_escaped: false },
                b'[' | b'{' => {
                    self.depth += 1;
                    self.state = State::Between;
                }
                b']' | b'}' => {
                    self.depth = self.depth.checked_sub(1).ok_or_else(|| error::invalid("a bracket closes nothing"))?;
                    return Ok(self.close());
                }
                _ if self.depth > 0 => {}
                _ if is_of_number(byte) => self.state = State::Number,
                _ => return Err(error::invalid("no JSON value begins so")),
            },
        }
        Ok(Progress::Within)
    }

    /// A string or a bracket ended here.
    fn close(&mut self) -> Progress {
        self.state = State::Between;
        if self.depth == 0 { Progress::Last } else { Progress::Within }
    }
}
