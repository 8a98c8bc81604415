//! What the two protocols differ in, as the pump of a connection sees it: how the session's requests
//! become frames, and pieces of the stream messages. Without IO.

use std::collections::VecDeque;

use tokio_tungstenite::tungstenite::Message as Frame;

use super::Protocol;
use super::msgpack::codec::Value;
use super::msgpack::message::{self, Message, MessageError};

/// One protocol.
pub(super) trait Speech: Send {
    /// Its name.
    const PROTOCOL: Protocol;

    /// What comes in.
    type Piece;

    /// The session asks for something.
    fn request(&mut self, op: &'static str, seq: i64, fields: Vec<(&'static str, Value)>);

    /// The session answers.
    fn response(&mut self, seq: i64, result: Result<Value, String>);

    /// The worker shall say anything.
    fn ping(&mut self);

    /// Something came; the error is why the connection must end.
    fn hear(&mut self, piece: Self::Piece) -> Result<(), String>;

    /// The next message for the session.
    fn heard(&mut self) -> Option<Message>;

    /// The next frame to send.
    fn said(&mut self) -> Option<Frame>;
}

/// msgpack over WebSocket: a message is a frame.
pub(super) struct Msgpack {
    worker: String,
    said: VecDeque<Frame>,
    heard: VecDeque<Message>,
}

impl Msgpack {
    pub(super) fn new(worker: &str) -> Self {
        Self { worker: worker.to_owned(), said: VecDeque::new(), heard: VecDeque::new() }
    }
}

impl Speech for Msgpack {
    const PROTOCOL: Protocol = Protocol::Msgpack;

    type Piece = Frame;

    fn request(&mut self, op: &'static str, seq: i64, fields: Vec<(&'static str, Value)>) {
        self.said.push_back(Frame::Binary(message::request(op, seq, fields)));
    }

    fn response(&mut self, seq: i64, result: Result<Value, String>) {
        self.said.push_back(Frame::Binary(message::response(seq, result)));
    }

    fn ping(&mut self) {
        self.said.push_back(Frame::Ping(bytes::Bytes::new()));
    }

    fn hear(&mut self, frame: Frame) -> Result<(), String> {
        match frame {
            Frame::Binary(bytes) => match message::parse(&bytes) {
                Ok(message) => self.heard.push_back(message),
                Err(error @ MessageError::Nameless) => {
                    tracing::warn!(worker = %self.worker, "The worker sent {error}; it was dropped.");
                }
                Err(error) => return Err(format!("it sent something unreadable: {error}")),
            },
            Frame::Close(_) => return Err("it closed the connection".to_owned()),
            // Buildbot ignores text; pings are answered by the library.
            Frame::Text(_) | Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
        }
        Ok(())
    }

    fn heard(&mut self) -> Option<Message> {
        self.heard.pop_front()
    }

    fn said(&mut self) -> Option<Frame> {
        self.said.pop_front()
    }
}
