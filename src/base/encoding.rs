//! Character encodings by the names that people and Python write: `utf-8`, `latin-1`, `cp1252`,
//! `shift_jis`. Bytes of a stream become UTF-8 piece by piece; a character may come in two pieces.

use encoding_rs::{CoderResult, Decoder as Inner, Encoding as Known};

/// An encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding(&'static Known);

impl Encoding {
    /// The encoding called `name`, in the spelling of the WHATWG's standard or of Python.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        let plain: String = name.to_ascii_lowercase().replace(['-', '_', ' '], "");
        // Python's names that the standard does not know.
        let python = match plain.as_str() {
            "latin" | "l1" | "8859" | "cp819" => "latin1",
            "mbcs" | "ansi" => "windows-1252",
            "utf16" => "utf-16le",
            "cp932" | "mskanji" => "shift_jis",
            "cp936" => "gbk",
            "cp949" => "euc-kr",
            "cp950" => "big5",
            _ => plain.as_str(),
        };
        [name, &name.replace('_', "-"), python]
            .iter()
            .find_map(|label| Known::for_label_no_replacement(label.as_bytes()))
            .map(Self)
    }

    /// Whether its bytes need no decoding.
    #[must_use]
    pub fn is_utf8(self) -> bool {
        self.0 == encoding_rs::UTF_8
    }

    /// Decodes one stream from its beginning.
    #[must_use]
    pub fn decoder(self) -> Decoder {
        Decoder(self.0.new_decoder_without_bom_handling())
    }
}

/// Decodes one stream.
pub struct Decoder(Inner);

impl Decoder {
    /// The text of the next bytes. What is no character becomes U+FFFD; what may become one with
    /// the bytes that follow waits for them, unless these were the last.
    pub fn push(&mut self, bytes: &[u8], is_last: bool) -> String {
        let mut out = String::with_capacity(bytes.len() + 16);
        let mut rest = bytes;
        loop {
            let needed = self.0.max_utf8_buffer_length(rest.len()).unwrap_or(rest.len() * 3 + 16);
            out.reserve(needed);
            let (result, read, _) = self.0.decode_to_string(rest, &mut out, is_last);
            rest = &rest[read..];
            if result == CoderResult::InputEmpty {
                return out;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_web_and_of_python() {
        for name in
            ["utf-8", "UTF8", "latin-1", "latin_1", "iso-8859-1", "iso8859_15", "cp1252", "ascii"]
        {
            assert!(Encoding::named(name).is_some(), "{name}");
        }
        for name in ["shift_jis", "euc-jp", "gb18030", "koi8-r", "utf-16", "cp932", "macintosh"] {
            assert!(Encoding::named(name).is_some(), "{name}");
        }
        assert_eq!(Encoding::named("klingon"), None);
        assert_eq!(Encoding::named(""), None);
        assert!(Encoding::named("utf_8").unwrap().is_utf8());
    }

    #[test]
    fn a_character_may_come_in_two_pieces_and_nothing_is_lost() {
        let mut decoder = Encoding::named("shift_jis").unwrap().decoder();
        assert_eq!(decoder.push(b"a\x83", false), "a");
        assert_eq!(decoder.push(b"\x65b\x83", false), "\u{30c6}b");
        assert_eq!(decoder.push(b"", true), "\u{fffd}");
        let mut decoder = Encoding::named("latin-1").unwrap().decoder();
        assert_eq!(decoder.push(b"f\xfcr 5 \x80", true), "für 5 €");
    }
}
