//! `ci.xml.parse`: a document as Lua tables, which count against Lua's memory. What a document may
//! define itself is never expanded, so that a small one cannot stand for a large one. Paths through
//! the tables are in `lua/ci/xml.lua`.

use mlua::{Lua, Table, Value};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

use super::{Wrong, bad, wrong};
use crate::script::budget::Budget;

/// Largest document, in bytes.
const LARGEST: usize = 64 << 20;
/// Deepest element.
const DEEPEST: usize = 256;
/// Events between two looks at the budget.
const STRIDE: usize = 512;

pub(super) fn install(lua: &Lua, native: &Table, budget: &Budget) -> mlua::Result<()> {
    let budget = budget.clone();
    native.set(
        "xml_parse",
        lua.create_function(move |lua, (text, meta): (Value, Table)| {
            let Value::String(text) = text else {
                return Err(wrong("what ci.xml.parse takes", "a string", &text));
            };
            if text.as_bytes().len() > LARGEST {
                return Err(mlua::Error::runtime(format!(
                    "ci.xml.parse takes at most {} MiB.",
                    LARGEST >> 20
                )));
            }
            // Reports quote the output of programs, which may be anything.
            let text = text.to_string_lossy();
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            parse(lua, text, &meta, &budget)
        })?,
    )
}

/// An element that is not closed yet.
struct Open {
    node: Table,
    children: Table,
    has_elements: bool,
}

struct Document<'a> {
    lua: &'a Lua,
    meta: &'a Table,
    /// The document itself, then the open elements.
    open: Vec<Open>,
    text: String,
    /// Whether the text was written so that blanks count.
    is_literal: bool,
}

fn parse(lua: &Lua, text: &str, meta: &Table, budget: &Budget) -> mlua::Result<Table> {
    let mut reader = Reader::from_str(text);
    let mut document =
        Document { lua, meta, open: Vec::new(), text: String::new(), is_literal: false };
    document.begin(None)?;
    let mut events = 0_usize;
    loop {
        events += 1;
        if events.is_multiple_of(STRIDE) {
            budget.check(lua).map_err(mlua::Error::external)?;
        }
        let event = reader.read_event();
        let is_end = matches!(event, Ok(Event::Eof));
        let done = match event {
            Ok(event) => document.take(&event),
            Err(error) => Err(Wrong::Text(error.to_string())),
        };
        match done {
            Ok(()) if is_end => break,
            Ok(()) => {}
            Err(Wrong::Lua(error)) => return Err(error),
            Err(Wrong::Text(what)) => {
                let at = usize::try_from(reader.error_position().max(1)).unwrap_or(usize::MAX);
                let at = at.max(usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX));
                let before = &text.as_bytes()[..at.min(text.len())];
                let line = 1 + memchr::memchr_iter(b'\n', before).count();
                let what = what.trim_end_matches('.');
                let text = format!("this is not XML: line {line}: {what}.");
                return Err(mlua::Error::runtime(text));
            }
        }
    }
    match document.open.pop() {
        Some(root) => Ok(root.node),
        None => Err(mlua::Error::runtime("this is not XML: it has no element.")),
    }
}

impl Document<'_> {
    fn take(&mut self, event: &Event) -> Result<(), Wrong> {
        match event {
            Event::Start(start) => self.element(start),
            Event::Empty(start) => {
                self.element(start)?;
                self.end()
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.add(&text.xml10_content()),
            Event::CData(text) => {
                self.is_literal = true;
                self.add(&text.xml10_content())
            }
            Event::GeneralRef(reference) => self.reference(reference),
            Event::Decl(declaration) => only_utf8(declaration),
            Event::Comment(_) | Event::PI(_) | Event::DocType(_) => Ok(()),
            Event::Eof => self.eof(),
        }
    }

    fn begin(&mut self, name: Option<&str>) -> mlua::Result<()> {
        let node = self.lua.create_table_with_capacity(0, 3)?;
        let children = self.lua.create_table()?;
        node.raw_set("name", name)?;
        node.raw_set("attributes", self.lua.create_table()?)?;
        node.raw_set("children", &children)?;
        node.set_metatable(Some(self.meta.clone()))?;
        self.open.push(Open { node, children, has_elements: false });
        Ok(())
    }

    fn element(&mut self, start: &BytesStart) -> Result<(), Wrong> {
        let Some(parent) = self.open.last() else { return Ok(()) };
        if self.open.len() == 1 && parent.has_elements {
            return bad("a document has one outermost element, and here is a second one");
        }
        if self.open.len() > DEEPEST {
            return bad(format!("elements are nested more than {DEEPEST} deep"));
        }
        self.flush(true)?;
        self.begin(Some(start.name().0))?;
        if let [.., parent, this] = &mut self.open[..] {
            parent.has_elements = true;
            parent.children.raw_push(&this.node)?;
            let attributes: Table = this.node.raw_get("attributes")?;
            // Looking for doubles is left to the table: the reader compares each with each.
            for attribute in start.attributes().with_checks(false) {
                let attribute = match attribute {
                    Ok(attribute) => attribute,
                    Err(error) => return bad(error.to_string()),
                };
                let name = attribute.key.0;
                if attributes.raw_get::<Value>(name)? != Value::Nil {
                    return bad(format!("the attribute `{name}` is there twice"));
                }
                match attribute.normalized_value(quick_xml::XmlVersion::default()) {
                    Ok(value) => attributes.raw_set(name, &*value)?,
                    Err(error) => return bad(error.to_string()),
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Wrong> {
        let beside_elements = self.open.last().is_some_and(|open| open.has_elements);
        self.flush(beside_elements)?;
        self.open.pop();
        Ok(())
    }

    /// Stores the text so far as a child. Blanks beside elements are layout.
    fn flush(&mut self, beside_elements: bool) -> Result<(), Wrong> {
        let text = std::mem::take(&mut self.text);
        let is_literal = std::mem::take(&mut self.is_literal);
        let is_blank = !is_literal && text.trim().is_empty();
        if text.is_empty() || (beside_elements && is_blank) {
            return Ok(());
        }
        if let Some(open) = self.open.last() {
            open.children.raw_push(text)?;
        }
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<(), Wrong> {
        if self.open.len() < 2 && !text.trim().is_empty() {
            return bad("here is text outside of any element");
        }
        self.text.push_str(text);
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef) -> Result<(), Wrong> {
        let text = match reference.resolve_char_ref() {
            Ok(Some(c)) => c.to_string(),
            Ok(None) => match resolve_predefined_entity(reference) {
                Some(text) => text.to_owned(),
                None => {
                    return bad(format!(
                        "the entity `&{};` is not known; entities that a document defines are not \
                         expanded",
                        &**reference
                    ));
                }
            },
            Err(error) => return bad(error.to_string()),
        };
        self.is_literal = true;
        self.add(&text)
    }

    fn eof(&mut self) -> Result<(), Wrong> {
        match &self.open[..] {
            [document] if document.has_elements => Ok(()),
            [.., last] if self.open.len() > 1 => {
                let name: String = last.node.raw_get("name")?;
                bad(format!("the document ends inside <{name}>"))
            }
            _ => bad("it has no element"),
        }
    }
}

fn only_utf8(declaration: &BytesDecl) -> Result<(), Wrong> {
    let Some(Ok(encoding)) = declaration.encoding() else { return Ok(()) };
    if ["utf-8", "utf8", "us-ascii", "ascii"].contains(&encoding.to_lowercase().as_str()) {
        return Ok(());
    }
    bad(format!("it says that it is written in {encoding}; only UTF-8 is read"))
}
