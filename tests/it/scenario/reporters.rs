//! Who is told what, and when: generators, formatters, and reporters beside commit statuses. The
//! fake GitHub's `/inbox` stands for any server that takes JSON.

use serde_json::Value as Json;

use super::{FARM, World, all_steps, story};
use crate::sim::fake_github::Fault;
use crate::sim::hand::shell;
use crate::sim::payload::REPOSITORY;

/// The farm with these reporters.
fn farm(reporters: &str) -> String {
    let start = FARM.find("c.reporters = {").unwrap();
    format!("{}c.reporters = {{ {reporters} }}\nreturn c\n", &FARM[..start])
}

/// The farm with an `http` reporter with these generators.
fn telling(generators: &str) -> String {
    farm(&format!(
        "ci.reporters.http {{ url = \"https://example.org/inbox\", generators = {{ {generators} }} }}"
    ))
}

/// The texts that arrived, in order.
fn bodies(world: &World) -> Vec<String> {
    let text = |message: &Json| message["body"].as_str().unwrap_or("?").to_owned();
    world.github.inbox().iter().map(text).collect()
}

/// Builds once; `make` ends with `exit`.
async fn build(world: &mut World, worker: &crate::sim::hand::Hand, sha: &str, exit: i64) {
    let [_, test, clean] = all_steps();
    if exit == 0 {
        worker.expect(all_steps());
    } else {
        worker.expect([shell("make").exits(exit), clean]);
        drop(test);
    }
    world.push("main", sha).await;
    world.settle().await;
}

#[test]
fn a_server_gets_the_build_as_the_data_api_shows_it() {
    let config = farm(r#"ci.reporters.http { url = "https://example.org/inbox" }"#);
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        build(world, &w1, "a1", 2).await;
        let inbox = world.github.inbox();
        let [start, end] = &*inbox else { panic!("{inbox:#?}") };
        assert_eq!(
            (&start["event"], &end["event"]),
            (&"build_started".into(), &"build_finished".into())
        );
        assert_eq!((&start["complete"], &start["results"]), (&false.into(), &Json::Null));
        assert_eq!((&end["complete"], &end["results"]), (&true.into(), &2.into()));
        assert_eq!((&end["number"], &end["builder"]["name"]), (&1.into(), &"linux".into()));
        assert_eq!(end["buildset"]["sourcestamps"][0]["revision"], "a1");
        assert_eq!(end["properties"]["branch"][0], "main");
        assert_eq!(end["url"], "https://ci.example.org/builders/1/builds/1");
    });
}

#[test]
fn a_mode_compares_with_the_build_before() {
    let generator = |mode: &str| {
        format!(
            "ci.generators.build_status {{ mode = \"{mode}\", message_formatter = \
             \"{mode} {{{{ build.number }}}} {{{{ status_detected }}}}\" }}"
        )
    };
    let config = telling(&["problem", "change", "passing"].map(generator).join(", "));
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        for (sha, exit) in [("a1", 0), ("a2", 2), ("a3", 2), ("a4", 0)] {
            build(world, &w1, sha, exit).await;
        }
        assert_eq!(
            bodies(world),
            [
                "passing 1 passing build",
                "problem 2 new failure",
                "change 2 new failure",
                "change 4 restored build",
                "passing 4 restored build"
            ]
        );
    });
}

#[test]
fn what_was_to_be_told_survives_a_crash_and_is_told_once() {
    let config = telling(
        r#"ci.generators.build_start_end { start_formatter = "start {{ build.number }}",
             end_formatter = "end {{ build.number }} {{ result }}" }"#,
    );
    story(&config, async |world: &mut World| {
        world.github.fault(Fault::Outage);
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10_000)]);
        world.push("main", "a1").await;
        world.pass(100).await;
        world.crash().await;
        world.start().await;
        let w1 = world.connect("w1").await;
        w1.expect(all_steps());
        world.pass(100).await;
        assert_eq!(bodies(world), [""; 0]);
        world.github.fault(Fault::None);
        world.settle().await;
        assert_eq!(bodies(world), ["start 1", "end 1 retry", "start 2", "end 2 success"]);
        world.crash().await;
        world.start().await;
        world.pass(1000).await;
        assert_eq!(world.github.inbox().len(), 4, "nothing is told again");
    });
}

