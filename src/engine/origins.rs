//! The properties a build begins with, each with its source. Who comes later in this order wins:
//! the configuration, the changes, the scheduler or form that made the request, the builder, the
//! worker, the build itself (but for its number, which is known once it has a row); its steps come
//! after that. Pure, so that the order is one table test.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::base::id::BuilderId;
use crate::model::change::Change;
use crate::model::config::{BuilderConfig, Config, WorkerConfig};
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;

/// Where properties come from.
pub(super) struct Origins<'a> {
    pub(super) config: &'a Config,
    pub(super) changes: &'a [Change],
    /// What the scheduler, the form or the rebuilt build gave.
    pub(super) buildset: Properties,
    pub(super) builder: (BuilderId, &'a BuilderConfig),
    pub(super) worker: &'a WorkerConfig,
    /// The build's directory on the worker.
    pub(super) builddir: &'a str,
    pub(super) sourcestamps: &'a [Sourcestamp],
}

impl Origins<'_> {
    /// All of them.
    pub(super) fn properties(&self) -> Properties {
        let mut out = Properties::from_values(&self.config.properties, "Config");
        for change in self.changes {
            out.update(&Properties::from_values(&change.what.properties, "Change"));
        }
        out.update(&self.buildset);
        let (id, builder) = self.builder;
        out.update(&Properties::from_values(&builder.properties, "Builder"));
        out.update(&Properties::from_values(&self.worker.properties, "Worker"));
        // What names the build's parts is true whatever else has that name.
        out.set("buildername", builder.name.as_str().into(), "Builder");
        out.set("builderid", id.0.into(), "Builder");
        out.set("workername", self.worker.name.as_str().into(), "Worker");
        out.set("builddir", self.builddir.into(), "Worker");
        self.of_build(&mut out);
        for (defaults, source) in
            [(&builder.default_properties, "Builder"), (&self.worker.default_properties, "Worker")]
        {
            for (name, value) in defaults {
                if out.get(name).is_none() {
                    out.set(name, value.clone(), source);
                }
            }
        }
        out
    }

    fn of_build(&self, out: &mut Properties) {
        let owners: BTreeSet<&str> = self.changes.iter().map(|c| c.what.author.as_str()).collect();
        if !owners.is_empty() {
            let owners: Json = owners.into_iter().map(Json::from).collect();
            out.set("owners", owners, "Build");
        }
        if let [stamp] = self.sourcestamps {
            for (name, value) in [
                ("branch", stamp.branch.as_deref()),
                ("revision", stamp.revision.as_deref()),
                ("repository", Some(&*stamp.repository)),
                ("project", Some(&*stamp.project)),
                ("codebase", Some(&*stamp.codebase)),
            ] {
                out.set(name, value.into(), "Build");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::base::clock::Timestamp;
    use crate::base::id::ChangeId;
    use crate::base::secret::Secret;
    use crate::model::change::NewChange;

    /// The value and source of `name` when the sources in `given` (and the builder's and worker's
    /// defaults) set it, each to its own name.
    fn origin(name: &str, given: &[&str]) -> Option<(Json, String)> {
        let of = |source: &str| match given.contains(&source) {
            true => BTreeMap::from([(name.to_owned(), json!(source))]),
            false => BTreeMap::new(),
        };
        let change = Change {
            id: ChangeId(1),
            received_at: Timestamp(0),
            what: NewChange {
                properties: of("Change"),
                author: "ann".to_owned(),
                ..NewChange::default()
            },
        };
        let stamp = Sourcestamp {
            branch: Some("main".to_owned()),
            revision: Some("a1".to_owned()),
            repository: "https://example.org/r".to_owned(),
            project: "p".to_owned(),
            codebase: "c".to_owned(),
            patch: None,
        };
        let origins = Origins {
            config: &Config { properties: of("Config"), ..Config::default() },
            changes: &[change],
            buildset: Properties::from_values(&of("Scheduler"), "Scheduler"),
            builder: (
                BuilderId(4),
                &BuilderConfig {
                    properties: of("Builder"),
                    default_properties: of("builder's default"),
                    ..BuilderConfig::new("b")
                },
            ),
            worker: &WorkerConfig {
                properties: of("Worker"),
                default_properties: of("worker's default"),
                ..WorkerConfig::new("w", Secret::new("x"))
            },
            builddir: "/w/b",
            sourcestamps: &[stamp],
        };
        origins.properties().0.get(name).cloned()
    }

    #[test]
    fn of_each_two_sources_the_later_one_wins() {
        let order = ["Config", "Change", "Scheduler", "Builder", "Worker"];
        for (later, source) in order.iter().enumerate() {
            let found = origin("x", &[source]);
            assert_eq!(found, Some((json!(source), (*source).to_owned())));
            for earlier in &order[..later] {
                let found = origin("x", &[earlier, source]);
                assert_eq!(found, Some((json!(source), (*source).to_owned())), "over {earlier}");
            }
            // The build's own come last, whoever says otherwise.
            let found = origin("branch", &[source]);
            assert_eq!(found, Some((json!("main"), "Build".to_owned())), "over {source}");
            for default in ["builder's default", "worker's default"] {
                let found = origin("x", &[default, source]);
                assert_eq!(found, Some((json!(source), (*source).to_owned())), "over {default}");
            }
        }
    }

    #[test]
    fn a_default_counts_where_nothing_else_does_and_the_builders_first() {
        let both = origin("x", &["builder's default", "worker's default"]);
        assert_eq!(both, Some((json!("builder's default"), "Builder".to_owned())));
        let one = origin("x", &["worker's default"]);
        assert_eq!(one, Some((json!("worker's default"), "Worker".to_owned())));
        assert_eq!(origin("x", &[]), None);
    }

    #[test]
    fn what_every_build_has_says_where_it_is_from() {
        for (name, value, source) in [
            ("buildername", json!("b"), "Builder"),
            ("builderid", json!(4), "Builder"),
            ("workername", json!("w"), "Worker"),
            ("builddir", json!("/w/b"), "Worker"),
            ("owners", json!(["ann"]), "Build"),
            ("branch", json!("main"), "Build"),
            ("revision", json!("a1"), "Build"),
            ("repository", json!("https://example.org/r"), "Build"),
            ("project", json!("p"), "Build"),
            ("codebase", json!("c"), "Build"),
        ] {
            assert_eq!(origin(name, &[]), Some((value, source.to_owned())), "{name}");
        }
    }
}
