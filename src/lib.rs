//! halide-ci: a continuous-integration engine that is programmed in Lua. One library, one binary;
//! this page is the architecture.
//!
//! ```text
//!                  cli ───────────► server            composition root: builds, joins, stops
//!                   └────────────────►│ rehearsal      another one: in memory, nothing is executed
//!                                     │
//!       ┌──────────────┬──────────────┼──────────────┬──────────────┐
//!       web            script         wire, local    report, poll   worker        EDGES: none knows another
//!       pages, REST    Lua            protocols      out and in     our own agent
//!       │   │              │              │          │              (shares the codec of `wire`)
//!       │   └── api        │           process       └── forge ── http       helpers below the edges
//!       └───────┬──────────┴──────┬───────┴──────── template ─┘
//!               ▼                 ▼
//!             engine          ports: Scripts, Link       decides: no Lua, no SQL, no HTTP, no bytes
//!               ▼
//!             store           every SQL word
//!               ▼
//!             model           plain data and pure rules: no tokio, no IO
//!               ▼
//!             base            time, ids, results, text, randomness
//! ```
//!
//! Arrows point down only; `tests/it/tidy.rs` reads the imports. Also checked there: no `mlua`
//! outside `script`, no `rusqlite` outside `store`, no SQL outside `store`, no tokio in `model`.
//! Time, randomness and spawning have one seam each (`base::clock`, `base::random`,
//! `engine::tasks`), which the simulator owns; `.clippy.toml` bans the ways around them.
//!
//! # How it works
//!
//! **The beat** ([`engine::beat`]) is one loop on a thread of its own. It takes every input that
//! waits and, inside one transaction, decides them one by one, rows and mirror together; then it
//! commits, and only then it announces, answers and acts. Whatever happened during a commit is the
//! next group: thousands of durable answers need few syncs. A commit that fails ends the process;
//! the next start recovers, as every start does ([`engine::recover`]).
//!
//! **A webhook**: `web::hook` checks the signature → `Engine::deliver` → a row, and the 200.
//! [`engine::intake`] reads rows that nobody has read: stock rules in `forge::github`, the
//! configuration's functions in `script`, then every scheduler's judgement → one transaction with
//! the changes, the verdicts and, when a line of development is quiet, buildsets and requests. The
//! queue (pure, `engine::queue`) gives requests to workers; a claim is a row.
//!
//! **A poller** ([`poll`]) asks a repository; what it found and how far it has seen is one input
//! ([`engine::input::Looked`]) and so one transaction: changes that [`engine::intake`] reads from
//! rows like those of a webhook.
//!
//! **A build** is a task (`engine::attempt`) that asks the beat for what must be durable and waits
//! for Lua and the worker, which the beat never does. Its steps run functions of the configuration
//! it began with ([`engine::Generation`]); a function asks for things through a
//! [`engine::desk::Desk`]. Output takes another way, from the worker's session to the log writer
//! ([`engine::output`]), with a budget for each log.
//!
//! **A worker's connection** ([`wire`]) begins with silence or with an HTTP request, which says what it
//! speaks: Perspective Broker, whose master speaks first, or msgpack over WebSocket. Both are put into
//! the same messages, so there is one session, one greeting and one rule about duplicates.
//!
//! **A program of the master's own machine** ([`local`]) is a command like any other, to a worker
//! that has no connection.
//!
//! **An artifact** is a file under its hash (`store::blobs`), on the disk before the row that names it is
//! committed; rows go by rule, bytes when no row names them any more (`engine::artifacts`).
//!
//! **A file that moves** between our own master and worker is announced with its hash before it is sent
//! ([`base::partial`]): what a cut connection left of it is not sent again, what was damaged is refused,
//! and what stands in its place is replaced at once. Stock workers send and take files as ever.
//!
//! **Lua** runs on one thread for each generation. The core shares neither a thread nor a lock with
//! it; what a function costs is bounded, and one that never returns is given up.
//!
//! **A single build** ([`server::alone`], `halide-ci run`) has a real engine and a real worker in one
//! process, and a configuration from which everything is taken that reaches out by itself.
//!
//! **A rehearsal** ([`rehearsal`]) is the same engine with a database in memory, simulated time, no
//! network and workers that only take notes: `explain` and `halide-ci test` ask it what would happen.
//!
//! # Words that are ours
//!
//! *Generation*: a loaded configuration. *Attempt*: a build as one try at its request; a retry is a
//! new build. *Epoch*: the number of a worker's connection. *Line*: a line of development, the
//! (codebase, project, repository, branch) by which timers and collapsing tell changes apart.
//!
//! # Where to begin
//!
//! `master.lua`, [`model::config`], [`engine::ports`], [`engine::beat`], `engine/attempt.rs`,
//! `lua/ci/steps/git.lua`, [`script`], `tests/it/scenario/github.rs`.
//!
//! # Decided while building
//!
//! * Reconciliation with GitHub (`poll::reconcile`) delivers what was missed to ourselves, in the shape
//!   of GitHub's own payloads; the beat knows every head that was told or found, so that the same head
//!   is taken once, whoever comes first (`engine::reconcile`).
//! * A change is judged by the schedulers before it is stored, so that delivery, changes, verdicts
//!   and buildsets are one transaction, and a crash leaves a delivery unread or wholly read.
//! * Builder and worker locks are taken when a request is claimed; a builder that lacks only them stands
//!   in the same line as steps do, on one worker. Whoever stands ahead counts as if it held the lock. Of
//!   builds that wait for each other, for locks or for what they have triggered, the one of the newest
//!   request gives way: it ends as retry, and says which locks make the circle. One that another build
//!   waits for is spared if it can be; else it ends as an exception, because a retry would be as stuck.
//! * Deliveries of one line (a pull request, a ref) are read strictly in order. Those of other lines
//!   wait two seconds for a slow one and then overtake it, so that an outage of GitHub's API holds
//!   up only what needs it.
//! * A stop or cancel is a row before it is answered: however the attempt ends then, it is not tried
//!   again.
//! * What a removed builder or scheduler leaves waiting is cancelled after an hour, not at once: most
//!   removals that hurt are mistakes. The hour is not stored; a restart begins it anew.
//! * Functions that decide (`next_worker`, `prioritize_builders` …) are asked by a task; the answer is a
//!   proposal that the beat checks against the state of that moment (`engine::advice`). Changes stay
//!   held in rows until the answer is here, so that a crash or a reload only asks again.
//! * Loading is deterministic, so the functions of a configuration have the same numbers each time: a
//!   Lua state that falls silent inside C is made again from the texts that were loaded.
//! * A function is known by its compiled text and the values it holds (`script::fingerprint`); a reload
//!   tells one that changed, and nothing of one that moved.
//! * What Buildbot has and the engine cannot do yet is read and checked like the rest and then refused
//!   (`script/read/later.rs`), so that nothing in a configuration is silently ignored.
//! * What a build has triggered and waits for goes on when the build is tried again: the new attempt
//!   takes over what an earlier one triggered in the same step with the same scheduler, source and
//!   properties, complete or not, and cancels what it does not want any more (`engine::trigger`). So
//!   neither a restart nor a lost worker builds a child twice. When a step ends that waits, or its
//!   request for good, what it waits for is cancelled; who waits is rows, not memory.
//! * A step that is tried again (`retry`) is one row whose attempts have logs of their own; steps that run
//!   at the same time (`ci.step_group { parallel = true }`) are rows of their own. Steps that a step adds
//!   are read as those of a factory, and their functions forgotten when the build has ended (`script/late.rs`).
//! * `latest-success` of artifacts never means a pull request or a patch unless its branch is asked for: what a
//!   stranger proposes must not be what others download. The newest success outlives its rule, so that
//!   a stable address does not die while nobody commits.
//! * A directory is verified too, but begins anew when it was cut: its archive is made while it is sent.
//!   What was cut stays beside its place for a day at most; of texts, which may be secret, nothing stays.
//! * Fields of cron are parsed here (`model::cron`), not by a library: each error names its field, and
//!   days of the week count as Buildbot's do.
//! * What is told is decided when it happens, from rows; in which words, when it is about to leave. The
//!   words stay in the row from then on: every attempt says the same, also after a reload.
//! * How long a worker has been away is kept over restarts, but a master that begins is patient for two
//!   minutes: the worker may only have waited for it.
//! * The request is a machine of its own (`model::request`) and is the fence: only the current
//!   attempt can give it a result. Build and step need none, their task is their state; what must
//!   outlive it is in the rows.

pub mod api;
pub mod base;
pub mod cli;
pub mod engine;
pub mod forge;
pub mod http;
pub mod local;
pub mod model;
pub mod poll;
mod process;
pub mod rehearsal;
pub mod report;
pub mod script;
pub mod server;
pub mod store;
pub mod template;
pub mod web;
pub mod wire;
pub mod worker;
