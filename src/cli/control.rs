//! The control socket: how `status`, `reload` and `stop` reach a running master. One line of JSON
//! each way: `{"verb":"reload"}`, answered by `{"ok":…}` or `{"error":"…"}`. Only the owner of the
//! directory can open it (mode 0600), so it needs no password.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use super::place::Place;
use crate::engine::tasks::Tasks;

/// The longest line that is read.
const LONGEST_LINE: u64 = 64 << 10;

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Order {
    /// How does it stand?
    Status,
    /// Why is a request not built yet, or, with `change`, what did schedulers make of a change?
    Why {
        /// The number of the request.
        #[serde(default)]
        request: Option<i64>,
        /// The number of the change.
        #[serde(default)]
        change: Option<i64>,
    },
    /// Load the configuration afresh; with `dry_run`, only say what would change.
    Reload {
        /// Change nothing.
        #[serde(default)]
        dry_run: bool,
        /// What would change if this file were the configuration.
        #[serde(default)]
        config: Option<PathBuf>,
    },
    /// End; with `drain`, after the running builds have ended.
    Stop {
        /// Wait for running builds.
        #[serde(default)]
        drain: bool,
    },
}

/// An order with the place for its answer.
pub(super) struct Asked {
    /// What is wanted.
    pub(super) order: Order,
    /// Where the answer goes.
    pub(super) answer: oneshot::Sender<Result<Json, String>>,
}

/// Listens at the control socket of `place`; orders come out of the receiver.
///
/// # Errors
/// When the socket cannot be made.
pub(super) fn listen(place: &Place, tasks: &Tasks) -> Result<mpsc::Receiver<Asked>, Failure> {
    let path = place.control_socket();
    // The pid file's lock is ours, so a socket that is there is nobody's.
    let _ = std::fs::remove_file(&path);
    let bound = UnixListener::bind(&path).and_then(|listener| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    });
    let listener = bound.map_err(|error| {
        let failure =
            Failure::failed(format!("The socket {} cannot be made: {error}.", path.display()));
        match path.as_os_str().len() {
            0..=107 => failure,
            n => failure.hint(format!(
                "Its path has {n} bytes and the system takes 107: start with a shorter path."
            )),
        }
    })?;
    let (orders, asked) = mpsc::channel(8);
    let accepting = accept(listener, orders, tasks.clone());
    let token = tasks.token();
    tasks.spawn("control", async move {
        tokio::select! {
            () = token.cancelled() => {}
            () = accepting => {}
        }
    });
    Ok(asked)
}

async fn accept(listener: UnixListener, orders: mpsc::Sender<Asked>, tasks: Tasks) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let orders = orders.clone();
                let token = tasks.token();
                tasks.spawn("control connection", async move {
                    tokio::select! {
                        () = token.cancelled() => {}
                        // A client that goes away early has its order carried out all the same.
                        _ = converse(stream, orders) => {}
                    }
                });
            }
            Err(error) => {
                tracing::warn!("The control socket does not accept: {error}.");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn converse(
    stream: tokio::net::UnixStream,
    orders: mpsc::Sender<Asked>,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = tokio::io::BufReader::new(read.take(LONGEST_LINE));
    let mut line = String::new();
    while read.read_line(&mut line).await? > 0 {
        let answer = match serde_json::from_str(&line) {
            Ok(order) => ask_server(order, &orders).await,
            Err(error) => Err(format!("This is not an order: {error}.")),
        };
        let reply = match answer {
            Ok(ok) => json!({ "ok": ok }),
            Err(error) => json!({ "error": error }),
        };
        write.write_all(format!("{reply}\n").as_bytes()).await?;
        line.clear();
        read.get_mut().set_limit(LONGEST_LINE);
    }
    Ok(())
}

async fn ask_server(order: Order, orders: &mpsc::Sender<Asked>) -> Result<Json, String> {
    let ending = || "The master is stopping.".to_owned();
    let (answer, answered) = oneshot::channel();
    orders.send(Asked { order, answer }).await.map_err(|_| ending())?;
    answered.await.map_err(|_| ending())?
}

/// Gives `order` to the master of `place` and returns its answer.
///
/// # Errors
/// Unreachable when nobody listens, failed when the master refuses.
pub(super) fn order(place: &Place, order: &Order) -> Result<Json, Failure> {
    let unreachable = |error: std::io::Error| {
        Failure::unreachable(format!("The {place} cannot be reached: {error}."))
            .hint(format!("See whether it runs with: halide-ci status {}", place.dir.display()))
    };
    let stream = UnixStream::connect(place.control_socket()).map_err(unreachable)?;
    stream.set_read_timeout(Some(Duration::from_secs(120))).map_err(unreachable)?;
    let line = format!("{}\n", serde_json::to_value(order).unwrap_or_default());
    (&stream).write_all(line.as_bytes()).map_err(unreachable)?;
    let mut reply = String::new();
    BufReader::new(&stream).read_line(&mut reply).map_err(unreachable)?;
    let mut reply: Json = serde_json::from_str(&reply)
        .map_err(|_| unreachable(std::io::Error::other("it hung up")))?;
    match reply["error"].as_str() {
        Some(error) => Err(Failure::failed(error)),
        None => Ok(reply["ok"].take()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Kind;
    use crate::cli::place::Role;

    #[tokio::test]
    async fn orders_go_in_and_answers_come_out() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { dir: dir.path().to_owned(), role: Role::Master };
        let tasks = Tasks::new();
        let mut asked = listen(&place, &tasks).unwrap();
        let mode = std::fs::metadata(place.control_socket()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        tasks.spawn("master", async move {
            while let Some(Asked { order, answer }) = asked.recv().await {
                let _ = answer.send(match order {
                    Order::Status => Ok(json!({ "pid": 7 })),
                    Order::Why { request, .. } => Ok(json!(request)),
                    Order::Reload { .. } => Err("master.lua:1: no.".to_owned()),
                    Order::Stop { drain } => Ok(json!(drain)),
                });
            }
        });
        let answers = tokio::task::spawn_blocking(move || {
            let reload = Order::Reload { dry_run: true, config: None };
            [Order::Status, reload, Order::Stop { drain: true }].map(|o| order(&place, &o))
        });
        let [status, reload, stop] = answers.await.unwrap();
        assert_eq!(status.unwrap(), json!({ "pid": 7 }));
        assert_eq!(reload.unwrap_err(), Failure::failed("master.lua:1: no."));
        assert_eq!(stop.unwrap(), json!(true));
        tasks.end().await;
    }

    #[test]
    fn nobody_there_is_unreachable() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { dir: dir.path().to_owned(), role: Role::Master };
        assert_eq!(order(&place, &Order::Status).unwrap_err().kind, Kind::Unreachable);
    }
}
