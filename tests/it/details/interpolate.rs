//! The grammar of `ci.interpolate`, row by row: each selector, each ending, each delimiter, nested.
//! The results are Buildbot's, but for null: here it counts as missing (D5).

use std::collections::BTreeMap;
use std::sync::Arc;

use halide_ci::base::clock::Timestamp;
use halide_ci::base::id::ChangeId;
use halide_ci::base::secret::Secret;
use halide_ci::model::build::BuildView;
use halide_ci::model::change::{Change, NewChange};
use halide_ci::model::sourcestamp::Sourcestamp;
use halide_ci::model::worker::WorkerInfo;
use serde_json::{Value as Json, json};

use super::{load_with, local, problems, rendered, steps, with_steps};

/// A build with a property of every kind.
pub(super) fn view() -> BuildView {
    let mut view = BuildView {
        builder: "b".to_owned(),
        worker: "w".to_owned(),
        builddir: "/w/b".to_owned(),
        ..BuildView::default()
    };
    for (name, value) in [
        ("here", json!("yes")),
        ("empty", json!("")),
        ("zero", json!(0)),
        ("seven", json!(7)),
        ("half", json!(0.5)),
        ("off", json!(false)),
        ("on", json!(true)),
        ("null", Json::Null),
        ("table", json!({ "a": 1 })),
        ("dotted.name-x", json!("dots")),
        ("percent", json!("%(prop:here)s")),
        ("brackets", json!("(a)")),
    ] {
        view.properties.set(name, value, "Test");
    }
    let info = WorkerInfo {
        basedir: "/w".to_owned(),
        system: "posix".to_owned(),
        version: "4.0".to_owned(),
        numcpus: Some(16),
        other: BTreeMap::from([
            ("admin".to_owned(), json!("A. Person")),
            ("host".to_owned(), json!("box")),
            ("os_id".to_owned(), json!("debian")),
            ("os_version_id".to_owned(), json!("12")),
        ]),
        ..WorkerInfo::default()
    };
    view.worker_info = Arc::new(info);
    view.worker_properties.insert("os".to_owned(), json!("linux"));
    view.sourcestamps = Arc::new(vec![
        Sourcestamp {
            branch: Some("main".to_owned()),
            revision: Some("a1b2".to_owned()),
            repository: "https://example.org/halide".to_owned(),
            project: "halide/Halide".to_owned(),
            codebase: "halide".to_owned(),
            patch: None,
        },
        Sourcestamp { codebase: "llvm".to_owned(), ..Sourcestamp::default() },
    ]);
    view.changes = Arc::new(vec![Change {
        id: ChangeId(1),
        received_at: Timestamp(0),
        what: NewChange { codebase: "halide".to_owned(), ..NewChange::default() },
    }]);
    view.secrets = Arc::new(BTreeMap::from([("token".to_owned(), Secret::new("s3cret"))]));
    view
}

