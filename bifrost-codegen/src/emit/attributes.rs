//! Derives and attributes of types, and what serde is told of their members.

use super::layout::{Code, WIDTH};
use super::module::Module;
use super::names::Taken;
use crate::schema::{Field, Struct};

/// How long rustfmt lets a list of derives be.
const DERIVE_WIDTH: usize = 86;

/// Which of the usual traits a type derives, besides `Clone`, `Debug`, `Eq` and `PartialEq`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Derives {
    pub(super) copy: bool,
    /// It holds no reference, whose control has one holder.
    pub(super) clone: bool,
    pub(super) default: bool,
    /// It has an order and a hash.
    pub(super) ordered: bool,
    /// It is a type of the IDL, not one of a call's.
    pub(super) public: bool,
}

impl Module<'_> {
    /// `#[derive(…)]` and whatever the options add.
    pub(super) fn attributes(&self, code: &mut Code, derives: Derives) {
        let mut names: Vec<String> = Vec::new();
        let mut add = |wanted: bool, some: &[&str]| {
            names.extend(some.iter().filter(|_| wanted).map(|name| (*name).to_owned()));
        };
        add(derives.copy, &["Copy"]);
        add(derives.clone, &["Clone"]);
        add(true, &["Debug"]);
        add(derives.default, &["Default"]);
        add(true, &["Eq"]);
        add(derives.ordered, &["Hash", "Ord"]);
        add(true, &["PartialEq"]);
        add(derives.ordered, &["PartialOrd"]);
        if derives.public {
            if self.options.serde {
                names.push(self.runtime("serde::Deserialize"));
                names.push(self.runtime("serde::Serialize"));
            }
            for path in &self.options.derives {
                if !names.contains(path) {
                    names.push(path.clone());
                }
            }
        }
        derive(code, &names);
        if derives.public {
            if self.options.serde {
                code.line(0, format!("#[serde(crate = \"{}::serde\")]", self.options.runtime));
            }
            self.options.attributes.iter().for_each(|attribute| code.line(0, format!("#[{attribute}]")));
        }
    }

    /// A struct whose fields may all be missing takes what its default says.
    pub(super) fn serde_struct(&self, code: &mut Code, has_default: bool) {
        if self.options.serde && has_default {
            code.line(0, "#[serde(default)]");
        }
    }

    /// A field is called as in the IDL, and left out if it is not there.
    pub(super) fn serde_field(&self, code: &mut Code, field: &Field, rust: &str, is_option: bool) {
        if !self.options.serde {
            return;
        }
        if field.name != rust {
            code.line(4, format!("#[serde(rename = \"{}\")]", field.name));
        }
        if is_option {
            let option = self.std_type("Option");
            code.line(4, format!("#[serde(skip_serializing_if = \"{option}::is_none\")]"));
        }
    }

    /// The fields that are not known, left out if there are none.
    pub(super) fn serde_unknown_fields(&self, code: &mut Code) {
        if self.options.serde {
            let path = format!("{}::protocol::UnknownFields::is_empty", self.options.runtime);
            code.line(4, "#[serde(default)]");
            code.line(4, format!("#[serde(skip_serializing_if = \"{path}\")]"));
        }
    }

    /// A variant is called as in the IDL.
    pub(super) fn serde_variant(&self, code: &mut Code, idl: &str, rust: &str) {
        if self.options.serde && idl != rust {
            code.line(4, format!("#[serde(rename = \"{idl}\")]"));
        }
    }

    /// What the variant of unknown fields is called: no name of a field.
    pub(super) fn serde_unknown_variant(&self, code: &mut Code, found: &Struct, rust: &str) {
        let fields: Vec<&str> = found.fields.iter().map(|field| field.name.as_str()).collect();
        let name = Taken::with(&fields).take("unknown".to_owned());
        self.serde_variant(code, &name, rust);
    }
}

/// `#[derive(…)]`, as many names on a line as fit.
fn derive(code: &mut Code, names: &[String]) {
    let list = names.join(", ");
    if list.len() <= DERIVE_WIDTH {
        code.line(0, format!("#[derive({list})]"));
        return;
    }
    code.line(0, "#[derive(");
    let mut line = String::new();
    for name in names {
        if !line.is_empty() && 4 + line.len() + 1 + name.len() + 1 > WIDTH {
            code.line(4, std::mem::take(&mut line));
        }
        let space = if line.is_empty() { "" } else { " " };
        line.push_str(&format!("{space}{name},"));
    }
    code.line(4, line);
    code.line(0, ")]");
}
