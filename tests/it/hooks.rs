//! Hook callbacks: what they see, what they may change, and what becomes of the delivery.

use std::path::Path;

use halide_ci::base::clock::{Clock, Timestamp};
use halide_ci::base::id::DeliveryId;
use halide_ci::engine::ports::ScriptError;
use halide_ci::model::delivery::{Delivery, NewDelivery, Reading};
use halide_ci::script::load::{LoadOptions, Loaded, Mount, load};
use serde_json::{Value as Json, json};

use crate::sim::fake_github::FakeGithub;
use crate::sim::payload::{REPOSITORY, pull_request, push};

fn github() -> FakeGithub {
    let github = FakeGithub::new();
    github.commit(REPOSITORY, "abc1234", "Simplify the simplifier");
    github.pull_request(REPOSITORY, 7, &["src/Simplify.cpp"]);
    github
}

async fn load_file(file: &Path, base_dir: &Path, github: &FakeGithub) -> Loaded {
    let (file, base_dir) = (file.to_owned(), base_dir.to_owned());
    let (clock, http) = (Clock::system(), github.client());
    let options = LoadOptions {
        file,
        base_dir,
        clock,
        http,
        secrets: halide_ci::script::load::Secrets::Files,
        mount: Mount::Local,
    };
    load(options).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn deliver(loaded: &Loaded, event: &str, payload: &Json) -> Result<Reading, ScriptError> {
    let what = NewDelivery {
        line: String::new(),
        dialect: "github".to_owned(),
        guid: "g-1".to_owned(),
        event: event.to_owned(),
        headers: [("x-github-event".to_owned(), event.to_owned())].into(),
        body: payload.to_string().into_bytes(),
        head: None,
    };
    let received_at = Timestamp::from_secs(0);
    loaded.scripts.read_delivery(Delivery { id: DeliveryId(1), received_at, what }).await
}

/// Loads a hook with `options` and delivers to it.
fn read(options: &str, event: &str, payload: &Json) -> Result<Reading, ScriptError> {
    local(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("master.lua");
        let text = format!(
            "local ci = require 'ci'\nlocal c = ci.config()\nc.www = {{ change_hooks = {{ github = \
             ci.hooks.github {{ secret = 's', {options} }} }} }}\nreturn c"
        );
        std::fs::write(&file, text).unwrap();
        let loaded = load_file(&file, dir.path(), &github()).await;
        deliver(&loaded, event, payload).await
    })
}

fn local<F: Future>(future: F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    tokio::task::LocalSet::new().block_on(&runtime.unwrap(), future)
}

