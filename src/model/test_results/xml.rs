//! XML as events, for the formats that are written in it. Nothing that a document defines itself is
//! expanded, and depth is limited; a document that ends early has been read up to there.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// Deepest element.
const DEEPEST: usize = 256;
/// Bytes of text between two elements that are looked at.
const LONGEST: usize = 16_000;

/// What takes a document in.
pub(super) trait Handler {
    /// An element begins.
    fn start(&mut self, name: &str, attributes: &BTreeMap<String, String>);
    /// It ends, after this text of its own.
    fn end(&mut self, name: &str, text: &str);
}

/// Reads a document.
///
/// # Errors
/// Why it is none, and at which line.
pub(super) fn walk(document: &str, handler: &mut impl Handler) -> Result<(), String> {
    let mut reader = Reader::from_str(document);
    // The text of every open element.
    let mut open: Vec<String> = Vec::new();
    let mut had_elements = false;
    loop {
        let at = reader.buffer_position();
        let done = match reader.read_event() {
            Err(error) => Err(error.to_string()),
            Ok(Event::Eof) if open.is_empty() && had_elements => return Ok(()),
            Ok(Event::Eof) => Err("the document ends too early".to_owned()),
            Ok(Event::Start(start)) if open.len() < DEEPEST => {
                had_elements = true;
                open.push(String::new());
                attributes(&start).map(|all| handler.start(start.name().0, &all))
            }
            Ok(Event::Start(_)) => Err(format!("elements are nested more than {DEEPEST} deep")),
            Ok(Event::Empty(start)) => {
                had_elements = true;
                attributes(&start).map(|all| {
                    handler.start(start.name().0, &all);
                    handler.end(start.name().0, "");
                })
            }
            Ok(Event::End(end)) => {
                let text = open.pop().unwrap_or_default();
                handler.end(end.name().0, &text);
                Ok(())
            }
            Ok(Event::Text(text)) => {
                add(&mut open, &text.xml10_content());
                Ok(())
            }
            Ok(Event::CData(text)) => {
                add(&mut open, &text.xml10_content());
                Ok(())
            }
            Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                Ok(Some(c)) => {
                    add(&mut open, c.encode_utf8(&mut [0; 4]));
                    Ok(())
                }
                Ok(None) => {
                    let known = resolve_predefined_entity(&reference).unwrap_or("\u{fffd}");
                    add(&mut open, known);
                    Ok(())
                }
                Err(error) => Err(error.to_string()),
            },
            Ok(Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_)) => Ok(()),
        };
        if let Err(why) = done {
            let at = usize::try_from(at).unwrap_or(usize::MAX).min(document.len());
            let line = 1 + memchr::memchr_iter(b'\n', &document.as_bytes()[..at]).count();
            return Err(format!("line {line}: {}", why.trim_end_matches('.')));
        }
    }
}

fn attributes(start: &BytesStart) -> Result<BTreeMap<String, String>, String> {
    let mut out = BTreeMap::new();
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute.normalized_value(quick_xml::XmlVersion::default());
        // An entity of the document's own is left as it is written.
        let value =
            value.map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned);
        out.insert(attribute.key.0.to_owned(), value);
    }
    Ok(out)
}

fn add(open: &mut [String], text: &str) {
    if let Some(last) = open.last_mut()
        && last.len() < LONGEST
    {
        last.push_str(&super::cut(text, LONGEST));
    }
}
