//! What fuzzers feed (`fuzz/targets.rs`), fed here to the same functions: the corpora, which hold what
//! real peers have sent and what was once found, and each of them damaged. `UPDATE_GOLDEN=1` writes what
//! comes from the recordings anew.

use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use halide_ci::base::random::Random;
use halide_ci::wire::msgpack::codec::{Value, encode};
use serde_json::Value as Json;

#[path = "../../fuzz/targets.rs"]
mod targets;

/// Damaged copies of each seed.
const DAMAGED: u64 = 20;
/// The longest seed, in bytes.
const LONGEST: usize = 8 << 10;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

/// Feeds the corpus of `target`, as it is and damaged.
fn feed(target: &str, take: impl Fn(&[u8])) {
    let mut fed = 0;
    for entry in std::fs::read_dir(corpus(target)).unwrap() {
        let path = entry.unwrap().path();
        let seed = std::fs::read(&path).unwrap();
        let name = path.display();
        let told = |data: &[u8], what: &str| {
            let fed = catch_unwind(AssertUnwindSafe(|| take(data)));
            assert!(fed.is_ok(), "{name}, {what}");
        };
        told(&seed, "as it is");
        for number in 0..DAMAGED {
            let random = Random::seeded(number);
            let mut data = seed.clone();
            for _ in 0..=random.below(4) {
                let Some(last) = data.len().checked_sub(1) else { break };
                let at = random.below(last + 1);
                match random.below(4) {
                    0 => data.truncate(at),
                    1 => data[at] ^= 1 << random.below(8),
                    2 => data[at] = random.below(256) as u8,
                    _ => data.insert(at, random.below(256) as u8),
                }
            }
            told(&data, &format!("damaged by {number}"));
        }
        fed += 1;
    }
    assert!(fed >= 5, "{target} has {fed} seeds");
}

#[test]
fn no_bytes_of_perspective_broker_are_too_odd() {
    write_seeds();
    feed("banana", targets::banana);
    feed("broker", targets::broker);
}

#[test]
fn no_message_and_no_conversation_is_too_odd() {
    write_seeds();
    feed("msgpack", targets::msgpack);
    feed("session", targets::session);
}

#[test]
fn no_report_of_tests_is_too_odd() {
    write_seeds();
    feed("reports", targets::reports);
}

/// Writes the seeds that come from recordings, when that is asked for.
fn write_seeds() {
    if std::env::var_os("UPDATE_GOLDEN").is_none() {
        return;
    }
    let keep = |target: &str, name: &str, data: &[u8]| {
        std::fs::create_dir_all(corpus(target)).unwrap();
        let data = &data[..data.len().min(LONGEST)];
        std::fs::write(corpus(target).join(name), data).unwrap();
    };
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/wire/recorded");
    for (name, path) in files(&recorded.join("pb")) {
        let worker = said_by_worker(&path);
        keep("banana", &name.replace(".cap.gz", ""), &worker);
        keep("broker", &name.replace(".cap.gz", ""), &worker);
    }
    for (name, path) in files(&recorded).into_iter().filter(|(name, _)| name.ends_with("jsonl")) {
        let mut whole = Vec::new();
        for (number, line) in std::fs::read_to_string(path).unwrap().lines().enumerate() {
            let line: Json = serde_json::from_str(line).unwrap();
            if line["from"] != "worker" {
                continue;
            }
            let message = encode(&value(&line["message"]));
            if number < 40 && name == "shell2.jsonl" {
                keep("msgpack", &format!("shell2-{number}"), &message);
            }
            let Ok(length) = u16::try_from(message.len()) else { continue };
            whole.extend(length.to_be_bytes());
            whole.extend(message);
        }
        keep("session", &name.replace(".jsonl", ""), &whole);
    }
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/results");
    for (name, path) in files(&reports).into_iter().filter(|(name, _)| !name.ends_with("golden")) {
        keep("reports", &name, &std::fs::read(path).unwrap());
    }
}

fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|entry| (entry.file_name().into_string().unwrap(), entry.path())).collect()
}

/// What the worker has said in a recording (`wire/pb_recorded.rs` tells of its form).
fn said_by_worker(path: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    let packed = std::fs::read(path).unwrap();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut all).unwrap();
    let (mut rest, mut out) = (&all[..], Vec::new());
    while let Some((head, more)) = rest.split_first_chunk::<13>() {
        let length = u32::from_be_bytes(*head.last_chunk().unwrap()) as usize;
        let (bytes, more) = more.split_at(length.min(more.len()));
        if head[0] == b'W' {
            out.extend(bytes);
        }
        rest = more;
    }
    out
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(yes) => (*yes).into(),
        Json::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap().into(),
        },
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::Array(items.iter().map(value).collect()),
        Json::Object(map) => {
            Value::map(map.iter().map(|(name, item)| (name.as_str(), value(item))))
        }
    }
}