const ROWS: &[(&str, &str)] = &[
    // Texts and percent signs.
    ("", ""),
    ("plain", "plain"),
    ("100%%", "100%"),
    ("%%(prop:here)s", "%(prop:here)s"),
    ("(%(prop:here)s)", "(yes)"),
    ("%(prop:here)s%(prop:here)s", "yesyes"),
    ("ä%(prop:here)sö", "äyesö"),
    // prop
    ("%(prop:here)s", "yes"),
    ("%(prop:gone)s", ""),
    ("%(prop:null)s", ""),
    ("%(prop:empty)s", ""),
    ("%(prop:seven)s", "7"),
    ("%(prop:half)s", "0.5"),
    ("%(prop:dotted.name-x)s", "dots"),
    ("%(prop:percent)s", "%(prop:here)s"),
    ("%(prop:brackets)s", "(a)"),
    // :- if missing
    ("%(prop:here:-other)s", "yes"),
    ("%(prop:gone:-other)s", "other"),
    ("%(prop:null:-other)s", "other"),
    ("%(prop:empty:-other)s", ""),
    ("%(prop:zero:-other)s", "0"),
    ("%(prop:gone:-)s", ""),
    ("%(prop:gone:-a:b)s", "a:b"),
    ("%(prop:gone:-a-b~c+d?e)s", "a-b~c+d?e"),
    ("%(prop:gone:-50%%)s", "50%"),
    ("%(prop:gone:-(a)(b))s", "(a)(b)"),
    // :~ if false
    ("%(prop:here:~other)s", "yes"),
    ("%(prop:gone:~other)s", "other"),
    ("%(prop:null:~other)s", "other"),
    ("%(prop:empty:~other)s", "other"),
    ("%(prop:zero:~other)s", "other"),
    ("%(prop:off:~other)s", "other"),
    ("%(prop:seven:~other)s", "7"),
    ("%(prop:half:~other)s", "0.5"),
    // :+ if there
    ("%(prop:here:+there)s", "there"),
    ("%(prop:gone:+there)s", ""),
    ("%(prop:empty:+there)s", "there"),
    ("%(prop:off:+there)s", "there"),
    ("%(prop:null:+there)s", ""),
    // :? by presence, any delimiter
    ("%(prop:here:?:a:b)s", "a"),
    ("%(prop:gone:?:a:b)s", "b"),
    ("%(prop:zero:?|a|b)s", "a"),
    ("%(prop:empty:?|a|b)s", "a"),
    ("%(prop:null:?|a|b)s", "b"),
    ("%(prop:here:?/a:/b)s", "a:"),
    ("%(prop:gone:?:a:b:c)s", "b:c"),
    ("%(prop:here:?:(a:b):c)s", "(a:b)"),
    ("%(prop:here:?::b)s", ""),
    ("%(prop:gone:?:a:)s", ""),
    ("%(prop:here:?éaéb)s", "a"),
    ("%(prop:here:?#a#b)s", "a"),
    // :#? by truth
    ("%(prop:here:#?|a|b)s", "a"),
    ("%(prop:gone:#?|a|b)s", "b"),
    ("%(prop:zero:#?|a|b)s", "b"),
    ("%(prop:empty:#?:a:b)s", "b"),
    ("%(prop:off:#?:a:b)s", "b"),
    ("%(prop:on:#?:a:b)s", "a"),
    ("%(prop:table:#?:a:b)s", "a"),
    // Nested.
    ("%(prop:gone:-%(prop:here)s)s", "yes"),
    ("%(prop:gone:-%(prop:null:-%(prop:seven)s)s)s", "7"),
    ("%(prop:gone:-%(prop:here)s-%(prop:gone:-x)s)s", "yes-x"),
    ("%(prop:here:+<%(prop:here)s>)s", "<yes>"),
    ("%(prop:here:?:%(prop:seven)s:no)s", "7"),
    ("%(prop:gone:?:yes:%(src:halide:branch)s)s", "main"),
    ("%(prop:here:?:%(prop:gone:?:a:b)s:c)s", "b"),
    ("%(prop:zero:#?|%(prop:here)s|%(prop:off:#?|a|%(kw:word)s)s)s", "word"),
    ("%(kw:gone:-%(worker:name)s)s", "w"),
    // src
    ("%(src:halide:branch)s", "main"),
    ("%(src:halide:revision)s", "a1b2"),
    ("%(src:halide:repository)s", "https://example.org/halide"),
    ("%(src:halide:project)s", "halide/Halide"),
    ("%(src:halide:codebase)s", "halide"),
    ("%(src:llvm:revision:-tip)s", "tip"),
    ("%(src:llvm:project:-none)s", ""),
    ("%(src:llvm:project:~none)s", "none"),
    ("%(src::branch:-none)s", "none"),
    ("%(src:halide:branch:?:a:b)s", "a"),
    ("%(src:halide:changes:#?|changed|forced)s", "changed"),
    ("%(src:llvm:changes:#?|changed|forced)s", "forced"),
    // kw
    ("%(kw:word)s", "word"),
    ("%(kw:prop)s", "yes"),
    ("%(kw:number)s", "3"),
    ("%(kw:text:-x)s", "<yes>"),
    ("%(kw:missing:~other)s", "other"),
    ("%(kw:call)s", "W"),
    ("%(kw:gone:-none)s", "none"),
    ("%(kw:flag:#?|a|b)s", "b"),
    // secret
    ("%(secret:token)s", "s3cret"),
    ("%(secret:token:+set)s", "set"),
    ("%(secret:gone:-none)s", "none"),
    ("%(secret:gone:?:a:b)s", "b"),
    // worker
    ("%(worker:name)s", "w"),
    ("%(worker:os)s", "linux"),
    ("%(worker:admin)s", "A. Person"),
    ("%(worker:host)s", "box"),
    ("%(worker:numcpus)s", "16"),
    ("%(worker:os_id)s %(worker:os_version_id)s", "debian 12"),
    ("%(worker:system)s", "posix"),
    ("%(worker:basedir)s", "/w"),
    ("%(worker:version)s", "4.0"),
    ("%(worker:gone:-none)s", "none"),
    ("%(worker:numcpus:#?|many|none)s", "many"),
];