#[test]
fn what_a_server_refuses_is_given_up_and_shown_and_what_it_cannot_take_now_is_not() {
    let config = farm(r#"ci.reporters.http { url = "https://example.org/inbox" }"#);
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        world.github.inbox_answers(404);
        build(world, &w1, "a1", 0).await;
        let rows = "select state, error from outbox order by id";
        let refused = "failed The server answers 404: {\"message\":\"No\"}.";
        assert_eq!(world.rows(rows, 2).await, [refused, refused]);
        world.github.inbox_answers(429);
        w1.expect(all_steps());
        world.push("main", "a2").await;
        world.pass(3600).await;
        assert!(world.github.inbox().is_empty());
        world.github.inbox_answers(200);
        world.settle().await;
        let told: Vec<_> = world.github.inbox().iter().map(|b| b["event"].clone()).collect();
        assert_eq!(told, ["build_started", "build_finished"], "in their order");
    });
}

#[test]
fn a_message_may_be_made_by_functions_and_of_steps_and_logs() {
    let config = telling(
        r#"
        ci.generators.build_status { message_formatter = ci.formatters.message {
            subject = "{{ buildername }} {{ more }}", context = { more = ci.property "branch" },
            extra_info = function(context) return context.build.number + 1 end,
            template = function(context) return context.result .. " " .. context.extra_info end } },
        ci.generators.build_status { message_formatter = ci.formatters.raw { template_type = "json",
            want_steps = true, want_logs_content = { "Build.stdio" },
            f = function(context) return { steps = #context.build.steps, text = context.logs[1].content } end } },
        ci.generators.build_status { message_formatter = ci.formatters.message { template_type = "html",
            template = "{{ build.builder.name }}{% for change in changes %}<i>{{ change.comments }}</i>{% endfor %}" } },
        ci.generators.build_status { message_formatter = ci.interpolate "at %(prop:branch)s" },
        "#,
    );
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").prints("one\n<two>\n"), shell("make test"), shell("make clean")]);
        world.push("main", "a1").await;
        world.settle().await;
        let inbox = world.github.inbox();
        let [first, second, third, fourth] = &*inbox else { panic!("{inbox:#?}") };
        assert_eq!(
            (&first["subject"], &first["body"]),
            (&"linux main".into(), &"success 2".into())
        );
        assert_eq!(second["text"], "one\n<two>\n");
        assert_eq!(second["steps"], 4);
        assert_eq!(third["body"], "linux<i>A change</i>");
        assert_eq!(fourth["body"], "at main");
    });
}

#[test]
fn a_mistake_in_the_words_costs_its_message_alone_and_is_shown() {
    let config = telling(
        r#"ci.generators.build_status { message_formatter = "{{ nobody }}" },
           ci.generators.build_status { message_formatter = function() error "no words" end },
           ci.generators.build_status { message_formatter = "fine" }"#,
    );
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        build(world, &w1, "a1", 0).await;
        assert_eq!(bodies(world), ["fine"]);
        let rows = world.rows("select state, error from outbox order by id", 2).await;
        assert!(
            rows[0].starts_with("failed master.lua:") && rows[0].contains("nobody"),
            "{rows:?}"
        );
        assert!(
            rows[1].starts_with("failed master.lua:") && rows[1].contains("no words"),
            "{rows:?}"
        );
        assert_eq!(rows[2], "sent -");
    });
}