#[test]
fn the_shipped_hook_skips_labelled_pull_requests_and_builds_those_the_bot_is_asked_to_review() {
    local(async {
        let base = tempfile::tempdir().unwrap();
        for secret in
            ["github_token.txt", "halide_bb_pass.txt", "webhook_token.txt", "buildbot_www_pass.txt"]
        {
            std::fs::write(base.path().join(secret), "dummy secret\n").unwrap();
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("master.lua");
        let loaded = load_file(&file, base.path(), &github()).await;

        let mut labelled = pull_request("opened", 7, "abc1234");
        labelled["pull_request"]["labels"] = json!([{ "name": "skip_buildbots" }]);
        let reading = deliver(&loaded, "pull_request", &labelled).await.unwrap();
        assert_eq!(reading.changes, []);
        assert_eq!(reading.verdict, "Skipped: the pull request is labelled skip_buildbots.");

        let mut asked = pull_request("review_requested", 7, "abc1234");
        let reading = deliver(&loaded, "pull_request", &asked).await.unwrap();
        assert_eq!(reading.changes, []);
        asked["requested_reviewer"] = json!({ "login": "halidebuildbots" });
        let reading = deliver(&loaded, "pull_request", &asked).await.unwrap();
        assert_eq!(reading.changes.len(), 1);
        let change = &reading.changes[0];
        assert_eq!(change.codebase, "halide");
        assert_eq!(change.branch.as_deref(), Some("refs/pull/7/merge"));
        assert_eq!(change.files, ["src/Simplify.cpp"]);

        let closed = pull_request("closed", 7, "abc1234");
        let reading = deliver(&loaded, "pull_request", &closed).await.unwrap();
        assert_eq!(reading.cancels.len(), 1);
    });
}

#[test]
fn a_callback_may_alter_replace_or_drop_the_changes() {
    let payload = push("main", "abc1234", "Fix");
    let altered = "on_push = function(event, default)
        local changes = default(event)
        changes[1].category = event.headers['x-github-event'] .. event.delivery
        changes[1].properties.extra = { 1, ci.null }
        changes[1].files = {}
        return changes end";
    let reading = read(altered, "push", &payload).unwrap();
    assert_eq!(reading.changes[0].category.as_deref(), Some("pushg-1"));
    assert_eq!(reading.changes[0].properties["extra"], json!([1, null]));
    assert_eq!(reading.changes[0].files, Vec::<String>::new());
    let replaced = "on_push = function(event)
        return { { branch = event.branch, author = event.sender, codebase = 'x' } } end";
    let reading = read(replaced, "push", &payload).unwrap();
    assert_eq!(reading.changes[0].author, "contributor");
    assert_eq!(reading.verdict, "1 change from the function at master.lua:3.");
    let dropped = read("on_push = function(event, default) default(event) end", "push", &payload);
    assert_eq!(dropped.unwrap().changes, []);
}

#[test]
fn a_callback_that_raises_or_answers_nonsense_fails_the_delivery() {
    let payload = push("main", "abc1234", "Fix");
    for (callback, expected) in [
        ("function(event) return event.payload.none.x end", "attempt to index a nil value"),
        ("function(event) return 7 end", "not an integer"),
        ("function(event) return { { brunch = 'x' } } end", "unknown field `brunch`"),
        ("function(event, default) event.labels = 7 return default(event) end", "wrong type"),
    ] {
        let error = read(&format!("on_push = {callback}"), "push", &payload).unwrap_err();
        assert!(error.to_string().contains(expected), "{callback}: {error}");
        assert_eq!(error.site.unwrap().to_string(), "master.lua:3");
    }
}

#[test]
fn a_callback_may_ask_the_api_and_other_events_have_their_own() {
    let ask = format!(
        "on_event = function(event)
            local answer = event.api:get('/repos/{REPOSITORY}/commits/abc1234', {{ page = 1 }})
            return {{ {{ comments = answer.status .. answer.json.commit.message }} }} end"
    );
    let payload = json!({ "action": "x", "repository": { "full_name": REPOSITORY } });
    let reading = read(&ask, "watch", &payload).unwrap();
    assert_eq!(reading.changes[0].comments, "200Simplify the simplifier");
}

#[test]
fn a_codebase_may_be_a_function_of_the_payload() {
    let hook = "codebase = function(payload) return payload.repository.name:lower() end";
    let reading = read(hook, "push", &push("main", "abc1234", "Fix")).unwrap();
    assert_eq!(reading.changes[0].codebase, "halide");
}

#[test]
fn an_event_has_every_field_that_the_payload_says() {
    let show = "function(event)
        local fields = {}
        for _, name in ipairs { 'name', 'action', 'ref', 'branch', 'labels', 'reviewers', 'sender', 'number',
                                'repository', 'base_branch', 'head_repository', 'delivery' } do
          fields[name] = event[name] == nil and 'nil' or event[name]
        end
        fields.of_payload = event.payload.sender.login
        return { { comments = ci.json.encode(fields) } } end";
    let fields = |callback: &str, event: &str, payload: &Json| -> Json {
        let reading = read(&format!("{callback} = {show}"), event, payload).unwrap();
        serde_json::from_str(&reading.changes[0].comments).unwrap()
    };
    let mut asked = pull_request("review_requested", 7, "abc1234");
    asked["requested_reviewer"] = json!({ "login": "halidebuildbots" });
    asked["pull_request"]["labels"] = json!([{ "name": "a" }, { "name": "b" }]);
    asked["pull_request"]["head"]["repo"] = Json::Null;
    let told = fields("on_pull_request", "pull_request", &asked);
    assert_eq!(told["name"], "pull_request");
    assert_eq!(told["action"], "review_requested");
    assert_eq!(told["labels"], json!(["a", "b"]));
    assert_eq!(told["reviewers"], json!(["halidebuildbots"]));
    assert_eq!((&told["number"], &told["base_branch"]), (&json!(7), &json!("main")));
    assert_eq!(told["repository"], REPOSITORY);
    assert_eq!(told["head_repository"], "nil", "the fork was deleted");
    assert_eq!(
        (&told["sender"], &told["of_payload"]),
        (&json!("contributor"), &json!("contributor"))
    );
    assert_eq!(told["delivery"], "g-1");
    let told = fields("on_push", "push", &push("release/1", "abc1234", "Fix"));
    assert_eq!(
        (&told["ref"], &told["branch"]),
        (&json!("refs/heads/release/1"), &json!("release/1"))
    );
    assert_eq!((&told["action"], &told["number"]), (&json!("nil"), &json!("nil")));
}

#[test]
fn default_reads_the_fields_that_the_callback_set() {
    let payload = pull_request("review_requested", 7, "abc1234");
    let unchanged =
        read("on_pull_request = function(e, d) return d(e) end", "pull_request", &payload);
    assert_eq!(unchanged.unwrap().changes, []);
    let set = "on_pull_request = function(event, default)
        event.action = 'synchronize'
        local changes = default(event)
        for _, change in ipairs(changes) do change.properties.why = event.action end
        return changes end";
    let reading = read(set, "pull_request", &payload).unwrap();
    assert_eq!(reading.changes.len(), 1);
    assert_eq!(reading.changes[0].properties["why"], "synchronize");
    let skip = "on_pull_request = function(event, default) return event:skip() end";
    let reading = read(skip, "pull_request", &payload).unwrap();
    assert_eq!(reading.verdict, "Skipped: the configuration does not want it.");
    let asks = "on_push = function(event) event.api:get '/repos/nobody/nothing' end";
    let reading = read(asks, "push", &push("main", "abc1234", "Fix")).unwrap();
    assert_eq!(reading.changes, [], "an answer that is no success is an answer");
}