#[test]
fn every_selector_with_every_ending_gives_buildbots_text() {
    assert!(ROWS.len() >= 80, "only {} rows", ROWS.len());
    let list: String = ROWS
        .iter()
        .map(|(text, _)| format!("ci.steps.shell {{ command = ci.interpolate({text:?}, KW) }},"))
        .collect();
    let before = "local KW = { word = 'word', prop = ci.property 'here', number = 3.0, \
                  text = ci.interpolate '<%(prop:here)s>', missing = ci.property 'gone', \
                  call = function(build) return build.worker.name:upper() end, flag = false }\n\
                  c.secrets_providers = { ci.secrets.file { dir = 'secrets' } }";
    local(async {
        let text = with_steps(before, &list);
        let loaded = load_with(&text, &[("secrets/token", "s3cret\n")]).await;
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
        let mut wrong = Vec::new();
        for (n, (text, expected)) in ROWS.iter().enumerate() {
            match rendered(&loaded, (n, "command"), view()).await {
                Ok(found) if found == json!(expected) => {}
                other => wrong.push(format!("{text}: {other:?}, not {expected:?}")),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

#[test]
fn a_text_takes_values_in_order_too() {
    let rows = [
        ("ci.interpolate('%s/%s', 'a', ci.property 'here')", "a/yes"),
        ("ci.interpolate('%s%%', 7)", "7%"),
        ("ci.interpolate('<%s>', nil)", "<>"),
        ("ci.interpolate('%s', ci.interpolate('%s', ci.builddir))", "/w/b"),
        ("ci.interpolate('%s', function(build) return build.number end)", "0"),
    ];
    let list: String =
        rows.iter().map(|(text, _)| format!("ci.steps.shell {{ command = {text} }},")).collect();
    local(async {
        let loaded = steps("", &list).await;
        for (n, (text, expected)) in rows.iter().enumerate() {
            let found = rendered(&loaded, (n, "command"), view()).await.unwrap();
            assert_eq!(found, json!(expected), "{text}");
        }
    });
    for (text, problem) in [
        ("ci.interpolate('%s')", "the `%s` at column 1 of \"%s\" needs a value"),
        ("ci.interpolate('%s %s', 1)", "\"%s %s\" has 2 `%s`, but ci.interpolate got 1 value."),
        ("ci.interpolate('%s', 1, 2)", "\"%s\" has 1 `%s`, but ci.interpolate got 2 values."),
        ("ci.interpolate('%s%(prop:a)s', 1)", "the `%` at column 3 of \"%s%(prop:a)s\" must be"),
        ("ci.interpolate('%s', 1, { a = 1 })", "or one table of names (`%(kw:…)s`), not both."),
    ] {
        let found = problems("", &format!("ci.steps.shell {{ command = {text} }}"));
        assert!(found.contains(problem), "{text}: {found}");
    }
}

#[test]
fn what_is_wrong_with_a_text_is_said_with_its_column_and_once() {
    for (text, problem) in [
        ("a %(porp:x)s", "unknown selector `porp` at column 5 of `%(porp:x)s`"),
        ("%(prop:x:-%(wroker:y)s)s", "unknown selector `wroker` at column 13 of `%(wroker:y)s`"),
        ("%(x)s", "`%(x)s` has no selector; write `%(prop:x)s` for a property."),
        ("%(src:branch)s", "needs a codebase and an attribute: `%(src:CODEBASE:branch)s`"),
        ("%(src::brunch)s", "`brunch` at column 8 of `%(src::brunch)s` is not an attribute"),
        ("%(src::changes)s", "is a list and no text; ask whether there are any"),
        ("%(src::changes:-x)s", "is a list and no text"),
        ("%(kw:gone)s", "names `gone`, which the second argument does not have."),
        ("%(prop:)s", "has no proper name"),
        ("%(prop:a/b)s", "has no proper name"),
        ("%(prop:a", "the `%(` at column 1 of \"%(prop:a\" has no matching `)`."),
        ("ä%(prop:a:-(x)s", "the `%(` at column 2 of"),
        ("%(prop:a)d", "`%(prop:a)` at column 1 must be followed by `s`."),
        ("5% of", "the `%` at column 2 of \"5% of\" is followed by neither"),
        ("%(prop:a:)s", "must begin with `-`, `~`, `+`, `?` or `#?`."),
        ("%(prop:a:=b)s", "must begin with `-`, `~`, `+`, `?` or `#?`."),
        ("%(prop:a:?)s", "must go on with a delimiter and two texts"),
        ("%(prop:a:?|b)s", "must go on with a delimiter and two texts"),
        ("%(prop:a:?(b(c)s", "has no matching `)`."),
        ("%(prop:a:#?:b)s", "must go on with a delimiter and two texts"),
        ("%(secret:token)s", "names the secret \"token\", but there is no secret."),
    ] {
        let found =
            problems("", &format!("ci.steps.shell {{ command = ci.interpolate {text:?} }}"));
        assert!(found.contains(problem), "{text}: {found}");
        assert_eq!(found.lines().filter(|l| l.starts_with("master.lua")).count(), 1, "{found}");
    }
    let shared = problems(
        "local text = ci.interpolate '%(porp:x)s'",
        "ci.steps.shell { command = text }, ci.steps.shell { command = text }",
    );
    assert_eq!(shared.matches("porp").count(), 2, "one message names it twice: {shared}");
    assert!(shared.starts_with("master.lua:3: "), "{shared}");
}
