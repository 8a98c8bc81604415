//! Test results on the page of their build, in the history of a test, and in the data API.

use halide_ci::base::id::{BuildId, BuilderId, StepId};
use halide_ci::model::test_results::{NewSet, TestResult};
use halide_ci::store::test_results;
use serde_json::json;

use super::site::{Site, config, with};

/// The step 2 of the build 1 had two tests.
pub(crate) async fn report(site: &Site) {
    let write = |conn: &halide_ci::store::Conn<'_>| {
        let set = NewSet {
            description: "unit <tests>".to_owned(),
            category: "pass_fail".to_owned(),
            value_unit: "boolean".to_owned(),
        };
        let builder = BuilderId(1);
        let id = test_results::open(conn, builder, BuildId(1), StepId(2), &set)?;
        let test = |name: &str, value: &str| TestResult {
            name: Some(name.to_owned()),
            value: value.to_owned(),
            ..TestResult::default()
        };
        let failed = TestResult {
            path: Some("a/b.py".to_owned()),
            line: Some(12),
            duration_ns: Some(1_500_000_000),
            message: Some("<script>alert(1)</script>".to_owned()),
            ..test("t&<b>/no 2", "0")
        };
        test_results::add(conn, builder, id, "pass_fail", &[test("t.ok", "1"), failed])
    };
    site.engine.write(write).await.unwrap();
}

#[test]
fn the_page_of_a_build_lists_its_failed_tests_and_leads_to_their_history() {
    with(config(), async |site| {
        let before = site.get("/builders/1/builds/1").await.text();
        assert!(!before.contains("failed test"), "{before}");
        report(site).await;
        let html = site.get("/builders/1/builds/1").await.text();
        let (_, part) = html.split_once("<h2>1 failed test</h2>").unwrap();
        let (part, _) = part.split_once("</table>").unwrap();
        let link = "builders/1/tests?name=t%26%3Cb%3E%2Fno%202";
        for wanted in [
            &format!("href=\"../../../{link}\">t&amp;&lt;b&gt;/no 2<"),
            "1.5 s",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
        ] {
            assert!(part.contains(wanted), "{wanted} in {part}");
        }
        assert!(!part.contains("t.ok"), "{part}");
        let html = site.get(&format!("/{link}")).await.text();
        assert!(html.contains("<h2>t&amp;&lt;b&gt;/no 2</h2>"), "{html}");
        assert!(html.contains("href=\"../../builders/1/builds/1\">#1<"), "{html}");
        assert!(html.contains("unit &lt;tests&gt;"), "{html}");
        let html = site.get("/builders/1/tests").await.text();
        assert!(html.contains("t&amp;&lt;b&gt;/no 2<") && !html.contains("t.ok"), "{html}");
        assert_eq!(site.get("/builders/77/tests").await.status, 404);
    });
}

#[test]
fn flaky_tests_are_listed_with_their_build_and_their_builder() {
    with(config(), async |site| {
        let write = |conn: &halide_ci::store::Conn<'_>| {
            let set = NewSet {
                description: "unit".to_owned(),
                category: "pass_fail".to_owned(),
                value_unit: "boolean".to_owned(),
            };
            let id = test_results::open(conn, BuilderId(1), BuildId(1), StepId(2), &set)?;
            let test = |name: &str, is_flaky: bool| TestResult {
                name: Some(name.to_owned()),
                value: "1".to_owned(),
                message: is_flaky.then(|| "it was <late>".to_owned()),
                is_flaky,
                ..TestResult::default()
            };
            let results = [test("steady", false), test("flaky & late", true)];
            test_results::add(conn, BuilderId(1), id, "pass_fail", &results)
        };
        site.engine.write(write).await.unwrap();
        let html = site.get("/builders/1/builds/1").await.text();
        let (_, part) = html.split_once("<h2>1 flaky test</h2>").unwrap();
        let (part, _) = part.split_once("</table>").unwrap();
        assert!(
            part.contains("flaky &amp; late<") && part.contains("it was &lt;late&gt;"),
            "{part}"
        );
        assert!(!part.contains("steady") && !html.contains("failed test"), "{html}");
        let html = site.get("/builders/1/tests").await.text();
        let (_, part) = html.split_once("<h2>Flaky</h2>").unwrap();
        assert!(part.contains("flaky &amp; late<") && part.contains("builds/1\">#1<"), "{part}");
        assert!(!part.contains(">steady<"), "{part}");
        let rows = site.api("test_result_sets/1/results?flaky=true").await;
        assert_eq!(rows["test_results"][0]["test_name"], "flaky & late");
        assert_eq!(rows["test_results"].as_array().unwrap().len(), 1);
        assert_eq!(site.api("test_result_sets/1").await["test_result_sets"][0]["tests_flaky"], 1);
    });
}

#[test]
fn test_results_have_buildbots_shape() {
    with(config(), async |site| {
        report(site).await;
        let set = json!({"builderid": 1, "buildid": 1, "category": "pass_fail", "complete": true,
            "description": "unit <tests>", "stepid": 2, "test_result_setid": 1, "tests_failed": 1,
            "tests_flaky": 0, "tests_passed": 1, "value_unit": "boolean"});
        let one = site.api("test_result_sets/1").await;
        assert_eq!(one, json!({ "meta": {}, "test_result_sets": [set] }));
        for path in [
            "test_result_sets",
            "test_result_sets?complete=true",
            "builders/1/test_result_sets",
            "builders/linux/test_result_sets",
            "builds/1/test_result_sets",
            "steps/2/test_result_sets",
        ] {
            assert_eq!(site.api(path).await["test_result_sets"], json!([set]), "{path}");
        }
        let none = site.api("test_result_sets?complete=false").await;
        assert_eq!(none["test_result_sets"], json!([]));
        assert_eq!(
            site.api("test_result_sets/1/results").await["test_results"],
            json!([
                // `flaky` is ours.
                {"builderid": 1, "duration_ns": null, "flaky": false, "line": null, "test_code_path": null,
                    "test_name": "t.ok", "test_result_setid": 1, "test_resultid": 1, "value": "1"},
                {"builderid": 1, "duration_ns": 1_500_000_000, "flaky": false, "line": 12,
                    "test_code_path": "a/b.py", "test_name": "t&<b>/no 2", "test_result_setid": 1,
                    "test_resultid": 2, "value": "0"},
            ])
        );
    });
}
