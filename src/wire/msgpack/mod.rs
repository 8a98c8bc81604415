//! Buildbot's msgpack-over-WebSocket protocol (`msgpack_experimental_v7`): the encoding, the
//! messages, and the handshake with its frames. Master and worker share it.

pub mod codec;
pub mod message;
pub mod outbox;
pub mod websocket;
