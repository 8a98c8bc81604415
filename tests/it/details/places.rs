//! D12: where files are looked for.

use std::path::Path;

use halide_ci::base::clock::Clock;
use halide_ci::http;
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
