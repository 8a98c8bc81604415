//! The WebSocket: Buildbot's `startConsuming`, `stopConsuming` and `ping`, and `watch` for our own
//! pages. Announcements only wake it: what is sent is read from the rows, merged when they come
//! faster than people can see. A client that does not keep up gets the present state instead of
//! what it missed.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use axum::extract::FromRequestParts as _;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value as Json, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

use super::auth::Who;
use super::call::{Call, Problem};
use super::origin::{self, Origin};
use super::topics::{self, Message};
use super::ui::scope::{Change, Scope};
use super::{Site, headers};
use crate::model::event::Event;

/// Between two writes to one client.
const PACE: Duration = Duration::from_millis(60);
/// Time for one write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two pings.
const PING: Duration = Duration::from_secs(30);
/// Announcements that wait for one client; more, and it starts afresh.
const MOST_PENDING: usize = 2000;
/// Subscriptions of one client.
const MOST_PATHS: usize = 1000;

/// `GET /ws`
pub(super) async fn connect(site: Site, mut call: Call) -> Result<Response, Problem> {
    let generation = site.engine().generation();
    if origin::of(call.headers(), &generation.config.url) == Origin::Foreign {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "Another site's page may not listen here.",
        ));
    }
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut call.parts, &()).await else {
        return Ok(headers::plain(StatusCode::UPGRADE_REQUIRED, "This is a WebSocket."));
    };
    let who = call.who.clone();
    Ok(upgrade.max_message_size(64 << 10).on_upgrade(move |socket| async move {
        let events = site.engine().subscribe();
        let client = Client {
            site,
            who,
            socket,
            paths: BTreeSet::new(),
            pending: VecDeque::new(),
            watched: None,
        };
        client.serve(events).await;
    }))
}

/// A page that is watched, and what its browser has.
struct Watched {
    scope: Scope,
    have: HashMap<String, String>,
    dirty: bool,
}

/// One connection.
struct Client {
    site: Site,
    who: Who,
    socket: WebSocket,
    paths: BTreeSet<String>,
    pending: VecDeque<Event>,
    watched: Option<Watched>,
}

/// The connection is over.
struct Gone;

impl Client {
    async fn serve(mut self, mut events: tokio::sync::broadcast::Receiver<Event>) {
        let token = self.site.0.web.tasks.token();
        let (mut next_write, mut next_ping) = (Instant::now(), Instant::now() + PING);
        loop {
            let waits = self.has_news();
            let step = tokio::select! {
                () = token.cancelled() => Err(Gone),
                frame = self.socket.recv() => match frame {
                    Some(Ok(Frame::Text(text))) => self.command(text.as_str()).await,
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => Err(Gone),
                    // The protocol's own frames are answered by the library.
                    Some(Ok(_)) => Ok(()),
                },
                event = events.recv() => match event {
                    Ok(event) => { self.note(event); Ok(()) }
                    Err(RecvError::Lagged(_)) => self.resync().await,
                    Err(RecvError::Closed) => Err(Gone),
                },
                () = sleep_until(next_write), if waits => {
                    let written = self.write_news().await;
                    next_write = Instant::now() + PACE;
                    written
                }
                () = sleep_until(next_ping) => {
                    next_ping = Instant::now() + PING;
                    self.send(Frame::Ping(axum::body::Bytes::new())).await
                }
            };
            if step.is_err() {
                break;
            }
        }
        // The other side may be gone already.
        let _ = tokio::time::timeout(WRITE_TIMEOUT, self.socket.send(Frame::Close(None))).await;
    }

    fn has_news(&self) -> bool {
        !self.pending.is_empty() || self.watched.as_ref().is_some_and(|w| w.dirty)
    }

    /// Takes an announcement, if somebody here wants it.
    fn note(&mut self, event: Event) {
        if let Some(watched) = &mut self.watched
            && watched.scope.is_touched(&event)
        {
            watched.dirty = true;
        }
        if self.paths.is_empty() {
            return;
        }
        let Some(key) = topics::merge_key(&event) else { return };
        // Only the newest of several about the same thing: complete objects are sent anyway.
        self.pending.retain(|e| topics::merge_key(e).as_ref() != Some(&key));
        self.pending.push_back(event);
    }

    /// The client was too slow: a watched page is drawn afresh; a consumer of single events must
    /// connect again and read, which only closing tells it.
    async fn resync(&mut self) -> Result<(), Gone> {
        if let Some(watched) = &mut self.watched {
            watched.dirty = true;
        }
        if self.paths.is_empty() {
            return Ok(());
        }
        self.close_slow().await
    }

    async fn close_slow(&mut self) -> Result<(), Gone> {
        let reason = "too slow: connect again and read the present state".into();
        self.send(Frame::Close(Some(CloseFrame { code: 1013, reason }))).await?;
        Err(Gone)
    }

