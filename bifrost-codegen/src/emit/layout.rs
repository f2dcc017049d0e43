//! Lays code out as rustfmt does, so that it leaves generated code as it is.

use std::fmt::Write;

/// rustfmt's `max_width`.
pub(super) const WIDTH: usize = 100;
/// rustfmt's `fn_call_width`, `array_width` and `chain_width`.
pub(super) const CALL_WIDTH: usize = 60;
/// rustfmt's `struct_lit_width`.
const STRUCT_WIDTH: usize = 18;
/// rustfmt's `short_array_element_width_threshold`.
const SHORT_ELEMENT: usize = 10;

/// A type: a path and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) path: String,
    pub(super) args: Vec<Type>,
}

impl Type {
    pub(super) fn plain(path: impl Into<String>) -> Self {
        Self { path: path.into(), args: Vec::new() }
    }

    pub(super) fn of(path: impl Into<String>, args: Vec<Self>) -> Self {
        Self { path: path.into(), args }
    }

    pub(super) fn one_line(&self) -> String {
        if self.args.is_empty() {
            return self.path.clone();
        }
        let args: Vec<_> = self.args.iter().map(Self::one_line).collect();
        format!("{}<{}>", self.path, args.join(", "))
    }

    /// The type at a column of a line with this indentation, `trailing` characters behind it.
    pub(super) fn render(&self, indent: usize, column: usize, trailing: usize) -> String {
        let line = self.one_line();
        // rustfmt does not count `impl `.
        let counted = line.strip_prefix("impl ").unwrap_or(&line).len();
        if self.args.is_empty() || column + counted + trailing <= WIDTH {
            return line;
        }
        let mut text = format!("{}<\n", self.path);
        for arg in &self.args {
            let pad = " ".repeat(indent + 4);
            let _ = writeln!(text, "{pad}{},", arg.render(indent + 4, indent + 4, 1));
        }
        text + &" ".repeat(indent) + ">"
    }

