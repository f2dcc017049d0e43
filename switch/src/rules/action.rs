//! What entries do.

use super::entry::text_of;
use super::rack::Mac;
use super::table::{Field, Form};
use std::fmt;
use std::net::Ipv6Addr;

/// An action of the rack's program, with its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "they are described where the program is")]
pub enum Action {
    Configure { memory_prefix: u8, mac: Mac },
    Admit,
    Block,
    Serve { service: u16, tracking: u8 },
    Deliver { port: u16, mac: Mac },
    DeliverTo { port: u16, mac: Mac, address: Ipv6Addr },
    Hold,
    AnswerAs { address: Ipv6Addr },
    Allow,
    Forward { port: u16 },
    Flood { group: u16 },
}

const PORT: Field = Field::new("port", 9, Form::Number);
const MAC: Field = Field::new("mac", 48, Form::Mac);
const ADDRESS: Field = Field::new("address", 128, Form::Ipv6);

impl Action {
    /// Its name in the program.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Configure { .. } => "configure",
            Self::Admit => "admit",
            Self::Block => "block",
            Self::Serve { .. } => "serve",
            Self::Deliver { .. } => "deliver",
            Self::DeliverTo { .. } => "deliver_to",
            Self::Hold => "hold",
            Self::AnswerAs { .. } => "answer_as",
            Self::Allow => "allow",
            Self::Forward { .. } => "forward",
            Self::Flood { .. } => "flood",
        }
    }

    /// Its parameters.
    pub fn parameters(&self) -> &'static [Field] {
        parameters(self.name()).unwrap_or_default()
    }

    /// The values of its parameters.
    pub fn data(&self) -> impl Iterator<Item = u128> + use<> {
        let mac = |mac: &Mac| Some(u128::from(mac.to_bits()));
        let number = |number: u16| Some(u128::from(number));
        let values = match self {
            Self::Configure { memory_prefix, mac: of } => [number((*memory_prefix).into()), mac(of), None],
            Self::Serve { service, tracking } => [number(*service), number((*tracking).into()), None],
            Self::Deliver { port, mac: of } => [number(*port), mac(of), None],
            Self::DeliverTo { port, mac: of, address } => [number(*port), mac(of), Some(address.to_bits())],
            Self::AnswerAs { address } => [Some(address.to_bits()), None, None],
            Self::Forward { port } => [number(*port), None, None],
            Self::Flood { group } => [number(*group), None, None],
            Self::Admit | Self::Block | Self::Hold | Self::Allow => [None; 3],
        };
        values.into_iter().flatten()
    }

    /// The values of its parameters as they are written, with their names.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        self.parameters().iter().zip(self.data()).map(|(field, value)| (field.name, text_of(field, value)))
    }

    /// The action of this name with these data; none if the program has no such action, or a value does not fit.
    pub fn of(name: &str, data: &[u128]) -> Option<Self> {
        let port = |at: usize| u16::try_from(*data.get(at)?).ok();
        let byte = |at: usize| u8::try_from(*data.get(at)?).ok();
        let mac = |at: usize| Some(Mac::from_bits(u64::try_from(*data.get(at)?).ok()?));
        let address = |at: usize| data.get(at).copied().map(Ipv6Addr::from_bits);
        if parameters(name)?.len() != data.len() {
            return None;
        }
        Some(match name {
            "configure" => Self::Configure { memory_prefix: byte(0)?, mac: mac(1)? },
            "admit" => Self::Admit,
            "block" => Self::Block,
            "serve" => Self::Serve { service: port(0)?, tracking: byte(1)? },
            "deliver" => Self::Deliver { port: port(0)?, mac: mac(1)? },
            "deliver_to" => Self::DeliverTo { port: port(0)?, mac: mac(1)?, address: address(2)? },
            "hold" => Self::Hold,
            "answer_as" => Self::AnswerAs { address: address(0)? },
            "allow" => Self::Allow,
            "forward" => Self::Forward { port: port(0)? },
            "flood" => Self::Flood { group: port(0)? },
            _ => return None,
        })
    }
}

/// Its name, then the values of its parameters, as BMv2's command line takes them.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.texts().try_for_each(|(_, text)| write!(f, " {text}"))
    }
}

/// The parameters of the action of this name.
pub fn parameters(name: &str) -> Option<&'static [Field]> {
    Some(match name {
        "configure" => &const { [Field::new("memory_prefix", 8, Form::Hex), MAC] },
        "serve" => &const { [Field::new("service", 16, Form::Number), Field::new("tracking", 8, Form::Hex)] },
        "deliver" => &const { [PORT, MAC] },
        "deliver_to" => &const { [PORT, MAC, ADDRESS] },
        "answer_as" => &const { [ADDRESS] },
        "forward" => &const { [PORT] },
        "flood" => &const { [Field::new("group", 16, Form::Number)] },
        "admit" | "block" | "hold" | "allow" => &[],
        _ => return None,
    })
}