const TWO_BUILDERS: (&str, &str) = (
    r#"ci.builder { name = "linux", workers = { "w1", "w2" }, factory = f },"#,
    r#"ci.builder { name = "linux", workers = { "w1" }, factory = f, tags = { "fast" } },
       ci.builder { name = "mac", workers = { "w2" }, factory = f },"#,
);

fn two(config: &str) -> String {
    let config = config.replace(TWO_BUILDERS.0, TWO_BUILDERS.1);
    config.replace(
        r#"name = "main", builders = { "linux" }"#,
        r#"name = "main", builders = { "linux", "mac" }"#,
    )
}

#[test]
fn a_buildset_is_told_once_when_its_last_build_has_ended() {
    let config = two(&telling(
        r#"ci.generators.buildset_status { mode = "failing", message_formatter =
             "set: {% for b in builds %}{{ b.builder.name }}={{ b.result }} {% endfor %}" },
           ci.generators.buildset_combined_status { message_formatter = "all: {{ result }}" },
           ci.generators.buildset_status { builders = { "linux" }, mode = "failing", message_formatter = "never" }"#,
    ));
    story(&config, async |world: &mut World| {
        let (w1, w2) = (world.connect("w1").await, world.connect("w2").await);
        w1.expect(all_steps());
        w2.expect([shell("make").takes(100).exits(2), shell("make clean")]);
        world.push("main", "a1").await;
        world.pass(50).await;
        assert_eq!(bodies(world), [""; 0], "one of the two is still built");
        world.settle().await;
        let mut told = bodies(world);
        told.sort();
        assert_eq!(told, ["all: failure", "set: linux=success mac=failure "]);
    });
}

#[test]
fn a_reporter_tells_only_of_what_its_scope_covers() {
    let status = |name: &str, scope: &str| {
        format!(
            "ci.reporters.github_status {{ name = \"{name}\", token = \"token-of-github\", {scope}, \
             context = \"{name}\" .. ci.interpolate \"/%(prop:buildername)s\" }}"
        )
    };
    let config = two(&farm(
        &[
            status("tag", r#"tags = { "fast" }"#),
            status("branch", r#"branches = { "release" }"#),
            status("scheduler", r#"schedulers = { "main" }, builders = { "mac" }"#),
            status("force", r#"schedulers = { "force" }"#),
        ]
        .join(", "),
    ));
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect(all_steps());
        world.connect("w2").await.expect(all_steps());
        world.push("main", "a1").await;
        world.settle().await;
        let shown: Vec<_> = world.github.statuses(REPOSITORY, "a1").into_keys().collect();
        assert_eq!(shown, ["scheduler/mac", "tag/linux"]);
    });
}

#[test]
fn a_status_may_speak_in_the_words_of_generators() {
    let config = farm(
        r#"ci.reporters.github_status { token = "token-of-github", context = "ci", verbose = true, generators = {
             ci.generators.build_request { formatter = "Waiting since {{ buildset.bsid }}." },
             ci.generators.build_start_end { end_formatter = "{{ status_detected }}: {{ summary }}" } } }"#,
    );
    story(&config, async |world: &mut World| {
        world.push("main", "a1").await;
        world.pass(10).await;
        let history = world.github.history(REPOSITORY, "a1");
        assert_eq!((&*history[0].state, &*history[0].description), ("pending", "Waiting since 1."));
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(100).exits(2), shell("make clean")]);
        world.settle().await;
        let history = world.github.history(REPOSITORY, "a1");
        let said: Vec<_> = history.iter().map(|s| (&*s.state, &*s.description)).collect();
        assert_eq!(
            said[1..],
            [
                ("pending", "Build started."),
                ("failure", "failed build: Build failed: failed 'make' (failure).")
            ]
        );
    });
}

