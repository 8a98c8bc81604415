//! Terminal colours in logs: of all escape sequences only SGR (colours, bold, …) has an effect,
//! as classes of spans; every other sequence is left out. The style of one line goes on in the
//! next, as on a terminal.

use std::fmt::Write as _;

use maud::{Escaper, Markup, PreEscaped};

use super::visible::visible;

/// The style that text has at some place of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    inverse: bool,
    front: Option<u8>,
    back: Option<u8>,
}

impl Style {
    fn classes(self) -> String {
        let mut out = String::new();
        for (on, name) in [
            (self.bold, "bo"),
            (self.dim, "di"),
            (self.italic, "it"),
            (self.underline, "un"),
            (self.inverse, "iv"),
        ] {
            if on {
                out.push_str(name);
                out.push(' ');
            }
        }
        for (colour, letter) in [(self.front, 'f'), (self.back, 'b')] {
            if let Some(colour) = colour {
                // Writing to a String cannot fail.
                let _ = write!(out, "{letter}{colour} ");
            }
        }
        out.truncate(out.trim_end().len());
        out
    }

    /// Applies the parameters of one SGR sequence.
    fn apply(&mut self, parameters: &str) {
        let mut codes = parameters.split([';', ':']).map(|p| p.parse::<u16>().unwrap_or(0));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = true,
                7 => self.inverse = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                27 => self.inverse = false,
                30..=37 => self.front = u8::try_from(code - 30).ok(),
                90..=97 => self.front = u8::try_from(code - 82).ok(),
                40..=47 => self.back = u8::try_from(code - 40).ok(),
                100..=107 => self.back = u8::try_from(code - 92).ok(),
                39 => self.front = None,
                49 => self.back = None,
                38 => self.front = extended(&mut codes),
                48 => self.back = extended(&mut codes),
                _ => {}
            }
        }
    }
}

/// `5;N` and `2;R;G;B`, brought to the sixteen colours that the style sheet has.
fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<u8> {
    match codes.next()? {
        5 => {
            let n = codes.next()?;
            match n {
                0..=15 => u8::try_from(n).ok(),
                16..=231 => {
                    let n = n - 16;
                    let level = |v: u16| if v == 0 { 0 } else { 55 + 40 * v };
                    Some(nearest(level(n / 36), level(n / 6 % 6), level(n % 6)))
                }
                232..=255 => {
                    let grey = 8 + 10 * (n - 232);
                    Some(nearest(grey, grey, grey))
                }
                _ => None,
            }
        }
        2 => Some(nearest(codes.next()?, codes.next()?, codes.next()?)),
        _ => None,
    }
}

fn nearest(red: u16, green: u16, blue: u16) -> u8 {
    let (low, high) = (red.min(green).min(blue), red.max(green).max(blue));
    if high.saturating_sub(low) < 40 {
        return match high {
            0..64 => 0,
            64..144 => 8,
            144..216 => 7,
            _ => 15,
        };
    }
    let bit = |v: u16, n: u8| if v * 2 > high { n } else { 0 };
    let bright = if high > 200 { 8 } else { 0 };
    bright + bit(red, 1) + bit(green, 2) + bit(blue, 4)
}

/// A line as spans; `style` is what the line begins with, and afterwards what it ends with.
pub(crate) fn line(text: &str, style: &mut Style) -> Markup {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        span(&mut out, &rest[..at], *style);
        rest = sequence(&rest[at + 1..], style);
    }
    span(&mut out, rest, *style);
    PreEscaped(out)
}

fn span(out: &mut String, text: &str, style: Style) {
    if text.is_empty() {
        return;
    }
    let classes = style.classes();
    if !classes.is_empty() {
        let _ = write!(out, "<span class=\"{classes}\">");
    }
    let _ = Escaper::new(out).write_str(&visible(text));
    if !classes.is_empty() {
        out.push_str("</span>");
    }
}

/// Takes the sequence after an escape character; returns what follows it.
fn sequence<'a>(rest: &'a str, style: &mut Style) -> &'a str {
    match rest.as_bytes().first() {
        Some(b'[') => {
            let body = &rest[1..];
            let end = body.find(|c: char| !matches!(c, '\u{20}'..='\u{3f}'));
            match end {
                // A sequence that is cut off by the end of the line is left out.
                None => "",
                Some(end) => {
                    let last = body[end..].chars().next().unwrap_or('m');
                    let parameters = &body[..end];
                    let plain = |c: char| c.is_ascii_digit() || c == ';' || c == ':';
                    if last == 'm' && parameters.chars().all(plain) {
                        style.apply(parameters);
                    }
                    &body[end + last.len_utf8()..]
                }
            }
        }
        // Titles, links and other strings: up to BEL or ST.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let bell = rest.find('\u{7}').map(|at| (at, 1));
            let end = rest.find("\u{1b}\\").map(|at| (at, 2));
            match [bell, end].into_iter().flatten().min() {
                Some((at, length)) => &rest[at + length..],
                None => "",
            }
        }
        // Two characters, such as `(B`, and everything else of one.
        Some(b'(' | b')' | b'#' | b'%') => {
            let mut chars = rest.chars();
            chars.next();
            chars.next();
            chars.as_str()
        }
        Some(_) => {
            let mut chars = rest.chars();
            chars.next();
            chars.as_str()
        }
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        line(text, &mut Style::default()).into_string()
    }

    #[test]
    fn colours_become_classes_and_the_rest_is_left_out() {
        assert_eq!(of("\u{1b}[1;31mred\u{1b}[0m plain"), "<span class=\"bo f1\">red</span> plain");
        assert_eq!(of("\u{1b}[38;5;196mx"), "<span class=\"f9\">x</span>");
        assert_eq!(of("\u{1b}[48;2;0;0;255mx"), "<span class=\"b12\">x</span>");
        assert_eq!(of("a\u{1b}[2Kb\u{1b}[10;3Hc\u{1b}(Bd"), "abcd");
        assert_eq!(of("a\u{1b}[31"), "a");
    }

    #[test]
    fn links_and_titles_inside_logs_are_text_at_most() {
        assert_eq!(of("\u{1b}]8;;javascript:alert(1)\u{7}click\u{1b}]8;;\u{7}"), "click");
        assert_eq!(of("\u{1b}]0;title\u{1b}\\x"), "x");
        assert_eq!(of("\u{1b}]0;never ended"), "");
    }

    #[test]
    fn markup_in_a_log_stays_text() {
        assert_eq!(
            of("<script>alert('x')</script>&\"\u{1b}[31m<b>"),
            "&lt;script&gt;alert('x')&lt;/script&gt;&amp;&quot;<span class=\"f1\">&lt;b&gt;</span>"
        );
        // A class can hold nothing but what this file writes.
        assert_eq!(of("\u{1b}[31\"onmouseover=mx"), "nmouseover=mx");
    }

    #[test]
    fn a_style_goes_on_in_the_next_line() {
        let mut style = Style::default();
        line("\u{1b}[32mgreen", &mut style);
        assert_eq!(line("still", &mut style).into_string(), "<span class=\"f2\">still</span>");
    }
}
