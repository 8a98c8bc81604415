//! What one load knows and collects: where it stands, the files, secrets and problems that it met.
//! Everything that reads the configuration, and the functions that Rust gives it, share one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use super::fault::Problem;
use super::locate::{Sources, Spot};
use super::raised::shortened;
use super::texts::Texts;
use crate::base::clock::{Clock, Timestamp};
use crate::base::secret::Secret;
use crate::http;
use crate::model::config::{LoadedFile, Site};

/// What one load knows and collects.
pub(super) struct Ground {
    /// The folder of the main file; `require` and `dofile` look here.
    pub(super) config_dir: PathBuf,
    /// The base directory; secret files are relative to it.
    pub(super) base_dir: PathBuf,
    pub(super) clock: Clock,
    /// For `ci.http`.
    pub(super) http: RefCell<http::Client>,
    /// What is read from files while the configuration loads.
    pub(super) texts: Texts,
    /// Texts, for excerpts.
    pub(super) sources: RefCell<Sources>,
    /// Every file read.
    pub(super) files: RefCell<Vec<LoadedFile>>,
    /// Every secret read.
    pub(super) secrets: RefCell<Vec<Secret>>,
    /// What is wrong so far.
    pub(super) problems: RefCell<Vec<Problem>>,
    /// False once the configuration is in effect: then nothing is read from files any more.
    pub(super) loading: Cell<bool>,
    /// A secret file that does not exist is no problem: these stand in for it, or something else.
    pub(super) makes_up_secrets: RefCell<Option<BTreeMap<String, Secret>>>,
}

impl Ground {
    pub(super) fn new(
        config_dir: PathBuf,
        base_dir: PathBuf,
        clock: Clock,
        texts: Texts,
    ) -> Rc<Self> {
        Rc::new(Self {
            config_dir,
            base_dir,
            clock,
            http: RefCell::default(),
            texts,
            sources: RefCell::default(),
            files: RefCell::default(),
            secrets: RefCell::default(),
            problems: RefCell::default(),
            loading: Cell::new(true),
            makes_up_secrets: RefCell::default(),
        })
    }

    /// Whether secrets may be made up.
    pub(super) fn makes_up_secrets(&self) -> bool {
        self.makes_up_secrets.borrow().is_some()
    }

    /// The secret that was given for this path or name, instead of a file.
    pub(super) fn given_secret(&self, name: &str) -> Option<String> {
        let given = self.makes_up_secrets.borrow();
        given.as_ref().and_then(|given| given.get(name)).map(|secret| secret.expose().to_owned())
    }

    /// The time as the configuration sees it.
    pub(super) fn now(&self) -> Timestamp {
        // It stands still while the configuration loads, so that the load can be repeated.
        if self.loading.get() { self.texts.began(self.clock) } else { self.clock.now() }
    }

    /// Records a problem at `spot`, with the source line.
    pub(super) fn problem(&self, spot: &Spot, message: impl Into<String>, hints: Vec<String>) {
        self.problem_traced(spot, message, hints, Vec::new());
    }

    /// The same, where the user's code calls `called` when nothing else in the line is meant.
    pub(super) fn problem_of_call(
        &self,
        (site, called): (Site, Option<String>),
        message: impl Into<String>,
        hints: Vec<String>,
        trace: Vec<String>,
    ) {
        let message = message.into();
        let caret = {
            let sources = self.sources.borrow();
            sources
                .pointed(&site, &message)
                .or_else(|| called.and_then(|called| sources.called(&site, &called)))
        };
        self.problem_traced(&Spot { site, caret }, message, hints, trace);
    }

    /// A problem with who called whom.
    pub(super) fn problem_traced(
        &self,
        spot: &Spot,
        message: impl Into<String>,
        hints: Vec<String>,
        trace: Vec<String>,
    ) {
        let message = shortened(&self.masked(message.into()));
        let sources = self.sources.borrow();
        let excerpt = sources.line(&spot.site).map(|line| self.masked(line));
        let caret = spot.caret.or_else(|| sources.pointed(&spot.site, &message));
        let problem = Problem { site: spot.site.clone(), caret, excerpt, message, hints, trace };
        self.problems.borrow_mut().push(problem);
    }

    /// `text` without secrets.
    pub(super) fn masked(&self, mut text: String) -> String {
        for secret in self.secrets.borrow().iter() {
            if secret.expose().len() >= 4 && text.contains(secret.expose()) {
                text = text.replace(secret.expose(), "***");
            }
        }
        text
    }

    /// Takes note of a file that was read.
    pub(super) fn add_file(&self, path: PathBuf, text: Option<String>) {
        let mut files = self.files.borrow_mut();
        if !files.iter().any(|f| f.path == path) {
            files.push(LoadedFile { path, text });
        }
    }

    /// Takes note of a secret; an empty one is none. One that is known already, say from a file,
    /// is the same.
    pub(super) fn add_secret(&self, secret: Secret) -> Secret {
        let mut secrets = self.secrets.borrow_mut();
        if let Some(known) = secrets.iter().find(|s| s.expose() == secret.expose()) {
            return known.clone();
        }
        if !secret.expose().is_empty() {
            secrets.push(secret.clone());
        }
        secret
    }
}
