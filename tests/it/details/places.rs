//! D12: where files are looked for; and what else has its place: ports, rules, the questions of a form.

use std::path::Path;

use halide_ci::api::forces::fill_in;
use halide_ci::base::clock::Clock;
use halide_ci::http;
use halide_ci::model::config::{Ruling, SchedulerKind, Target};
use halide_ci::script::load::{LoadError, LoadOptions, Loaded, Mount, load};

use super::local;

/// Loads a configuration whose folder is not the base directory; both may be told from each other
/// by their files.
fn apart(before: &str, test: impl FnOnce(Result<Loaded, LoadError>, &Path, &Path)) {
    let (folder, base) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let text = format!(
        "local ci = require 'ci'\n{before}\n\
         local w = ci.worker {{ name = 'w', password = 'password of w' }}\n\
         local b = ci.builder {{ name = 'b', workers = w, factory = {{}} }}\n\
         return {{ title = ci.config_dir .. '|' .. ci.base_dir, workers = w, builders = b,\n\
           schedulers = ci.schedulers.force {{ name = 'f', builders = b }} }}"
    );
    std::fs::write(folder.path().join("master.lua"), text).unwrap();
    std::fs::write(folder.path().join("beside.lua"), "return 'beside'").unwrap();
    std::fs::write(folder.path().join("only_here.txt"), "not a secret").unwrap();
    std::fs::write(base.path().join("token.txt"), "  the token of the base\n").unwrap();
    let options = LoadOptions {
        file: folder.path().join("master.lua"),
        base_dir: base.path().to_owned(),
        clock: Clock::system(),
        http: http::Client::new(),
        secrets: halide_ci::script::load::Secrets::Files,
        mount: Mount::Local,
    };
    local(async { test(load(options).await, folder.path(), base.path()) });
}

#[test]
fn d12_the_folder_of_the_file_and_the_base_directory_are_told_apart() {
    apart(
        "assert(require 'beside' == 'beside')
         local token = ci.secret_file 'token.txt'
         assert(token == 'the token of the base')
         local file = assert(io.open(ci.path.join(ci.config_dir, 'only_here.txt')))
         assert(file:read 'a' == 'not a secret')
         file:close()",
        |loaded, folder, base| {
            let config = loaded.unwrap_or_else(|error| panic!("{error}")).config;
            let (config_dir, base_dir) = config.title.split_once('|').unwrap();
            let canonical = |path: &Path| path.canonicalize().unwrap();
            assert_eq!(canonical(Path::new(config_dir)), canonical(folder));
            assert_eq!(canonical(Path::new(base_dir)), canonical(base));
            assert!(config.secrets.iter().any(|s| s.expose() == "the token of the base"));
        },
    );
}

#[test]
fn d12_a_secret_is_looked_for_in_the_base_directory_alone() {
    apart("local token = ci.secret_file 'only_here.txt'", |loaded, _, base| {
        let error = loaded.err().unwrap().plain();
        assert!(error.starts_with("master.lua:2: ") && error.contains("only_here.txt"), "{error}");
        assert!(error.contains(&base.display().to_string()), "{error}");
    });
}

#[test]
fn a_port_may_be_written_in_twisteds_words() {
    local(async {
        let before = "c.protocols = { port = 'tcp:9991:interface=127.0.0.1' }
                      c.www = { port = 8013, interface = '::1' }";
        let config = super::steps(before, "").await.config;
        assert_eq!(
            (config.protocols.port, config.protocols.interface.as_str()),
            (9991, "127.0.0.1")
        );
        let www = config.www.unwrap();
        assert_eq!((www.port, www.interface.as_str()), (8013, "::1"));
    });
}

#[test]
fn d15_an_empty_list_of_rules_lets_nobody() {
    local(async {
        let before =
            "c.www = { authz = { allow = { control = 'anyone', force = {}, stop = false } } }";
        let authz = super::steps(before, "").await.config.www.unwrap().authz;
        let target = Target { builders: vec!["b".to_owned()], owner: None };
        assert_eq!(authz.ruling("rebuild", None, &target), Ruling::Yes);
        assert_eq!(authz.ruling("force", None, &target), Ruling::No);
        assert_eq!(authz.ruling("stop", None, &target), Ruling::No);
    });
}

#[test]
fn a_form_asks_for_the_priority_as_it_is_told() {
    local(async {
        for (said, label, default) in [
            ("", "priority:", 0),
            ("priority = 7,", "priority:", 7),
            (
                "priority = ci.parameters.int { name = 'priority', label = 'How urgent', default = -2 },",
                "How urgent",
                -2,
            ),
        ] {
            let text =
                super::with_steps("", "").replace("name = 'f',", &format!("name = 'f', {said}"));
            let config =
                super::load_with(&text, &[]).await.unwrap_or_else(|e| panic!("{e}")).config;
            let SchedulerKind::Force(form) = &config.schedulers[0].kind else { panic!() };
            let fields: Vec<_> = form.fields.iter().flat_map(|f| f.leaves()).collect();
            let priority = fields.iter().find(|field| field.full_name == "priority").unwrap();
            assert_eq!((priority.label.as_str(), &priority.default), (label, &default.into()));
            let wish = fill_in(
                &config.schedulers[0],
                form,
                vec!["b".to_owned()],
                &serde_json::Map::new(),
                &config.validation,
                Some("ann"),
            );
            assert_eq!(wish.unwrap().priority, default);
        }
    });
}
