//! Every path of the data API, in one table: REST, events and the CLI read the same one. With
//! equal length a number is tried before a name, so the order matters.

use crate::store::page::Table;
use crate::store::views::{
    artifacts, builders, buildrequests, builds, buildsets, change_sources, changes, logs, masters,
    properties, schedulers, sourcestamps, steps, test_results, workers,
};

/// A path and what is there.
#[derive(Debug)]
pub struct Endpoint {
    /// The path's pattern.
    pub pattern: &'static str,
    /// What it answers.
    pub shape: Shape,
}

/// What a path answers. Scopes are conditions that take the path's parameters in order.
#[derive(Debug)]
pub enum Shape {
    /// The list of collections.
    Root,
    /// Rows of a table.
    Rows {
        /// Which.
        table: &'static Table,
        /// Of what.
        scope: &'static [&'static str],
        /// Exactly one row, or 404.
        single: bool,
        /// An empty list of a build that does not exist is a 404.
        of_build: bool,
    },
    /// Force schedulers, from the configuration.
    Forces(ForcesOf),
    /// The properties of a build, as one map.
    BuildProperties(&'static [&'static str]),
    /// The properties of a buildset, as one map or as a list.
    BuildsetProperties {
        /// As a list.
        list: bool,
    },
    /// The properties of a change, as a list.
    ChangeProperties,
    /// Lines of a log.
    Contents(&'static [&'static str]),
    /// A log's bytes, to be saved.
    Raw(&'static [&'static str]),
    /// A log's bytes, to be looked at.
    RawInline(&'static [&'static str]),
}

/// Which force schedulers.
#[derive(Clone, Copy, Debug)]
pub enum ForcesOf {
    /// All.
    All,
    /// The one of a name.
    Name,
    /// Those of a builder.
    Builder,
}

/// The collections that the root lists.
pub const COLLECTIONS: &[&str] = &[
    "builders",
    "buildrequests",
    "builds",
    "buildsets",
    "changes",
    "changesources",
    "forceschedulers",
    "masters",
    "schedulers",
    "sourcestamps",
    "workers",
];

const fn at(pattern: &'static str, shape: Shape) -> Endpoint {
    Endpoint { pattern, shape }
}

const fn all(
    pattern: &'static str,
    table: &'static Table,
    scope: &'static [&'static str],
) -> Endpoint {
    at(pattern, Shape::Rows { table, scope, single: false, of_build: false })
}

const fn one(
    pattern: &'static str,
    table: &'static Table,
    scope: &'static [&'static str],
) -> Endpoint {
    at(pattern, Shape::Rows { table, scope, single: true, of_build: false })
}

const fn of_build(
    pattern: &'static str,
    table: &'static Table,
    scope: &'static [&'static str],
) -> Endpoint {
    at(pattern, Shape::Rows { table, scope, single: false, of_build: true })
}

