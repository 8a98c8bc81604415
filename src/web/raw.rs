//! A log as it is: streamed frame by frame, so that a log of any size takes the memory of one
//! frame. `exact` gives the bytes unchanged; otherwise a change of stream ends a line, and a
//! command's log begins with three lines that say where it comes from.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures_util::stream;

use super::Site;
use super::headers::{set, typed};
use crate::api::RawLog;
use crate::model::log::Stream;
use crate::store::views::logs::Place;
use crate::store::{Conn, Store, StoreError, frames};

/// What a browser may do with a log: nothing but show it.
const CONTENT_POLICY: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

/// The answer for a log.
pub(super) fn stream(site: &Site, log: RawLog, exact: bool) -> Response {
    let RawLog { place, inline } = log;
    let kind =
        if place.kind == "h" { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
    let name = file_name(&place);
    let reader = Reader {
        store: site.engine().store().clone(),
        head: (!exact && place.kind == "s").then(|| head(&place)),
        place,
        byte: 0,
        exact,
        last: None,
    };
    let body = Body::from_stream(stream::try_unfold(reader, Reader::next));
    let mut response = typed(StatusCode::OK, kind, body);
    set(&mut response, header::CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    // The log's own page shows one of HTML in a frame.
    set(&mut response, header::X_FRAME_OPTIONS, "SAMEORIGIN");
    if !inline {
        let disposition = format!("attachment; filename={name}");
        set(&mut response, header::CONTENT_DISPOSITION, &disposition);
    }
    response
}

fn head(place: &Place) -> String {
    let Place { builder, number, worker, .. } = place;
    format!("Builder: {builder}\nBuild number: {number}\nWorker name: {worker}\n")
}

/// A name that needs no quotes in a header and no care in a shell.
fn file_name(place: &Place) -> String {
    let Place { builder, number, step, slug, .. } = place;
    format!("{builder}_build_{number}_step_{step}_log_{slug}")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' })
        .collect()
}

/// Where reading stands.
struct Reader {
    store: Store,
    head: Option<String>,
    place: Place,
    byte: i64,
    exact: bool,
    /// The last byte and its stream, to know whether a line is open.
    last: Option<(Stream, u8)>,
}

impl Reader {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, StoreError> {
        if let Some(head) = self.head.take() {
            return Ok(Some((Bytes::from(head), self)));
        }
        let (log, byte) = (self.place.log, self.byte);
        let read = move |c: &Conn<'_>| frames::from_byte(c, log, byte);
        let Some((segments, next)) = self.store.read_logs(read).await? else {
            // Only a complete log's last line is known to be complete.
            let open = self.last.take().is_some_and(|(_, byte)| byte != b'\n');
            let ends = !self.exact && self.place.is_complete && open;
            return Ok(ends.then(|| (Bytes::from_static(b"\n"), self)));
        };
        self.byte = next;
        let mut out = Vec::with_capacity(segments.iter().map(|(_, b)| b.len() + 1).sum());
        for (stream, bytes) in segments {
            let turns = self.last.is_some_and(|(s, byte)| s != stream && byte != b'\n');
            if turns && !self.exact {
                out.push(b'\n');
            }
            self.last = bytes.last().map(|byte| (stream, *byte)).or(self.last);
            out.extend_from_slice(&bytes);
        }
        Ok(Some((Bytes::from(out), self)))
    }
}
