//! What a function's text means: Lua's compiled form of it without the lines it stands on and the
//! places where the function around it keeps its variables. Comments, blank lines and the names of
//! local variables do not change it. The form is that of Lua 5.4, which is built in.

use sha2::{Digest as _, Sha256};

/// Signature, version, format, check data, three sizes, an integer, a number; then the number of
/// upvalues.
const HEADER: usize = 4 + 1 + 1 + 6 + 3 + 8 + 8 + 1;
/// How deep functions may stand in functions; Lua refuses a text long before.
const DEEPEST: u32 = 250;

/// A function's compiled form.
pub(super) struct Compiled {
    /// Of everything but lines and places.
    pub(super) digest: [u8; 32],
    /// The texts in it, among them the names of the globals that it uses.
    pub(super) texts: Vec<String>,
}

impl Compiled {
    /// Reads what Lua's `string.dump` writes for a function when it leaves out what is for
    /// debugging.
    pub(super) fn read(dump: &[u8]) -> Option<Self> {
        let mut cursor =
            Cursor { rest: dump.get(HEADER..)?, hash: Sha256::new(), texts: Vec::new() };
        cursor.function(0)?;
        cursor.rest.is_empty().then_some(())?;
        Some(Self { digest: cursor.hash.finalize().into(), texts: cursor.texts })
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
    hash: Sha256,
    texts: Vec<String>,
}

impl<'a> Cursor<'a> {
    fn skip(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let taken = self.skip(n)?;
        self.hash.update(taken);
        Some(taken)
    }

    fn skip_size(&mut self) -> Option<usize> {
        let mut size = 0_usize;
        loop {
            let byte = *self.skip(1)?.first()?;
            size = size.checked_mul(128)? | usize::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                return Some(size);
            }
        }
    }

    fn size(&mut self) -> Option<usize> {
        let size = self.skip_size()?;
        self.hash.update(size.to_le_bytes());
        Some(size)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let size = self.size()?;
        self.take(size.saturating_sub(1))
    }

    fn function(&mut self, depth: u32) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        // The file's name, the first line and the last line.
        let name = self.skip_size()?;
        self.skip(name.saturating_sub(1))?;
        self.skip_size()?;
        self.skip_size()?;
        // Parameters, whether there are more of them, stack; then the instructions.
        self.take(3)?;
        let instructions = self.size()?;
        self.take(instructions.checked_mul(4)?)?;
        for _ in 0..self.size()? {
            match self.take(1)?.first()? {
                // nil, false, true
                0x00 | 0x01 | 0x11 => {}
                // integer, float
                0x03 | 0x13 => drop(self.take(8)?),
                // short text, long text
                0x04 | 0x14 => {
                    let text = self.text()?;
                    self.texts.push(String::from_utf8_lossy(text).into_owned());
                }
                _ => return None,
            }
        }
        for _ in 0..self.size()? {
            match depth {
                // Where the surrounding function has it is not this function's affair.
                0 => self.skip(3)?,
                _ => self.take(3)?,
            };
        }
        for _ in 0..self.size()? {
            self.function(depth + 1)?;
        }
        // What is for debugging: empty lists.
        for _ in 0..4 {
            (self.skip_size()? == 0).then_some(())?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use mlua::{Function, Lua};

    use super::*;

    fn compiled(text: &str) -> Compiled {
        let lua = Lua::new();
        let function: Function = lua.load(text).eval().unwrap();
        Compiled::read(&function.dump(true)).expect("a dump")
    }

    #[test]
    fn lines_comments_names_and_neighbours_do_not_count_and_everything_else_does() {
        let text = "local a, b = 1, 2 return function(x) local y = x + 1.5 return function() \
                    print('hello', y, a) return 7, nil, true, x .. 'w' end, b end";
        let same = "local zero, a\n\n, b = 0, 1, 2\nreturn function(first)\n-- why\nlocal second = \
                    first + 1.5\nreturn function() print('hello', second, a) return 7, nil, true,\n\
                    first .. 'w' end, b end";
        assert_eq!(compiled(text).digest, compiled(same).digest);
        for (old, new) in [
            ("hello", "hullo"),
            ("1.5", "1.25"),
            ("7", "8"),
            ("7", "7.0"),
            ("true", "false"),
            ("y, a", "a, y"),
            ("x .. 'w'", "'w' .. x"),
            ("print", "error"),
            ("function(x)", "function(x, ...)"),
        ] {
            let other = text.replace(old, new);
            assert_ne!(compiled(text).digest, compiled(&other).digest, "{old} and {new}");
        }
    }

    #[test]
    fn the_names_of_globals_are_among_the_texts() {
        let texts =
            compiled("return function() return function() return helper(\"\\xff\") end end").texts;
        assert!(texts.iter().any(|t| t == "helper"), "{texts:?}");
    }

    #[test]
    fn what_is_no_dump_is_nothing() {
        let lua = Lua::new();
        let dump = lua.load("return 1").into_function().unwrap().dump(true);
        assert!(Compiled::read(&dump).is_some());
        assert!((0..dump.len()).all(|n| Compiled::read(&dump[..n]).is_none()));
        assert!(Compiled::read(&[0x7f; 64]).is_none());
    }
}
