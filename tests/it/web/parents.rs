//! Builds and what they have triggered, on pages, in the data API and to those who watch.

use halide_ci::base::id::{BuildId, RequestId, SchedulerId};
use halide_ci::base::results::Results;
use halide_ci::store::buildsets::{self, NewBuildset, Parent};
use halide_ci::store::{builders, requests, schedulers};

use super::site::{Site, config, with};

/// The build 1 of the site triggers its builder twice: a request that waits, one that was collapsed.
async fn trigger(site: &Site) -> (RequestId, RequestId) {
    let now = site.engine.clock().now();
    let write = move |conn: &halide_ci::store::Conn<'_>| {
        let (scheduler, ..): (SchedulerId, _, _) =
            schedulers::ensure(conn, "<packages>", "triggerable")?;
        let builder = builders::names(conn)?[0].0;
        let parent = Parent {
            build: BuildId(1),
            step: "<trigger>".to_owned(),
            relationship: "Packages <of>".to_owned(),
            waits: true,
        };
        let (scheduler, parent) = (Some(scheduler), Some(parent));
        let set = NewBuildset { scheduler, parent, ..NewBuildset::default() };
        let set = buildsets::insert(conn, &set, now)?;
        let waiting = requests::insert(conn, set, builder, 0, now)?;
        requests::set_waited_for(conn, waiting)?;
        let collapsed = requests::insert(conn, set, builder, 0, now)?;
        requests::complete(conn, collapsed, Results::Skipped, Some("a newer one"), now)?;
        Ok((waiting, collapsed))
    };
    site.engine.write(write).await.unwrap()
}

#[test]
fn a_page_leads_to_what_was_triggered_and_back() {
    with(config(), async |site| {
        let before = site.get("/builders/1/builds/1").await.text();
        assert!(!before.contains("Triggered"), "{before}");
        let (waiting, collapsed) = trigger(site).await;
        let html = site.get("/builders/1/builds/1").await.text();
        let (_, part) = html.split_once("<h2>Triggered</h2>").unwrap();
        let (part, _) = part.split_once("</table>").unwrap();
        for wanted in [
            "waiting</span>",
            "skipped</span>",
            "a newer one",
            "&lt;packages&gt;",
            "&lt;trigger&gt;",
            "> waits<",
            &format!("href=\"../../../buildrequests/{waiting}\">request {waiting}<"),
            &format!("href=\"../../../buildrequests/{collapsed}\">request {collapsed}<"),
        ] {
            assert!(part.contains(wanted), "{wanted} in {part}");
        }
        let html = site.get(&format!("/buildrequests/{waiting}")).await.text();
        assert!(html.contains("<dt>Packages &lt;of&gt;</dt>"), "{html}");
        assert!(html.contains("href=\"../builders/1/builds/1\">linux #1<"), "{html}");
    });
}

#[test]
fn the_data_api_knows_parents_and_children() {
    with(config(), async |site| {
        let (waiting, _) = trigger(site).await;
        let sets = site.api("buildsets?parent_buildid=1").await;
        assert_eq!(sets["buildsets"].as_array().unwrap().len(), 1);
        let set = &sets["buildsets"][0];
        assert_eq!(set["parent_buildid"], 1);
        assert_eq!(set["parent_relationship"], "Packages <of>");
        let request = site.api(&format!("buildrequests/{waiting}")).await;
        assert_eq!(request["buildrequests"][0]["waited_for"], true);
        let children = site.api("builds/1/triggered_builds").await;
        assert_eq!(children["builds"].as_array().unwrap().len(), 0, "none has begun");
        let write = |conn: &halide_ci::store::Conn<'_>| {
            let sql = "update buildsets set parent_build_id = 1 where id = 1";
            conn.execute(sql, halide_ci::params![])
        };
        site.engine.write(write).await.unwrap();
        let children = site.api("builds/1/triggered_builds?field=buildid").await;
        assert_eq!(children["builds"], serde_json::json!([{ "buildid": 1 }]));
    });
}
