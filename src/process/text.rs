//! How a command is shown in its header: as a person would type it, and exactly, in the notation
//! that Buildbot's users know.

/// Program and arguments as a shell would need them.
pub(crate) fn shell_line(arguments: &[Vec<u8>]) -> String {
    let shown: Vec<String> =
        arguments.iter().map(|a| quoted(&String::from_utf8_lossy(a))).collect();
    shown.join(" ")
}

fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if text.is_empty() {
        "\"\"".to_owned()
    } else if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\"'\"'"))
    }
}

/// Bytes in Python's notation: `b'echo'`.
pub(crate) fn bytes_literal(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut out = format!("b{quote}");
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x20..=0x7e if char::from(*byte) == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..=0x7e => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
    out
}

/// A list of bytes in Python's notation.
pub(crate) fn list_literal(items: &[Vec<u8>]) -> String {
    let items: Vec<String> = items.iter().map(|i| bytes_literal(i)).collect();
    format!("[{}]", items.join(", "))
}

/// `1 sec`, `20 secs`.
pub(crate) fn seconds(n: f64) -> String {
    #[expect(clippy::float_cmp, reason = "exactly one second is what the singular is for")]
    let unit = if n == 1.0 { "sec" } else { "secs" };
    format!("{n} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_they_would_be_typed() {
        let argv = ["echo", "", "it's", "a=b", "a b"].map(|a| a.as_bytes().to_vec());
        assert_eq!(shell_line(&argv), "echo \"\" 'it'\"'\"'s' a=b 'a b'");
    }

    #[test]
    fn bytes_are_shown_in_pythons_notation() {
        assert_eq!(bytes_literal(b"a\"b\n\xff"), "b'a\"b\\n\\xff'");
        assert_eq!(bytes_literal(b"it's"), "b\"it's\"");
        assert_eq!(list_literal(&[b"a".to_vec(), b"\\".to_vec()]), "[b'a', b'\\\\']");
    }
}