    async fn write_news(&mut self) -> Result<(), Gone> {
        if self.pending.len() > MOST_PENDING {
            return self.close_slow().await;
        }
        for event in std::mem::take(&mut self.pending) {
            match topics::message(&self.site, &event).await {
                Ok(Some(message)) => self.publish(&message).await?,
                Ok(None) => {}
                // The rows cannot be read now; the log says why, the next event tries again.
                Err(_) => break,
            }
        }
        self.redraw().await
    }

    async fn publish(&mut self, message: &Message) -> Result<(), Gone> {
        for topic in &message.topics {
            if self.paths.iter().any(|path| topics::matches(path, topic)) {
                let key = Json::from(topic.as_str());
                let text = format!("{{\"k\":{key},\"m\":{}}}", message.body.get());
                self.send(Frame::Text(text.into())).await?;
            }
        }
        Ok(())
    }

    /// Draws the watched page again and sends what differs from what the browser has.
    async fn redraw(&mut self) -> Result<(), Gone> {
        let Some(watched) = self.watched.as_mut().filter(|w| w.dirty) else { return Ok(()) };
        watched.dirty = false;
        let message = match watched.scope.draw(&self.site, &self.who).await {
            Err(_) => return Ok(()),
            Ok(Change::Lines(lines)) => {
                watched.dirty = lines.more;
                if lines.html.is_empty() && !lines.complete {
                    return Ok(());
                }
                json!({ "append": {
                    "id": "lines", "html": lines.html, "next": lines.next, "complete": lines.complete,
                } })
            }
            Ok(Change::Fragments(fragments)) => {
                let order: Vec<String> = fragments.iter().map(|f| f.id.clone()).collect();
                let mut changed = Vec::new();
                for fragment in fragments {
                    if watched.have.get(&fragment.id) != Some(&fragment.hash) {
                        changed.push(json!({ "id": fragment.id, "html": fragment.html }));
                        watched.have.insert(fragment.id, fragment.hash);
                    }
                }
                let had = watched.have.len();
                watched.have.retain(|id, _| order.contains(id));
                if changed.is_empty() && watched.have.len() == had {
                    return Ok(());
                }
                json!({ "fragments": changed, "order": order })
            }
        };
        self.send(Frame::Text(message.to_string().into())).await
    }

    async fn send(&mut self, frame: Frame) -> Result<(), Gone> {
        match tokio::time::timeout(WRITE_TIMEOUT, self.socket.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    async fn command(&mut self, text: &str) -> Result<(), Gone> {
        // Buildbot drops the connection on nonsense.
        let Ok(Json::Object(map)) = serde_json::from_str(text) else { return Err(Gone) };
        let mut answer = self.obey(&map);
        answer.insert("_id".to_owned(), map.get("_id").cloned().unwrap_or(Json::Null));
        self.send(Frame::Text(Json::Object(answer).to_string().into())).await
    }

    /// Carries a command out and says what to answer.
    fn obey(&mut self, map: &Map<String, Json>) -> Map<String, Json> {
        if !map.contains_key("_id") && !map.contains_key("type") {
            return fault(400, "no '_id' or 'type' in websocket frame");
        }
        let Some(command) = map.get("cmd") else {
            return fault(400, "no 'cmd' in websocket frame");
        };
        match command.as_str().unwrap_or("") {
            "ping" => fine("pong"),
            "startConsuming" | "stopConsuming" => self.consume(command == "startConsuming", map),
            "watch" => self.watch(map),
            "unwatch" => {
                self.watched = None;
                fine("OK")
            }
            other => fault(404, &format!("no such command type '{other}'")),
        }
    }

    fn consume(&mut self, start: bool, map: &Map<String, Json>) -> Map<String, Json> {
        let Some(path) = map.get("path") else {
            return fault(400, "Invalid method argument 'path' is missing");
        };
        let Some(path) = path.as_str() else {
            return fault(400, &format!("invalid path format '{path}'"));
        };
        if !start {
            return if self.paths.remove(path) {
                fine("OK")
            } else {
                fault(400, &format!("path was not consumed '{path}'"))
            };
        }
        if self.paths.len() >= MOST_PATHS {
            return fault(400, "too many subscriptions on one connection");
        }
        self.paths.insert(path.to_owned());
        fine("OK")
    }

    fn watch(&mut self, map: &Map<String, Json>) -> Map<String, Json> {
        let name = map.get("scope").and_then(Json::as_str).unwrap_or("");
        let Some(scope) = Scope::parse(name) else {
            return fault(400, &format!("there is no scope '{name}'"));
        };
        let have = map.get("have").and_then(Json::as_object).into_iter().flatten();
        let have = have.filter_map(|(id, hash)| Some((id.clone(), hash.as_str()?.to_owned())));
        // Something may have happened between the page and this word, so it is drawn at once.
        self.watched = Some(Watched { scope, have: have.collect(), dirty: true });
        fine("OK")
    }
}

fn fine(text: &str) -> Map<String, Json> {
    Map::from_iter([("msg".to_owned(), text.into()), ("code".to_owned(), 200.into())])
}

fn fault(code: i64, text: &str) -> Map<String, Json> {
    Map::from_iter([("error".to_owned(), text.into()), ("code".to_owned(), code.into())])
}
