//! The listener: accepts connections, speaks HTTP/1.1 on each with limits on time and size, and
//! ends them in order when the process stops. Apart from the routes because nothing here knows
//! what is served.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{Site, Web, route};
use crate::engine::tasks::Tasks;

/// Time for a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections from one address, unless it is this machine: a proxy carries everybody's.
const MOST_PER_ADDRESS: usize = 256;
/// Connections in all.
const MOST: usize = 10_000;
/// Time for requests under way when the process stops.
const GRACE: Duration = Duration::from_secs(3);

/// Where a request came from: the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Serves `listener` until `tasks` are told to end. Each connection is a task of its own; those
/// under way at the end get three seconds.
pub async fn serve(listener: TcpListener, web: Web, tasks: Tasks) {
    let token = tasks.token();
    let router = route::router(Site::new(web));
    let counts = Arc::new(Counts::default());
    loop {
        let accepted = tokio::select! {
            () = token.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = counts.enter(peer.ip()) else {
                    tracing::warn!(%peer, "too many connections from this address");
                    continue;
                };
                let (router, token) = (router.clone(), token.clone());
                tasks.spawn("http", async move {
                    connection(stream, peer, router, token).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of descriptors, mostly: others will end soon.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: axum::Router,
    token: CancellationToken,
) {
    // Answers are written whole; waiting for more would only delay the last packet.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_headers(100);
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = token.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(GRACE, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        // The other side went away or spoke nonsense; that is its business.
        tracing::debug!(%peer, %error, "a connection ended");
    }
}

/// How many connections there are, by address.
#[derive(Default)]
struct Counts(Mutex<HashMap<IpAddr, usize>>);

/// A counted connection; dropping it counts down.
struct Place(Arc<Counts>, IpAddr);

impl Counts {
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = counts.values().sum();
        let count = counts.entry(address).or_default();
        if total >= MOST || (*count >= MOST_PER_ADDRESS && !address.is_loopback()) {
            return None;
        }
        *count += 1;
        Some(Place(self.clone(), address))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}
