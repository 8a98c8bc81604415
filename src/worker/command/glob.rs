//! `glob`: paths by a pattern with Python's rules. `*` and `?` match neither `/` nor a leading
//! dot, `[!x]` negates, and `**` stands for any number of directories.

use std::fs;

use super::Found;
use super::arguments::Arguments;
use crate::wire::msgpack::codec::Value;

#[derive(Debug)]
pub(in crate::worker) struct Glob {
    pattern: String,
}

impl Glob {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        Ok(Self { pattern: arguments.text("path")? })
    }

    pub(super) fn run(self) -> Found {
        let found = find(&self.pattern);
        Found::value("files", Value::texts(found.iter().map(String::as_str)))
    }
}

fn find(pattern: &str) -> Vec<String> {
    let (root, rest) = match pattern.strip_prefix('/') {
        Some(rest) => ("/", rest.trim_start_matches('/')),
        None => ("", pattern),
    };
    let parts: Vec<&str> = rest.split('/').collect();
    let mut out = Vec::new();
    descend(root.to_owned(), &parts, &mut out);
    out.sort();
    out.dedup();
    out
}

fn descend(at: String, parts: &[&str], out: &mut Vec<String>) {
    let Some((part, rest)) = parts.split_first() else {
        out.push(at);
        return;
    };
    let join = |name: &str| join(&at, name);
    if *part == "**" {
        if rest.is_empty() {
            if !at.is_empty() {
                out.push(if at.ends_with('/') { at.clone() } else { format!("{at}/") });
            }
            return everything(&at, out);
        }
        descend(at.clone(), rest, out);
        for (name, is_dir) in entries(&at) {
            if is_dir && !name.starts_with('.') {
                descend(join(&name), parts, out);
            }
        }
    } else if part.contains(['*', '?', '[']) {
        for (name, _) in entries(&at) {
            if (part.starts_with('.') || !name.starts_with('.')) && matches(part, &name) {
                step(join(&name), rest, out);
            }
        }
    } else {
        step(join(part), rest, out);
    }
}

fn join(dir: &str, name: &str) -> String {
    match dir {
        "" => name.to_owned(),
        dir if dir.ends_with('/') => format!("{dir}{name}"),
        dir => format!("{dir}/{name}"),
    }
}

/// All that is below `dir` and not hidden. Links to directories are not followed: they may lead
/// back.
fn everything(dir: &str, out: &mut Vec<String>) {
    for (name, is_dir) in entries(dir) {
        if !name.starts_with('.') {
            let path = join(dir, &name);
            if is_dir {
                everything(&path, out);
            }
            out.push(path);
        }
    }
}

/// Goes on from a path that must exist.
fn step(path: String, rest: &[&str], out: &mut Vec<String>) {
    if rest.is_empty() {
        if fs::symlink_metadata(&path).is_ok() {
            out.push(path);
        }
    } else if fs::metadata(&path).is_ok_and(|about| about.is_dir()) {
        descend(path, rest, out);
    }
}

/// Names in a directory, and whether each is a directory itself.
fn entries(dir: &str) -> Vec<(String, bool)> {
    let Ok(entries) = fs::read_dir(if dir.is_empty() { "." } else { dir }) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            Some((entry.file_name().into_string().ok()?, is_dir))
        })
        .collect()
}

/// Whether `name` matches `pattern`, by going back to the last `*` when it does not go on.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        let next = match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some('?') => Some(p + 1),
            Some('[') => match class(&pattern[p..], name[n]) {
                Some((true, length)) => Some(p + length),
                Some((false, _)) => None,
                None => (name[n] == '[').then_some(p + 1),
            },
            Some(c) => (*c == name[n]).then_some(p + 1),
            None => None,
        };
        match (next, star) {
            (Some(next), _) => {
                p = next;
                n += 1;
            }
            (None, Some((after, from))) => {
                p = after;
                n = from + 1;
                star = Some((after, from + 1));
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Whether `c` is in the class that begins `pattern`, and how long the class is; none = it is not
/// closed, and its bracket stands for itself.
fn class(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = pattern.get(1) == Some(&'!');
    let first = if negated { 2 } else { 1 };
    // A bracket right at the beginning belongs to the class.
    let end = (first + 1..pattern.len()).find(|i| pattern[*i] == ']')?;
    let mut at = first;
    let mut inside = false;
    while at < end {
        if at + 2 < end && pattern[at + 1] == '-' {
            inside |= (pattern[at]..=pattern[at + 2]).contains(&c);
            at += 3;
        } else {
            inside |= pattern[at] == c;
            at += 1;
        }
    }
    Some((inside != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_python() {
        assert!(matches("*.c", "a.c") && !matches("*.c", "a.cc"));
        assert!(matches("a?c*", "abcdef") && matches("[!d]*", "abc") && !matches("[!d]*", "dx"));
        assert!(matches("[a-c]x", "bx") && matches("[]]", "]") && matches("[", "["));
        assert!(matches("a*b*c", "aXbYbZc") && !matches("a*b*c", "aXbYbZ"));
    }

    #[test]
    fn two_stars_stand_for_any_number_of_directories() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().to_str().unwrap();
        for path in ["m1", "deep/er/m2", "deep/.hidden/m3", "deep/x"] {
            std::fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        let under = |pattern: &str| -> Vec<String> {
            let found = find(&format!("{base}/{pattern}"));
            found.iter().map(|f| f.strip_prefix(base).unwrap()[1..].to_owned()).collect()
        };
        assert_eq!(under("**/m*"), ["deep/er/m2", "m1"]);
        assert_eq!(under("*"), ["deep", "m1"]);
        assert_eq!(under("deep/*/m?"), ["deep/er/m2"]);
        assert_eq!(under("deep/.*/m?"), ["deep/.hidden/m3"]);
        assert_eq!(under("deep/x"), ["deep/x"]);
        assert!(under("zz*").is_empty());
        assert_eq!(under("deep/**"), ["deep/", "deep/er", "deep/er/m2", "deep/x"]);
    }
}
