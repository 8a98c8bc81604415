//! The Lua files inside the binary. A new module is one line here; steps are found by `ci.steps` on
//! first use.

/// Modules that `require` knows, by name.
const MODULES: &[(&str, &str)] = &[
    ("ci", include_str!("../../lua/ci/init.lua")),
    ("ci.custom", include_str!("../../lua/ci/custom.lua")),
    ("ci.define", include_str!("../../lua/ci/define.lua")),
    ("ci.findings", include_str!("../../lua/ci/findings.lua")),
    ("ci.git", include_str!("../../lua/ci/git.lua")),
    ("ci.git.access", include_str!("../../lua/ci/git/access.lua")),
    ("ci.git.mirror", include_str!("../../lua/ci/git/mirror.lua")),
    ("ci.git.names", include_str!("../../lua/ci/git/names.lua")),
    ("ci.library", include_str!("../../lua/ci/library.lua")),
    ("ci.list", include_str!("../../lua/ci/list.lua")),
    ("ci.live", include_str!("../../lua/ci/live.lua")),
    ("ci.regex", include_str!("../../lua/ci/regex.lua")),
    ("ci.render", include_str!("../../lua/ci/render.lua")),
    ("ci.request", include_str!("../../lua/ci/request.lua")),
    ("ci.retests", include_str!("../../lua/ci/retests.lua")),
    ("ci.strict.bounds", include_str!("../../lua/ci/strict/bounds.lua")),
    ("ci.strict.errors", include_str!("../../lua/ci/strict/errors.lua")),
    ("ci.strict.files", include_str!("../../lua/ci/strict/files.lua")),
    ("ci.strict.globals", include_str!("../../lua/ci/strict/globals.lua")),
    ("ci.strict.order", include_str!("../../lua/ci/strict/order.lua")),
    ("ci.strict.patterns", include_str!("../../lua/ci/strict/patterns.lua")),
    ("ci.warnings", include_str!("../../lua/ci/warnings.lua")),
    ("ci.xml", include_str!("../../lua/ci/xml.lua")),
    ("ci.steps.artifact", include_str!("../../lua/ci/steps/artifact.lua")),
    ("ci.steps.assert", include_str!("../../lua/ci/steps/assert.lua")),
    ("ci.secrets", include_str!("../../lua/ci/secrets.lua")),
    ("ci.steps.cargo", include_str!("../../lua/ci/steps/cargo.lua")),
    ("ci.steps.cmake", include_str!("../../lua/ci/steps/cmake.lua")),
    ("ci.steps.cmake_build", include_str!("../../lua/ci/steps/cmake_build.lua")),
    ("ci.steps.compile", include_str!("../../lua/ci/steps/compile.lua")),
    ("ci.steps.configure", include_str!("../../lua/ci/steps/configure.lua")),
    ("ci.steps.cppcheck", include_str!("../../lua/ci/steps/cppcheck.lua")),
    ("ci.steps.ctest", include_str!("../../lua/ci/steps/ctest.lua")),
    ("ci.steps.delete", include_str!("../../lua/ci/steps/delete.lua")),
    ("ci.steps.copy_directory", include_str!("../../lua/ci/steps/copy_directory.lua")),
    (
        "ci.steps.download_secrets_to_worker",
        include_str!("../../lua/ci/steps/download_secrets_to_worker.lua"),
    ),
    ("ci.steps.fetch_artifact", include_str!("../../lua/ci/steps/fetch_artifact.lua")),
    ("ci.steps.file_download", include_str!("../../lua/ci/steps/file_download.lua")),
    ("ci.steps.file_exists", include_str!("../../lua/ci/steps/file_exists.lua")),
    (
        "ci.steps.json_properties_download",
        include_str!("../../lua/ci/steps/json_properties_download.lua"),
    ),
    ("ci.steps.json_string_download", include_str!("../../lua/ci/steps/json_string_download.lua")),
    ("ci.steps.multiple_file_upload", include_str!("../../lua/ci/steps/multiple_file_upload.lua")),
    (
        "ci.steps.remove_worker_file_secret",
        include_str!("../../lua/ci/steps/remove_worker_file_secret.lua"),
    ),
    (
        "ci.steps.set_properties_from_env",
        include_str!("../../lua/ci/steps/set_properties_from_env.lua"),
    ),
    ("ci.steps.string_download", include_str!("../../lua/ci/steps/string_download.lua")),
    ("ci.steps.directory_upload", include_str!("../../lua/ci/steps/directory_upload.lua")),
    ("ci.steps.file_upload", include_str!("../../lua/ci/steps/file_upload.lua")),
    ("ci.steps.get", include_str!("../../lua/ci/steps/get.lua")),
    ("ci.steps.git", include_str!("../../lua/ci/steps/git.lua")),
    ("ci.steps.git_commit", include_str!("../../lua/ci/steps/git_commit.lua")),
    ("ci.steps.git_diff_info", include_str!("../../lua/ci/steps/git_diff_info.lua")),
    ("ci.steps.git_push", include_str!("../../lua/ci/steps/git_push.lua")),
    ("ci.steps.git_tag", include_str!("../../lua/ci/steps/git_tag.lua")),
    ("ci.steps.github", include_str!("../../lua/ci/steps/github.lua")),
    ("ci.steps.gitlab", include_str!("../../lua/ci/steps/gitlab.lua")),
    ("ci.steps.gerrit", include_str!("../../lua/ci/steps/gerrit.lua")),
    (
        "ci.steps.subunit_shell_command",
        include_str!("../../lua/ci/steps/subunit_shell_command.lua"),
    ),
    ("ci.steps.perl_module_test", include_str!("../../lua/ci/steps/perl_module_test.lua")),
    ("ci.steps.svn", include_str!("../../lua/ci/steps/svn.lua")),
    ("ci.steps.head", include_str!("../../lua/ci/steps/head.lua")),
    ("ci.steps.http", include_str!("../../lua/ci/steps/http.lua")),
    ("ci.steps.log_renderable", include_str!("../../lua/ci/steps/log_renderable.lua")),
    ("ci.steps.make", include_str!("../../lua/ci/steps/make.lua")),
    ("ci.steps.make_directory", include_str!("../../lua/ci/steps/make_directory.lua")),
    ("ci.steps.master_shell_command", include_str!("../../lua/ci/steps/master_shell_command.lua")),
    ("ci.steps.msbuild", include_str!("../../lua/ci/steps/msbuild.lua")),
    ("ci.steps.ninja", include_str!("../../lua/ci/steps/ninja.lua")),
    ("ci.steps.options", include_str!("../../lua/ci/steps/options.lua")),
    ("ci.steps.post", include_str!("../../lua/ci/steps/post.lua")),
    ("ci.steps.put", include_str!("../../lua/ci/steps/put.lua")),
    ("ci.steps.pylint", include_str!("../../lua/ci/steps/pylint.lua")),
    ("ci.steps.pytest", include_str!("../../lua/ci/steps/pytest.lua")),
    ("ci.steps.remove_directory", include_str!("../../lua/ci/steps/remove_directory.lua")),
    ("ci.steps.robocopy", include_str!("../../lua/ci/steps/robocopy.lua")),
    ("ci.steps.set_properties", include_str!("../../lua/ci/steps/set_properties.lua")),
    ("ci.steps.set_property", include_str!("../../lua/ci/steps/set_property.lua")),
    (
        "ci.steps.set_property_from_command",
        include_str!("../../lua/ci/steps/set_property_from_command.lua"),
    ),
    ("ci.steps.shell", include_str!("../../lua/ci/steps/shell.lua")),
    ("ci.steps.shell_sequence", include_str!("../../lua/ci/steps/shell_sequence.lua")),
    ("ci.steps.sleep", include_str!("../../lua/ci/steps/sleep.lua")),
    ("ci.steps.sphinx", include_str!("../../lua/ci/steps/sphinx.lua")),
    ("ci.steps.test", include_str!("../../lua/ci/steps/test.lua")),
    ("ci.steps.tree_size", include_str!("../../lua/ci/steps/tree_size.lua")),
    ("ci.steps.trigger", include_str!("../../lua/ci/steps/trigger.lua")),
    (
        "ci.steps.warning_counting_shell",
        include_str!("../../lua/ci/steps/warning_counting_shell.lua"),
    ),
];

