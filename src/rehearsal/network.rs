//! The network of a rehearsal: there is none. A request gets the answer that was laid out for it, else
//! maybe the one that it says itself, else an error that says so; every request is noted.

use std::sync::{Arc, Mutex, PoisonError};

use crate::http::{Answer, ErrorKind, Future, HttpError, Request, Transport};

/// An answer that was laid out.
#[derive(Clone, Debug)]
pub struct Canned {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The URL; without a query it fits any query.
    pub url: String,
    /// What is answered.
    pub answer: Answer,
}

/// The answers, the newest first, and the requests so far.
#[derive(Clone)]
pub(super) struct Network(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// What a request says itself is its answer.
    is_trusting: bool,
    canned: Vec<Canned>,
    asked: Vec<String>,
}

impl Network {
    /// A network that takes what a request says itself for its answer, if it `is_trusting`.
    pub(super) fn new(is_trusting: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner { is_trusting, ..Inner::default() })))
    }

    /// Lays out an answer; it goes before older ones.
    pub(super) fn lay_out(&self, canned: Canned) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).canned.insert(0, canned);
    }

    /// Every request that found no answer: `GET https://…`, each once.
    pub(super) fn unanswered(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }
}

impl Transport for Network {
    fn send(&self, request: Request) -> Future<'_, Result<Answer, HttpError>> {
        Box::pin(async move {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let path = request.url.split('?').next().unwrap_or_default();
            let found = inner.canned.iter().find(|canned| {
                canned.method.eq_ignore_ascii_case(&request.method)
                    && (canned.url == request.url || canned.url == path)
            });
            if let Some(canned) = found {
                return Ok(canned.answer.clone());
            }
            let line = format!("{} {path}", request.method);
            if !inner.asked.contains(&line) {
                inner.asked.push(line.clone());
            }
            if let Some(answer) = request.rehearsal.filter(|_| inner.is_trusting) {
                return Ok(answer);
            }
            // Not `Unreachable`, which callers would try again for minutes.
            let message = format!("a rehearsal has no network; nothing is laid out for {line}.");
            Err(HttpError::new(ErrorKind::Invalid, message))
        })
    }
}
