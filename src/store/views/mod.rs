//! What is read for people and clients, one file per noun: the data API's [`Table`]s
//! (`super::page`) and the joined queries of the pages. Apart from `store/builds.rs` and its
//! neighbours because those are the engine's: rows to model, one at a time; here one query answers
//! a whole list, and nothing is ever written.
//!
//! [`Table`]: super::page::Table

pub mod artifacts;
pub mod builders;
pub mod buildrequests;
pub mod builds;
pub mod buildsets;
pub mod change_sources;
pub mod changes;
pub mod configuration;
pub mod logs;
pub mod masters;
pub mod properties;
pub mod rehearsal;
pub mod schedulers;
pub mod sourcestamps;
pub mod steps;
pub mod targets;
pub mod test_results;
pub mod triggers;
pub mod workers;

#[cfg(test)]
mod tests {
    use super::{builders, buildrequests, builds};
    use crate::store::conn::Value;

    #[test]
    fn pages_read_as_much_as_they_show_however_long_the_history_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state.sqlite");
        let options = crate::store::StoreOptions { path, durable: false, inline: true };
        let mut opened = crate::store::Store::open(&options).expect("a store");
        let one = vec![Value::Int(1)];
        // With what may be read from end to end: builders, and the few requests that are open.
        let open = "SCAN q USING INDEX buildrequests_";
        for (sql, params, whole) in [
            (builds::failed_sql(), one.clone(), "SCAN x"),
            (builds::latest_of_each_sql(), Vec::new(), "SCAN d"),
            (buildrequests::waiting_sql(false), one.clone(), open),
            (buildrequests::waiting_sql(true), vec![Value::Int(1), Value::Int(1)], open),
            (format!("{} where b.position <> -1", builders::SHOWN), Vec::new(), "SCAN b"),
        ] {
            let explain = format!("explain query plan {sql}");
            let plan = opened.state.transaction(|c| c.query(&explain, &params, |r| r.text(3)));
            for line in plan.expect("a plan") {
                assert!(!line.starts_with("SCAN ") || line.starts_with(whole), "{sql}\n{line}");
                assert!(!line.contains("buildrequests_by_builder"), "{sql}\n{line}");
            }
        }
    }
}
