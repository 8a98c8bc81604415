//! The web edge: pages, REST, the live socket and the hooks, on one port. [`serve`] is the way in;
//! [`route`] is the table of everything that answers; `ui` draws. It reads rows through the
//! store and [`crate::api`], and changes things only by asking the engine.

mod access;
mod artifacts;
mod auth;
mod bucket;
mod call;
mod headers;
mod hook;
mod live;
mod login;
mod origin;
mod probe;
mod raw;
mod rest;
pub mod route;
mod rpc;
mod server;
mod topics;
mod transparency;
mod trying;
mod ui;

use std::sync::Arc;

use crate::api::Api;
use crate::engine::tasks::Tasks;
use crate::engine::{Engine, Reload};

pub use server::serve;

/// What the web server works with.
#[derive(Clone)]
pub struct Web {
    /// The engine.
    pub engine: Engine,
    /// Reads the configuration afresh.
    pub reload: Reload,
    /// Where connections run.
    pub tasks: Tasks,
}

/// [`Web`] with what the server itself remembers. Cheap to clone.
#[derive(Clone)]
struct Site(Arc<Inner>);

struct Inner {
    web: Web,
    api: Api,
    logins: bucket::Logins,
}

impl Site {
    fn new(web: Web) -> Self {
        let api = Api::new(web.engine.store().clone());
        Self(Arc::new(Inner { web, api, logins: bucket::Logins::default() }))
    }

    fn engine(&self) -> &Engine {
        &self.0.web.engine
    }

    fn api(&self) -> &Api {
        &self.0.api
    }
}
