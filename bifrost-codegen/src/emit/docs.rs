//! Doc comments: from those of the IDL to rustdoc.

use super::layout::Code;

/// The doc comment of an item: the IDL's, or a short line.
pub(super) fn docs(code: &mut Code, indent: usize, idl: Option<&str>, otherwise: &str) {
    write(code, indent, "///", idl, otherwise);
}

/// The doc comment of a module.
pub(super) fn module_docs(code: &mut Code, idl: Option<&str>, otherwise: &str) {
    write(code, 0, "//!", idl, otherwise);
}

fn write(code: &mut Code, indent: usize, mark: &str, idl: Option<&str>, otherwise: &str) {
    let text = idl.map(str::trim).filter(|text| !text.is_empty());
    for line in markdown(text.unwrap_or(otherwise)) {
        code.line(indent, format!("{mark} {line}").trim_end());
    }
}

/// Lines that rustdoc takes without a warning: no block of code to run, no link or tag by accident.
fn markdown(text: &str) -> Vec<String> {
    let mut in_fence = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("```") {
            in_fence = !in_fence;
            let language = trimmed.trim_start_matches('`').trim();
            let is_bare = in_fence && (language.is_empty() || language == "rust");
            lines.push(if is_bare { "```text".to_owned() } else { trimmed.to_owned() });
        } else if in_fence {
            lines.push(line.replace('\t', "    "));
        } else {
            // Four spaces would begin a block of code.
            let indent = (line.len() - trimmed.len()).min(3);
            lines.push(" ".repeat(indent) + &inline(&trimmed.replace('\t', " ")));
        }
    }
    if in_fence {
        lines.push("```".to_owned());
    }
    lines
}

fn inline(line: &str) -> String {
    let mut parts = Vec::new();
    for (n, part) in line.split('`').enumerate() {
        // Every second part stands between backquotes.
        let is_code = n % 2 == 1;
        parts.push(if is_code { part.to_owned() } else { prose(part) });
    }
    let is_open = parts.len() % 2 == 0;
    let text = parts.join("`");
    if is_open { text + "`" } else { text }
}

fn prose(text: &str) -> String {
    let mut words = Vec::new();
    for word in text.split(' ') {
        if word.starts_with("http://") || word.starts_with("https://") {
            let url = word.trim_end_matches(['.', ',', ';', ')']);
            let rest = &word[url.len()..];
            words.push(format!("<{url}>{rest}"));
            continue;
        }
        let mut escaped = String::new();
        for c in word.chars() {
            if matches!(c, '<' | '>' | '[' | ']') {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        words.push(escaped);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_of_the_idl_are_safe_for_rustdoc() {
        let table = [
            ("A list<i32> [x].", "A list\\<i32\\> \\[x\\]."),
            ("`list<i32>` stays", "`list<i32>` stays"),
            ("an open ` quote", "an open ` quote`"),
            ("see https://a.b/c.", "see <https://a.b/c>."),
            ("        deep", "   deep"),
            ("```\nlet\n```", "```text\nlet\n```"),
            ("```\nlet", "```text\nlet\n```"),
        ];
        for (text, expected) in table {
            assert_eq!(markdown(text).join("\n"), expected, "{text}");
        }
    }
}