/// The table.
#[rustfmt::skip]
pub static TABLE: &[Endpoint] = &[
    at("/", Shape::Root),
    all("/masters", &masters::TABLE, &[]),
    one("/masters/n:masterid", &masters::TABLE, &[masters::scope::ID]),
    all("/builders/n:builderid/masters", &masters::TABLE, &[masters::scope::OF_BUILDER]),
    one("/builders/n:builderid/masters/n:masterid", &masters::TABLE, &[masters::scope::OF_BUILDER, masters::scope::ID]),
    all("/builders", &builders::TABLE, &[]),
    one("/builders/n:builderid", &builders::TABLE, &[builders::scope::ID]),
    one("/builders/s:buildername", &builders::TABLE, &[builders::scope::NAME]),
    all("/masters/n:masterid/builders", &builders::TABLE, &[builders::scope::OF_MASTER]),
    one("/masters/n:masterid/builders/n:builderid", &builders::TABLE, &[builders::scope::OF_MASTER, builders::scope::ID]),
    all("/workers/n:workerid/builders", &builders::TABLE, &[builders::scope::OF_WORKER]),
    all("/workers", &workers::TABLE, &[]),
    one("/workers/n:workerid", &workers::TABLE, &[workers::scope::ID]),
    one("/workers/i:name", &workers::TABLE, &[workers::scope::NAME]),
    all("/masters/n:masterid/workers", &workers::TABLE, &[workers::scope::OF_MASTER]),
    one("/masters/n:masterid/workers/n:workerid", &workers::TABLE, &[workers::scope::OF_MASTER, workers::scope::ID]),
    one("/masters/n:masterid/workers/i:name", &workers::TABLE, &[workers::scope::OF_MASTER, workers::scope::NAME]),
    all("/builders/n:builderid/workers", &workers::TABLE, &[workers::scope::OF_BUILDER]),
    one("/builders/n:builderid/workers/n:workerid", &workers::TABLE, &[workers::scope::OF_BUILDER, workers::scope::ID]),
    one("/builders/n:builderid/workers/i:name", &workers::TABLE, &[workers::scope::OF_BUILDER, workers::scope::NAME]),
    all("/masters/n:masterid/builders/n:builderid/workers", &workers::TABLE, &[workers::scope::OF_MASTER, workers::scope::OF_BUILDER]),
    one("/masters/n:masterid/builders/n:builderid/workers/n:workerid", &workers::TABLE, &[workers::scope::OF_MASTER, workers::scope::OF_BUILDER, workers::scope::ID]),
    one("/masters/n:masterid/builders/n:builderid/workers/i:name", &workers::TABLE, &[workers::scope::OF_MASTER, workers::scope::OF_BUILDER, workers::scope::NAME]),
    all("/schedulers", &schedulers::TABLE, &[]),
    one("/schedulers/n:schedulerid", &schedulers::TABLE, &[schedulers::scope::ID]),
    all("/masters/n:masterid/schedulers", &schedulers::TABLE, &[schedulers::scope::OF_MASTER]),
    one("/masters/n:masterid/schedulers/n:schedulerid", &schedulers::TABLE, &[schedulers::scope::OF_MASTER, schedulers::scope::ID]),
    all("/changesources", &change_sources::TABLE, &[]),
    one("/changesources/n:changesourceid", &change_sources::TABLE, &[change_sources::scope::ID]),
    all("/masters/n:masterid/changesources", &change_sources::TABLE, &[change_sources::scope::OF_MASTER]),
    one("/masters/n:masterid/changesources/n:changesourceid", &change_sources::TABLE, &[change_sources::scope::OF_MASTER, change_sources::scope::ID]),
    at("/forceschedulers", Shape::Forces(ForcesOf::All)),
    at("/forceschedulers/i:schedulername", Shape::Forces(ForcesOf::Name)),
    at("/builders/n:builderid/forceschedulers", Shape::Forces(ForcesOf::Builder)),
    all("/buildsets", &buildsets::TABLE, &[]),
    one("/buildsets/n:bsid", &buildsets::TABLE, &[buildsets::scope::ID]),
    all("/buildsets/n:bsid/sourcestamps", &sourcestamps::TABLE, &[sourcestamps::scope::OF_BUILDSET]),
    at("/buildsets/n:bsid/properties", Shape::BuildsetProperties { list: false }),
    at("/buildsets/n:bsid/properties_list", Shape::BuildsetProperties { list: true }),
    all("/sourcestamps", &sourcestamps::TABLE, &[]),
    one("/sourcestamps/n:ssid", &sourcestamps::TABLE, &[sourcestamps::scope::ID]),
    all("/sourcestamps/n:ssid/changes", &changes::TABLE, &[changes::scope::OF_STAMP]),
    all("/buildrequests", &buildrequests::TABLE, &[]),
    one("/buildrequests/n:buildrequestid", &buildrequests::TABLE, &[buildrequests::scope::ID]),
    all("/buildrequests/n:buildrequestid/builds", &builds::TABLE, &[builds::scope::OF_REQUEST]),
    all("/builders/n:builderid/buildrequests", &buildrequests::TABLE, &[buildrequests::scope::OF_BUILDER]),
    all("/changes", &changes::TABLE, &[]),
    one("/changes/n:changeid", &changes::TABLE, &[changes::scope::ID]),
    all("/changes/n:changeid/builds", &builds::TABLE, &[builds::scope::OF_CHANGE]),
    at("/changes/n:changeid/properties_list", Shape::ChangeProperties),
    all("/builds/n:buildid/changes", &changes::TABLE, &[changes::scope::OF_BUILD]),
    all("/builders/n:builderid/builds/n:build_number/changes", &changes::TABLE, &[changes::scope::OF_BUILDER_BUILD]),
    all("/builds", &builds::TABLE, &[]),
    one("/builds/n:buildid", &builds::TABLE, &[builds::scope::ID]),
    all("/builds/n:buildid/triggered_builds", &builds::TABLE, &[builds::scope::TRIGGERED_BY]),
    all("/workers/n:workerid/builds", &builds::TABLE, &[builds::scope::OF_WORKER]),
    all("/builders/n:builderid/builds", &builds::TABLE, &[builds::scope::OF_BUILDER]),
    one("/builders/n:builderid/builds/n:build_number", &builds::TABLE, &[builds::scope::OF_BUILDER, builds::scope::NUMBER]),
    all("/builders/s:buildername/builds", &builds::TABLE, &[builds::scope::OF_BUILDER_NAME]),
    one("/builders/s:buildername/builds/n:build_number", &builds::TABLE, &[builds::scope::OF_BUILDER_NAME, builds::scope::NUMBER]),
    at("/builds/n:buildid/properties", Shape::BuildProperties(&[properties::scope::OF_BUILD])),
    at("/builders/n:builderid/builds/n:build_number/properties", Shape::BuildProperties(&[properties::scope::OF_BUILDER_BUILD])),
    all("/builds/n:buildid/property_list", &properties::TABLE, &[properties::scope::OF_BUILD]),
    all("/builds/n:buildid/steps", &steps::TABLE, &[steps::scope::OF_BUILD]),
    one("/builds/n:buildid/steps/n:step_number", &steps::TABLE, &[steps::scope::OF_BUILD, steps::scope::NUMBER]),
    one("/builds/n:buildid/steps/i:step_name", &steps::TABLE, &[steps::scope::OF_BUILD, steps::scope::NAME]),
    all("/builds/n:buildid/steps/n:step_number/logs", &logs::TABLE, &[logs::scope::OF_BUILD_STEP]),
    one("/builds/n:buildid/steps/n:step_number/logs/i:log_slug", &logs::TABLE, &[logs::scope::OF_BUILD_STEP, logs::scope::SLUG]),
    at("/builds/n:buildid/steps/n:step_number/logs/i:log_slug/contents", Shape::Contents(&[logs::scope::OF_BUILD_STEP, logs::scope::SLUG])),
    at("/builds/n:buildid/steps/n:step_number/logs/i:log_slug/raw", Shape::Raw(&[logs::scope::OF_BUILD_STEP, logs::scope::SLUG])),
    at("/builds/n:buildid/steps/n:step_number/logs/i:log_slug/raw_inline", Shape::RawInline(&[logs::scope::OF_BUILD_STEP, logs::scope::SLUG])),
    all("/builds/n:buildid/steps/i:step_name/logs", &logs::TABLE, &[logs::scope::OF_BUILD_STEP_NAME]),
    one("/builds/n:buildid/steps/i:step_name/logs/i:log_slug", &logs::TABLE, &[logs::scope::OF_BUILD_STEP_NAME, logs::scope::SLUG]),
    at("/builds/n:buildid/steps/i:step_name/logs/i:log_slug/contents", Shape::Contents(&[logs::scope::OF_BUILD_STEP_NAME, logs::scope::SLUG])),
    at("/builds/n:buildid/steps/i:step_name/logs/i:log_slug/raw", Shape::Raw(&[logs::scope::OF_BUILD_STEP_NAME, logs::scope::SLUG])),
    at("/builds/n:buildid/steps/i:step_name/logs/i:log_slug/raw_inline", Shape::RawInline(&[logs::scope::OF_BUILD_STEP_NAME, logs::scope::SLUG])),
    of_build("/builders/n:builderid/builds/n:build_number/steps", &steps::TABLE, &[steps::scope::OF_BUILDER_BUILD]),
    one("/builders/n:builderid/builds/n:build_number/steps/n:step_number", &steps::TABLE, &[steps::scope::OF_BUILDER_BUILD, steps::scope::NUMBER]),
    one("/builders/n:builderid/builds/n:build_number/steps/i:step_name", &steps::TABLE, &[steps::scope::OF_BUILDER_BUILD, steps::scope::NAME]),
    all("/builders/n:builderid/builds/n:build_number/steps/n:step_number/logs", &logs::TABLE, &[logs::scope::OF_BUILDER_STEP]),
    one("/builders/n:builderid/builds/n:build_number/steps/n:step_number/logs/i:log_slug", &logs::TABLE, &[logs::scope::OF_BUILDER_STEP, logs::scope::SLUG]),
    at("/builders/n:builderid/builds/n:build_number/steps/n:step_number/logs/i:log_slug/contents", Shape::Contents(&[logs::scope::OF_BUILDER_STEP, logs::scope::SLUG])),
    at("/builders/n:builderid/builds/n:build_number/steps/n:step_number/logs/i:log_slug/raw", Shape::Raw(&[logs::scope::OF_BUILDER_STEP, logs::scope::SLUG])),
    at("/builders/n:builderid/builds/n:build_number/steps/n:step_number/logs/i:log_slug/raw_inline", Shape::RawInline(&[logs::scope::OF_BUILDER_STEP, logs::scope::SLUG])),
    all("/builders/n:builderid/builds/n:build_number/steps/i:step_name/logs", &logs::TABLE, &[logs::scope::OF_BUILDER_STEP_NAME]),
    one("/builders/n:builderid/builds/n:build_number/steps/i:step_name/logs/i:log_slug", &logs::TABLE, &[logs::scope::OF_BUILDER_STEP_NAME, logs::scope::SLUG]),
    at("/builders/n:builderid/builds/n:build_number/steps/i:step_name/logs/i:log_slug/contents", Shape::Contents(&[logs::scope::OF_BUILDER_STEP_NAME, logs::scope::SLUG])),
    at("/builders/n:builderid/builds/n:build_number/steps/i:step_name/logs/i:log_slug/raw", Shape::Raw(&[logs::scope::OF_BUILDER_STEP_NAME, logs::scope::SLUG])),
    at("/builders/n:builderid/builds/n:build_number/steps/i:step_name/logs/i:log_slug/raw_inline", Shape::RawInline(&[logs::scope::OF_BUILDER_STEP_NAME, logs::scope::SLUG])),
    of_build("/builders/s:buildername/builds/n:build_number/steps", &steps::TABLE, &[steps::scope::OF_NAMED_BUILD]),
    one("/builders/s:buildername/builds/n:build_number/steps/n:step_number", &steps::TABLE, &[steps::scope::OF_NAMED_BUILD, steps::scope::NUMBER]),
    one("/builders/s:buildername/builds/n:build_number/steps/i:step_name", &steps::TABLE, &[steps::scope::OF_NAMED_BUILD, steps::scope::NAME]),
    all("/builders/s:buildername/builds/n:build_number/steps/n:step_number/logs", &logs::TABLE, &[logs::scope::OF_NAMED_STEP]),
    one("/builders/s:buildername/builds/n:build_number/steps/n:step_number/logs/i:log_slug", &logs::TABLE, &[logs::scope::OF_NAMED_STEP, logs::scope::SLUG]),
    all("/builders/s:buildername/builds/n:build_number/steps/i:step_name/logs", &logs::TABLE, &[logs::scope::OF_NAMED_STEP_NAME]),
    one("/builders/s:buildername/builds/n:build_number/steps/i:step_name/logs/i:log_slug", &logs::TABLE, &[logs::scope::OF_NAMED_STEP_NAME, logs::scope::SLUG]),
    one("/steps/n:stepid", &steps::TABLE, &[steps::scope::ID]),
    all("/steps/n:stepid/logs", &logs::TABLE, &[logs::scope::OF_STEP]),
    one("/steps/n:stepid/logs/i:log_slug", &logs::TABLE, &[logs::scope::OF_STEP, logs::scope::SLUG]),
    at("/steps/n:stepid/logs/i:log_slug/contents", Shape::Contents(&[logs::scope::OF_STEP, logs::scope::SLUG])),
    at("/steps/n:stepid/logs/i:log_slug/raw", Shape::Raw(&[logs::scope::OF_STEP, logs::scope::SLUG])),
    at("/steps/n:stepid/logs/i:log_slug/raw_inline", Shape::RawInline(&[logs::scope::OF_STEP, logs::scope::SLUG])),
    all("/artifacts", &artifacts::TABLE, &[]),
    one("/artifacts/n:artifactid", &artifacts::TABLE, &[artifacts::scope::ID]),
    all("/builders/n:builderid/artifacts", &artifacts::TABLE, &[artifacts::scope::OF_BUILDER]),
    all("/builders/n:builderid/builds/n:build_number/artifacts", &artifacts::TABLE, &[artifacts::scope::OF_BUILDER_BUILD]),
    all("/builds/n:buildid/artifacts", &artifacts::TABLE, &[artifacts::scope::OF_BUILD]),
    all("/test_result_sets", &test_results::SETS, &[]),
    one("/test_result_sets/n:test_result_setid", &test_results::SETS, &[test_results::scope::ID]),
    all("/test_result_sets/n:test_result_setid/results", &test_results::RESULTS, &[test_results::scope::OF_SET]),
    all("/builders/n:builderid/test_result_sets", &test_results::SETS, &[test_results::scope::OF_BUILDER]),
    all("/builders/s:buildername/test_result_sets", &test_results::SETS, &[test_results::scope::OF_BUILDER_NAME]),
    all("/builds/n:buildid/test_result_sets", &test_results::SETS, &[test_results::scope::OF_BUILD]),
    all("/steps/n:stepid/test_result_sets", &test_results::SETS, &[test_results::scope::OF_STEP]),
    one("/logs/n:logid", &logs::TABLE, &[logs::scope::ID]),
    at("/logs/n:logid/contents", Shape::Contents(&[logs::scope::ID])),
    at("/logs/n:logid/raw", Shape::Raw(&[logs::scope::ID])),
    at("/logs/n:logid/raw_inline", Shape::RawInline(&[logs::scope::ID])),
];