#[test]
fn a_request_that_ends_without_a_build_ends_its_pending_status() {
    let config = farm(
        r#"ci.reporters.github_status { token = "token-of-github", context = "ci", generators = {
             ci.generators.build_request {}, ci.generators.build_start_end {} } }"#,
    );
    story(&config, async |world: &mut World| {
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci"], "pending");
        let request = world.newest_request().await;
        world.engine().cancel(request, "nobody wants it".to_owned()).await.unwrap();
        world.settle().await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci"], "error");
    });
}

#[test]
fn a_pull_request_has_one_comment_which_says_the_newest() {
    let config =
        farm(r#"ci.reporters.github_comment { token = "token-of-github", context = "ci" }"#);
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").exits(2), shell("make clean")]);
        world.github.commit(REPOSITORY, "p1", "A change");
        // Somebody who knows how marks look would have the comment in their own.
        world.github.write_comment(REPOSITORY, 7, "<!-- halide-ci: ci 0123456789abcdef -->\nmine");
        world.pull_request("opened", 7, "p1").await;
        world.pass(300).await;
        world.github.fault(Fault::ReplyLost);
        world.pass(600).await;
        world.github.fault(Fault::None);
        world.settle().await;
        let shown = |world: &World| -> Vec<String> {
            let comments = world.github.comments(REPOSITORY, 7);
            comments.iter().map(|c| c.split_once(" -->\n").unwrap().1.to_owned()).collect()
        };
        let page = "https://ci.example.org/builders/1/builds";
        let comment = |word: &str, number: i64| {
            format!("**linux**: {word} ([build {number}]({page}/{number})).")
        };
        assert_eq!(shown(world), ["mine", &comment("failure", 1)]);
        w1.expect(all_steps());
        world.pull_request("synchronize", 7, "p2").await;
        world.settle().await;
        assert_eq!(shown(world), ["mine", &comment("success", 2)]);
        build(world, &w1, "a1", 0).await;
        assert_eq!(world.builds().await.len(), 3, "what is no pull request's has no comment");
        assert_eq!(world.rows("select state from outbox", 1).await, ["sent"; 3]);
    });
}

#[test]
fn a_message_keeps_its_words_over_a_reload_and_a_generator_that_is_gone_makes_none() {
    let config = telling(
        r#"ci.generators.worker_missing {},
           ci.generators.build_status { report_new = true, message_formatter = "mine {{ event }}" }"#,
    );
    story(&config, async |world: &mut World| {
        world.github.fault(Fault::Outage);
        let w1 = world.connect("w1").await;
        w1.expect(all_steps());
        world.push("main", "a1").await;
        world.pass(100).await;
        world.reload(&telling("ci.generators.worker_missing {}")).await.unwrap();
        world.github.fault(Fault::None);
        world.settle().await;
        assert_eq!(bodies(world), ["mine build_started"]);
        let rows = world.rows("select state, error from outbox order by id", 2).await;
        let gone = "failed The generator 2 of http is not configured any more.";
        assert_eq!(rows, ["sent -", gone]);
    });
}

#[test]
fn gitea_gets_the_same_statuses_at_its_own_path() {
    let config = farm(
        r#"ci.reporters.gitea_status { token = "token-of-gitea", api = "https://git.example.org/", context = "ci" }"#,
    );
    story(&config, async |world: &mut World| {
        world.github.require_token("token-of-gitea");
        let w1 = world.connect("w1").await;
        build(world, &w1, "a1", 2).await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci"], "failure");
        let path = format!("POST /api/v1/repos/{REPOSITORY}/statuses/a1");
        assert!(world.github.requests().contains(&path), "{:?}", world.github.requests());
        world.github.require_token("another");
        w1.expect(all_steps());
        world.push("main", "a2").await;
        world.pass(600).await;
        let errors =
            world.rows("select distinct error from outbox where error is not null", 1).await;
        assert_eq!(errors, ["Gitea answers 401: Bad credentials."]);
        world.github.require_token("token-of-gitea");
        world.settle().await;
        assert_eq!(world.github.statuses(REPOSITORY, "a2")["ci"], "success");
    });
}