    /// What clippy's `type_complexity` counts, at a nesting of `nest`.
    pub(super) fn complexity(&self, nest: u64) -> u64 {
        let args = self.args.iter().map(|arg| arg.complexity(nest + 1));
        args.fold(10 * nest, u64::saturating_add)
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Atom(String),
    Call(String, Vec<Expr>),
    /// `[…]` or `vec![…]`: what opens it, and the elements.
    Array(&'static str, Vec<Expr>),
    Tuple(Vec<Expr>),
    /// A struct literal; `None` is a shorthand field.
    Struct(String, Vec<(String, Option<Expr>)>, Option<String>),
}

impl Expr {
    pub(super) fn atom(text: impl Into<String>) -> Self {
        Self::Atom(text.into())
    }

    pub(super) fn call(function: impl Into<String>, args: Vec<Self>) -> Self {
        Self::Call(function.into(), args)
    }

    /// A call whose arguments are atoms.
    pub(super) fn call_with(function: impl Into<String>, args: &[&str]) -> Self {
        Self::call(function, args.iter().map(|arg| Self::atom(*arg)).collect())
    }

    /// On one line, or `None` where rustfmt breaks it whatever the width.
    fn one_line(&self) -> Option<String> {
        Some(match self {
            Self::Atom(text) => text.clone(),
            Self::Call(function, args) => format!("{function}({})", line_of(args, CALL_WIDTH)?),
            Self::Array(open, items) => format!("{open}{}]", line_of(items, CALL_WIDTH)?),
            Self::Tuple(items) => format!("({})", line_of(items, CALL_WIDTH)?),
            Self::Struct(name, fields, base) => {
                let fields: Option<Vec<_>> = fields
                    .iter()
                    .map(|(name, value)| match value {
                        Some(value) => Some(format!("{name}: {}", value.one_line()?)),
                        None => Some(name.clone()),
                    })
                    .chain(base.iter().map(|base| Some(format!("..{base}"))))
                    .collect();
                let fields = fields?.join(", ");
                match fields.len() {
                    0 => format!("{name} {{}}"),
                    1..=STRUCT_WIDTH => format!("{name} {{ {fields} }}"),
                    _ => return None,
                }
            }
        })
    }

    /// The expression at a column of a line with this indentation, `trailing` characters behind it.
    pub(super) fn render(&self, indent: usize, column: usize, trailing: usize) -> String {
        if let Some(line) = self.one_line()
            && column + line.chars().count() + trailing <= WIDTH
        {
            return line;
        }
        self.broken(indent)
    }

    /// It fits on one line, but only on one of its own below `column`.
    fn fits_below_only(&self, indent: usize, column: usize, trailing: usize) -> bool {
        let length = self.one_line().map(|line| line.chars().count() + trailing);
        length.is_some_and(|length| column + length > WIDTH && indent + 4 + length <= WIDTH)
    }

    /// The expression over several lines.
    fn broken(&self, indent: usize) -> String {
        match self {
            Self::Atom(text) => text.clone(),
            Self::Call(function, args) => match args.as_slice() {
                [only @ (Self::Call(..) | Self::Array(..) | Self::Struct(..))] => {
                    format!("{function}({})", only.broken(indent))
                }
                args => format!("{function}({})", vertical(args, indent)),
            },
            Self::Array(open, items) => match items.as_slice() {
                [only @ (Self::Call(..) | Self::Array(..) | Self::Tuple(..) | Self::Struct(..))] => {
                    format!("{open}{}]", only.broken(indent))
                }
                items => format!("{open}{}]", array(items, indent)),
            },
            Self::Tuple(items) => format!("({})", vertical(items, indent)),
            Self::Struct(name, fields, base) => {
                let pad = " ".repeat(indent + 4);
                let mut text = format!("{name} {{\n");
                for (field, value) in fields {
                    let _ = match value {
                        None => writeln!(text, "{pad}{field},"),
                        Some(value) => {
                            let column = indent + 4 + field.len() + 2;
                            if value.fits_below_only(indent + 4, column, 1) {
                                let value = value.render(indent + 8, indent + 8, 1);
                                writeln!(text, "{pad}{field}:\n{pad}    {value},")
                            } else {
                                let value = value.render(indent + 4, column, 1);
                                writeln!(text, "{pad}{field}: {value},")
                            }
                        }
                    };
                }
                if let Some(base) = base {
                    let _ = writeln!(text, "{pad}..{base}");
                }
                text + &" ".repeat(indent) + "}"
            }
        }
    }
}

fn line_of(items: &[Expr], width: usize) -> Option<String> {
    let items: Option<Vec<_>> = items.iter().map(Expr::one_line).collect();
    let line = items?.join(", ");
    (line.chars().count() <= width).then_some(line)
}

fn vertical(items: &[Expr], indent: usize) -> String {
    let mut text = "\n".to_owned();
    for item in items {
        let item = item.render(indent + 4, indent + 4, 1);
        let _ = writeln!(text, "{}{item},", " ".repeat(indent + 4));
    }
    text + &" ".repeat(indent)
}

/// Short elements fill lines, others have a line each.
fn array(items: &[Expr], indent: usize) -> String {
    let lines: Option<Vec<_>> = items.iter().map(Expr::one_line).collect();
    let short = lines.filter(|lines| lines.iter().all(|line| line.len() <= SHORT_ELEMENT));
    let Some(short) = short else {
        return vertical(items, indent);
    };
    let pad = " ".repeat(indent + 4);
    let mut text = format!("\n{pad}");
    let mut column = indent + 4;
    for (n, item) in short.iter().enumerate() {
        if n > 0 && column + 1 + item.len() + 1 > WIDTH {
            let _ = write!(text, "\n{pad}");
            column = indent + 4;
        } else if n > 0 {
            text.push(' ');
            column += 1;
        }
        let _ = write!(text, "{item},");
        column += item.len() + 1;
    }
    text + "\n" + &" ".repeat(indent)
}

/// A line, or several, of code at an indentation.
#[derive(Debug, Default)]
pub(super) struct Code {
    text: String,
}

impl Code {
    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn line(&mut self, indent: usize, line: impl AsRef<str>) {
        let line = line.as_ref();
        let pad = if line.is_empty() { 0 } else { indent };
        let _ = writeln!(self.text, "{:pad$}{line}", "");
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// An expression with text before and behind it.
    pub(super) fn expr(&mut self, indent: usize, before: &str, expr: &Expr, behind: &str) {
        let column = indent + before.chars().count();
        if before.ends_with("= ") && expr.fits_below_only(indent, column, behind.len()) {
            self.line(indent, before.trim_end());
            self.expr(indent + 4, "", expr, behind);
            return;
        }
        let text = expr.render(indent, column, behind.len());
        self.line(indent, format!("{before}{text}{behind}"));
    }

    /// A name with its type; `before` ends with the colon, or with whatever else the type follows.
    pub(super) fn typed(&mut self, indent: usize, before: &str, of: &Type, behind: &str) {
        let line = of.one_line();
        let column = indent + before.len() + 1;
        if column + line.len() + behind.len() > WIDTH && indent + 4 + line.len() + behind.len() <= WIDTH {
            self.line(indent, before);
            self.line(indent + 4, format!("{line}{behind}"));
            return;
        }
        let of = of.render(indent, column, behind.len());
        self.line(indent, format!("{before} {of}{behind}"));
    }

    /// The head of a function: `before` is all up to the opening parenthesis, `behind` is `;` or ` {`.
    pub(super) fn signature(
        &mut self,
        indent: usize,
        before: &str,
        params: &[(String, Option<Type>)],
        result: &Type,
        behind: &str,
    ) {
        let parts: Vec<_> = params
            .iter()
            .map(|(name, of)| match of {
                Some(of) => format!("{name}: {}", of.one_line()),
                None => name.clone(),
            })
            .collect();
        let line = format!("{before}({}) -> {}{behind}", parts.join(", "), result.one_line());
        // Rustfmt counts a semicolon as if it were a brace: at the full width only the parameters stay on the line.
        if behind == ";" && indent + line.len() == WIDTH {
            self.line(indent, format!("{before}({})", parts.join(", ")));
            self.line(indent, format!("-> {}{behind}", result.one_line()));
            return;
        }
        if indent + line.len() <= WIDTH {
            self.line(indent, line);
            return;
        }
        self.line(indent, format!("{before}("));
        for (name, of) in params {
            let of = of.as_ref().map(|of| {
                let of = of.render(indent + 4, indent + 4 + name.len() + 2, 1);
                format!(": {of}")
            });
            self.line(indent + 4, format!("{name}{},", of.unwrap_or_default()));
        }
        let result = result.render(indent, indent + ") -> ".len(), behind.len());
        self.line(indent, format!(") -> {result}{behind}"));
    }

    /// A constant slice; `before` ends with its `=`.
    pub(super) fn slice(&mut self, indent: usize, before: &str, items: &[String]) {
        let list = items.join(", ");
        if list.len() > CALL_WIDTH {
            self.line(indent, format!("{before} &["));
            for item in items {
                self.line(indent + 4, format!("{item},"));
            }
            self.line(indent, "];");
        } else if indent + before.len() + list.len() + " &[];".len() <= WIDTH {
            self.line(indent, format!("{before} &[{list}];"));
        } else {
            self.line(indent, before);
            self.line(indent + 4, format!("&[{list}];"));
        }
    }

    /// The head of a block with bounds, in a `where` clause.
    pub(super) fn bounded(&mut self, head: &str, bounds: &[(&str, Vec<String>)]) {
        self.line(0, head);
        self.line(0, "where");
        for (name, traits) in bounds {
            self.bound(name, traits, ",");
        }
        self.line(0, "{");
    }

    /// An empty block with one bound, which rustfmt lays out in a way of its own.
    pub(super) fn bounded_empty(&mut self, head: &str, name: &str, traits: &[String]) {
        self.line(0, format!("{head} where"));
        self.bound(name, traits, "");
        self.line(0, "{");
        self.line(0, "}");
    }

    fn bound(&mut self, name: &str, traits: &[String], behind: &str) {
        let line = format!("{name}: {}{behind}", traits.join(" + "));
        if 4 + line.len() <= WIDTH {
            self.line(4, line);
        } else {
            let traits = traits.join(&format!("\n{}+ ", " ".repeat(8)));
            self.line(4, format!("{name}: {traits}{behind}"));
        }
    }

    /// `receiver.method(…)`, broken before the dot where rustfmt does; `receiver` holds a dot itself.
    pub(super) fn chain(&mut self, indent: usize, receiver: &str, method: &str, args: &[&str]) {
        let call = Expr::call_with(format!("{receiver}.{method}"), args);
        if call.one_line().is_some_and(|line| line.len() <= CALL_WIDTH) {
            self.expr(indent, "", &call, "");
            return;
        }
        self.line(indent, receiver);
        self.expr(indent + 4, "", &Expr::call_with(format!(".{method}"), args), "");
    }

    /// An arm of a `match` whose body is an expression.
    pub(super) fn arm(&mut self, indent: usize, pattern: &str, body: &Expr) {
        let before = format!("{pattern} => ");
        let Some(line) = body.one_line() else {
            self.expr(indent, &before, body, ",");
            return;
        };
        if indent + before.len() + line.len() < WIDTH {
            self.line(indent, format!("{before}{line},"));
        } else if indent + 4 + line.len() <= WIDTH {
            self.line(indent, format!("{before}{{"));
            self.line(indent + 4, line);
            self.line(indent, "}");
        } else {
            self.expr(indent, &before, body, ",");
        }
    }
}
