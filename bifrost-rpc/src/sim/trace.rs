//! The last events of a run, kept as they are and written out only when somebody looks.

use crate::wire::{Header, PacketType};
use std::collections::VecDeque;
use std::time::Duration;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Sent,
    Lost,
    Cut,
    TooLarge,
    Corrupted,
    NobodyThere,
    Arrived,
    BufferFull,
    Forged,
    OfControl,
    Held,
    NoRight,
}

impl Fate {
    const fn text(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Lost => "LOST",
            Self::Cut => "lost: PARTITION",
            Self::TooLarge => "lost: PATH MTU",
            Self::Corrupted => "CORRUPTED",
            Self::NobodyThere => "lost: nobody there",
            Self::Arrived => "arrives",
            Self::BufferFull => "lost: SOCKET FULL",
            Self::Forged => "FORGED",
            Self::Held => "is kept by the control plane",
            Self::NoRight => "lost: NO RIGHT",
            Self::OfControl => "of the control plane",
        }
    }
}

#[derive(Debug, Clone)]
enum Line {
    Packet { from: usize, to: usize, header: Header, fate: Fate },
    Text(String),
}

/// A ring of lines.
#[derive(Debug)]
pub(super) struct Trace {
    lines: VecDeque<(u64, Line)>,
    max: usize,
    /// A running hash of everything that was ever written, to compare runs.
    pub(super) digest: u64,
}

impl Trace {
    pub(super) fn new(max: usize) -> Self {
        Self { lines: VecDeque::new(), max, digest: 0 }
    }

    fn push(&mut self, now: u64, line: Line) {
        if self.max == 0 {
            return;
        }
        if self.lines.len() == self.max {
            self.lines.pop_front();
        }
        self.lines.push_back((now, line));
    }

    fn digest(&mut self, value: u64) {
        self.digest = super::rng::mix(self.digest ^ value).wrapping_add(value);
    }

    pub(super) fn packet(&mut self, now: u64, from: usize, to: usize, header: Option<&Header>, fate: Fate) {
        self.digest(now ^ (fate as u64) << 56);
        if let Some(header) = header {
            self.digest(header.packet ^ header.rpc << 32 ^ (header.kind as u64) << 24);
            self.push(now, Line::Packet { from, to, header: *header, fate });
        }
    }

    pub(super) fn text(&mut self, now: u64, text: impl FnOnce() -> String) {
        self.digest(now);
        if self.max > 0 {
            self.push(now, Line::Text(text()));
        }
    }

    /// The lines, oldest first.
    pub(super) fn render(&self) -> Vec<String> {
        self.lines.iter().map(|(now, line)| format!("{:>14?}  {}", Duration::from_nanos(*now), text(line))).collect()
    }
}

fn text(line: &Line) -> String {
    let (from, to, header, fate) = match line {
        Line::Text(text) => return text.clone(),
        Line::Packet { from, to, header, fate } => (from, to, header, fate),
    };
    let kind = format!("{:?}", header.kind).to_uppercase();
    let mut out = format!("n{from} → n{to}  {kind:<9} #{}", header.packet);
    if header.rpc != 0 {
        let name = if matches!(header.kind, PacketType::Open | PacketType::Opened) { "nonce" } else { "rpc" };
        out += &format!(" {name} {}", if name == "nonce" { header.rpc % 10_000 } else { header.rpc });
    }
    if header.session != 0 {
        out += &format!(" session {:04x}", header.session >> 48);
    }
    if header.lowest != 0 {
        out += &format!(" lowest {}", header.lowest);
    }
    if header.message_len > 0 {
        out += &format!(" {}+{} of {}", header.offset, header.body_len, header.message_len);
    }
    out + "  " + fate.text()
}
