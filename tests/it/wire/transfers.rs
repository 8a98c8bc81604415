//! Files between our own master and worker: what was cut goes on where it ended, what is damaged on
//! its way is refused, and what stood in its place is replaced at once or not at all.

use std::path::Path;
use std::sync::Arc;

use halide_ci::base::partial::Content;
use halide_ci::engine::ports::{CommandEvent, Link};
use halide_ci::model::command::CommandKind;

use super::gate::{Outcome, Pair, finish, go_on, start};

const MIB: usize = 1 << 20;

fn noise(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn partials(dir: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let partials = entries.filter(|e| e.file_name().to_string_lossy().starts_with(".partial-"));
    partials.map(|e| e.metadata().unwrap().len()).collect()
}

#[tokio::test]
async fn only_what_the_master_lacks_is_uploaded() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let data = noise(3 * MIB);
    std::fs::write(pair.dir.path().join("builder/f"), &data).unwrap();
    let upload = || CommandKind::UploadFile {
        path: "f".to_owned(),
        block_size: 256 << 10,
        max_size: None,
        keep_stamp: false,
    };
    let there = Outcome { there: 2 * MIB as u64 + 7, ..Outcome::default() };
    let outcome = go_on(there, start(&link, 1, upload())).await;
    assert_eq!(outcome.rc, Some(0));
    assert_eq!(outcome.announced, Some(Content::of(&data[..]).unwrap()));
    assert_eq!(outcome.sent, outcome.announced);
    assert!(outcome.blocks.concat() == data[2 * MIB + 7..]);
    assert!(outcome.header.ends_with("2097159 of 3145728 bytes are there already\n"));
    // All of it is there, and more than all.
    let there = Outcome { there: data.len() as u64, ..Outcome::default() };
    let outcome = go_on(there, start(&link, 2, upload())).await;
    assert_eq!((outcome.rc, outcome.blocks.len()), (Some(0), 0));
    let there = Outcome { there: data.len() as u64 + 1, ..Outcome::default() };
    let outcome = go_on(there, start(&link, 3, upload())).await;
    assert_eq!((outcome.rc, outcome.blocks.len(), outcome.sent), (Some(1), 0, None));
    assert!(outcome.failure.unwrap().contains("where the file shall begin"));
    pair.end().await;
}

#[tokio::test]
async fn a_directory_is_announced_when_it_is_sent() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    std::fs::create_dir_all(pair.dir.path().join("builder/d")).unwrap();
    std::fs::write(pair.dir.path().join("builder/d/f"), noise(100_000)).unwrap();
    let upload = CommandKind::UploadDirectory {
        path: "d".to_owned(),
        block_size: 10_000,
        max_size: None,
        compress: None,
    };
    let outcome = finish(start(&link, 1, upload)).await;
    assert_eq!((outcome.rc, outcome.announced), (Some(0), None));
    assert_eq!(outcome.sent, Some(Content::of(&outcome.blocks.concat()[..]).unwrap()));
    pair.end().await;
}

/// Answers what a worker asks for of `data`, up to `most` blocks; returns the outcome and where the
/// blocks began.
async fn serve(
    link: &Arc<dyn Link>,
    key: u64,
    download: CommandKind,
    data: &[u8],
    most: usize,
) -> (Outcome, Vec<u64>) {
    let mut events = start(link, key, download);
    let (mut outcome, mut asked) = (Outcome::default(), Vec::new());
    loop {
        match events.recv().await.unwrap() {
            CommandEvent::DownloadBlock { answer, .. } if asked.len() == most => {
                answer.send(Err("cut".to_owned())).unwrap();
            }
            CommandEvent::DownloadBlock { length, offset, answer } => {
                let at = usize::try_from(offset.expect("an offset")).unwrap();
                asked.push(at as u64);
                let end = (at + length).min(data.len());
                answer.send(Ok(data[at.min(end)..end].to_vec().into())).unwrap();
            }
            event => {
                if outcome.take(event) {
                    return (outcome, asked);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_download_that_was_cut_goes_on() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let dir = pair.dir.path().join("builder/new");
    let data = noise(2 * MIB + 1);
    let download = |resumes| CommandKind::DownloadFile {
        path: "new/f".to_owned(),
        block_size: MIB as u64,
        mode: Some(0o640),
        content: Some(Content::of(&data[..]).unwrap()),
        resumes,
    };
    // One that may be a secret leaves nothing.
    let (outcome, _) = serve(&link, 1, download(false), &data, 1).await;
    assert_eq!((outcome.rc, outcome.failure.as_deref()), (Some(1), Some("cut")));
    assert_eq!(partials(&dir), <[u64; 0]>::default());
    let (outcome, asked) = serve(&link, 2, download(true), &data, 1).await;
    assert_eq!((outcome.rc, asked), (Some(1), vec![0]));
    assert_eq!(partials(&dir), [MIB as u64]);
    assert!(!dir.join("f").exists());
    let (outcome, asked) = serve(&link, 3, download(true), &data, 9).await;
    assert_eq!((outcome.rc, asked), (Some(0), vec![MIB as u64, 2 * MIB as u64]));
    assert!(outcome.header.contains("1048576 of 2097153 bytes are there already\n"));
    assert!(std::fs::read(dir.join("f")).unwrap() == data);
    assert_eq!(partials(&dir), <[u64; 0]>::default());
    let about = dir.join("f").metadata().unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o777, 0o640);
    pair.end().await;
}

#[tokio::test]
async fn a_damaged_download_changes_nothing() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let dir = pair.dir.path().join("builder");
    std::fs::write(dir.join("f"), "before").unwrap();
    let data = noise(2 * MIB);
    let download = || CommandKind::DownloadFile {
        path: "f".to_owned(),
        block_size: MIB as u64,
        mode: None,
        content: Some(Content::of(&data[..]).unwrap()),
        resumes: true,
    };
    let mut flipped = data.clone();
    flipped[MIB + 17] ^= 1;
    let (outcome, _) = serve(&link, 1, download(), &flipped, 9).await;
    assert_eq!(outcome.rc, Some(1));
    let said = String::from_utf8(outcome.stderr).unwrap();
    assert!(said.contains("has changed on its way"), "{said}");
    // One that is shorter than it was said to be.
    let (outcome, _) = serve(&link, 2, download(), &data[..MIB / 2], 9).await;
    assert!(outcome.failure.unwrap().contains("not as long as it said"));
    assert_eq!(std::fs::read(dir.join("f")).unwrap(), b"before");
    let (outcome, asked) = serve(&link, 3, download(), &data, 9).await;
    assert_eq!((outcome.rc, asked), (Some(0), vec![MIB as u64 / 2, MIB as u64 * 3 / 2]));
    assert!(std::fs::read(dir.join("f")).unwrap() == data);
    pair.end().await;
}