/// `ci.test`: only tests have it.
pub(super) const TEST: &str = include_str!("../../lua/ci/test.lua");

/// The type definitions for editors, by path below a `meta` folder. They are never executed.
pub const META: &[(&str, &str)] = &[
    ("ci.lua", include_str!("../../lua/ci/meta/ci.lua")),
    ("config.lua", include_str!("../../lua/ci/meta/config.lua")),
    ("custom.lua", include_str!("../../lua/ci/meta/custom.lua")),
    ("data.lua", include_str!("../../lua/ci/meta/data.lua")),
    ("files.lua", include_str!("../../lua/ci/meta/files.lua")),
    ("flow.lua", include_str!("../../lua/ci/meta/flow.lua")),
    ("git.lua", include_str!("../../lua/ci/meta/git.lua")),
    ("library.lua", include_str!("../../lua/ci/meta/library.lua")),
    ("reporters.lua", include_str!("../../lua/ci/meta/reporters.lua")),
    ("schedulers.lua", include_str!("../../lua/ci/meta/schedulers.lua")),
    ("step.lua", include_str!("../../lua/ci/meta/step.lua")),
    ("steps.lua", include_str!("../../lua/ci/meta/steps.lua")),
    ("test.lua", include_str!("../../lua/ci/meta/test.lua")),
    ("tools.lua", include_str!("../../lua/ci/meta/tools.lua")),
    ("www.lua", include_str!("../../lua/ci/meta/www.lua")),
];

/// Modules that a configuration may ask for by name; the others are parts of `ci`.
#[must_use]
pub(super) fn is_public(name: &str) -> bool {
    const SHARED: [&str; 6] =
        ["ci", "ci.findings", "ci.git", "ci.request", "ci.retests", "ci.warnings"];
    let is_shared = SHARED.contains(&name);
    is_shared || name.starts_with("ci.steps.") || name.starts_with("ci.git.")
}

/// Whether the module gets what Rust provides. Steps are written with the public API only, so they
/// get nothing more than users do.
pub(super) fn is_inner(name: &str) -> bool {
    name == "ci" || !is_public(name)
}

/// The text of the embedded module `name`.
pub(super) fn module(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
