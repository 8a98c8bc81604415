//! Buildbot's names and ours. Who writes `repourl` or `haltOnFailure` is told `repo` and
//! `halt_on_failure`; who writes what has no counterpart is told why, and what to do. Three tables:
//! options, classes, and what there is only something to say about.

mod classes;
mod names;
mod said;

#[cfg(test)]
pub(in crate::script) use self::classes::CLASSES;

/// What `name` is here if it is Buildbot's, or "Did you mean …?" for the nearest of `known`.
pub(in crate::script) fn suggestion(name: &str, known: &[String]) -> Option<String> {
    suggestion_for("", name, known)
}

/// The same, for an option of `kind`.
pub(in crate::script) fn suggestion_for(
    kind: &str,
    name: &str,
    known: &[String],
) -> Option<String> {
    hint(kind, name, known).or_else(|| {
        crate::base::text::nearest(name, known.iter().map(String::as_str))
            .map(|near| format!("Did you mean `{near}`?"))
    })
}

/// A hint for `name`, which is none of `known`: our spelling of it, where it is, or why it is not.
/// `kind` is the kind of object it was written for; empty = none.
fn hint(kind: &str, name: &str, known: &[String]) -> Option<String> {
    said(kind, name)
        .or_else(|| ours(name, known))
        .or_else(|| class(kind, name))
        .or_else(|| coming(kind, name))
        .or_else(|| if kind.is_empty() { None } else { said("", name) })
}

/// What is said of options that are elsewhere, or nowhere.
fn said(kind: &str, name: &str) -> Option<String> {
    let snake = snake_case(name);
    let row = said::SAID.iter().find(|(of, names, _)| *of == kind && names.contains(&&*snake));
    row.map(|(_, _, sentence)| sentence.replace("{}", name))
}

/// Our spelling of Buildbot's `name`, if that is one of `known`.
fn ours(name: &str, known: &[String]) -> Option<String> {
    let ours = translated(name).into_iter().find(|ours| ours != name && known.contains(ours))?;
    Some(format!("Buildbot's `{name}` is `{ours}` here."))
}

/// Where Buildbot's class `name` is; below `ci` also in snake case, which elsewhere may be an option.
fn class(kind: &str, name: &str) -> Option<String> {
    let is_snake = (kind == "ci" || kind.starts_with("ci.")) && name.contains('_');
    let means = |theirs: &str| theirs == name || (is_snake && snake_case(theirs) == name);
    let (_, path) = classes::CLASSES.iter().find(|(theirs, _)| means(theirs))?;
    Some(format!("Buildbot's `{name}` is `{path}` here."))
}

/// What a later version will have. `kind` may be a table of constructors, where a name can only mean
/// one of these: `compile` in `ci.steps` is Buildbot's `Compile`.
fn coming(kind: &str, name: &str) -> Option<String> {
    if classes::COMING.contains(&name) {
        return Some(format!("Buildbot's `{name}` is not available yet."));
    }
    let plain = |text: &str| text.replace('_', "").to_lowercase();
    let means = |theirs: &&str| match kind {
        "ci.steps" => plain(theirs) == plain(name),
        "ci" => name.contains('_') && plain(theirs) == plain(name),
        "ci.parameters" => plain(theirs) == plain(name) + "parameter",
        _ => false,
    };
    classes::COMING.iter().any(means).then(|| match kind {
        "ci.steps" => format!("`{name}` is not available yet; ci.steps.shell runs any command."),
        _ => format!("`{name}` is not available yet."),
    })
}

/// What `name` may be here, the likeliest first.
fn translated(name: &str) -> Vec<String> {
    let snake = snake_case(name);
    let rows = names::NAMES.iter().filter(|(theirs, _)| *theirs == snake);
    let mut out: Vec<String> = rows.map(|(_, ours)| (*ours).to_owned()).collect();
    // A class is known by the last part of its place: `ShellCommand` in `ci.steps` is `shell`.
    if let Some((_, path)) = classes::CLASSES.iter().find(|(theirs, _)| *theirs == name) {
        out.extend(path.rsplit('.').next().map(str::to_owned));
    }
    out.push(snake);
    out
}

/// `haltOnFailure` → `halt_on_failure`, `buildbotURL` → `buildbot_url`.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, c) in chars.iter().enumerate() {
        if c.is_uppercase() && at > 0 {
            let after_lower = chars[at - 1].is_lowercase() || chars[at - 1].is_ascii_digit();
            let before_lower = chars.get(at + 1).is_some_and(|n| n.is_lowercase());
            if after_lower || (chars[at - 1].is_uppercase() && before_lower) {
                out.push('_');
            }
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buildbots_spelling_is_translated() {
        let known = ["halt_on_failure", "repo", "url", "builders", "cmake"].map(str::to_owned);
        for (kind, theirs, said) in [
            ("", "haltOnFailure", Some("Buildbot's `haltOnFailure` is `halt_on_failure` here.")),
            ("", "repourl", Some("Buildbot's `repourl` is `repo` here.")),
            ("", "buildbotURL", Some("Buildbot's `buildbotURL` is `url` here.")),
            ("", "builderNames", Some("Buildbot's `builderNames` is `builders` here.")),
            (
                "",
                "AnyBranchScheduler",
                Some("Buildbot's `AnyBranchScheduler` is `ci.schedulers.any_branch` here."),
            ),
            ("", "Compile", Some("Buildbot's `Compile` is `ci.steps.compile` here.")),
            ("", "Trigger", Some("Buildbot's `Trigger` is `ci.steps.trigger` here.")),
            (
                "ci.steps",
                "py_flakes",
                Some("`py_flakes` is not available yet; ci.steps.shell runs any command."),
            ),
            ("ci.steps", "ms_build", Some("Buildbot's `ms_build` is `ci.steps.msbuild` here.")),
            ("ci.parameters", "patch", Some("`patch` is not available yet.")),
            ("ci", "shell_arg", Some("Buildbot's `shell_arg` is `ci.steps.shell_sequence` here.")),
            ("ci", "test", None),
            ("ci", "changes", Some("Buildbot's `changes` are in `ci.change_sources` here.")),
            (
                "ci.steps",
                "shell_command",
                Some("Buildbot's `shell_command` is `ci.steps.shell` here."),
            ),
            ("builder", "test", None),
            ("dependent", "change_filter", None),
            (
                "ci",
                "gerrit_change_filter",
                Some("Buildbot's `gerrit_change_filter` is `ci.change_filter` here."),
            ),
            ("builder", "worker", None),
            ("allow", "view", Some("`view` has no counterpart: everybody may read.")),
            ("config", "mq", Some("`mq` has no counterpart: a master needs no message bus.")),
            ("step", "mq", None),
            ("", "repo", None),
            ("", "nothing", None),
        ] {
            assert_eq!(hint(kind, theirs, &known).as_deref(), said, "{theirs}");
        }
    }

    #[test]
    fn names_are_cut_into_words() {
        for (theirs, snake) in [
            ("titleURL", "title_url"),
            ("usePTY", "use_pty"),
            ("decodeRC", "decode_rc"),
            ("multiMaster", "multi_master"),
            ("buildbotNetUsageData", "buildbot_net_usage_data"),
            ("HTPasswdAuth", "ht_passwd_auth"),
            ("P4Source", "p4_source"),
            ("Try_Userpass", "try_userpass"),
            ("already_so", "already_so"),
        ] {
            assert_eq!(snake_case(theirs), snake);
        }
    }

    #[test]
    fn every_row_is_in_snake_case_and_said_once() {
        for (theirs, ours) in names::NAMES {
            assert_eq!(snake_case(theirs), *theirs);
            assert_ne!(theirs, ours);
        }
        let mut seen = std::collections::BTreeSet::new();
        for row in names::NAMES {
            assert!(seen.insert(*row), "{row:?} stands twice");
        }
        let mut said = std::collections::BTreeSet::new();
        for (kind, names, sentence) in said::SAID {
            assert!(
                ["", "ci", "ci.steps", "db", "allow", "change_hooks", "ci.auth", "ci.secrets"]
                    .contains(kind)
                    || crate::script::read::options_of(kind).is_some(),
                "{kind}"
            );
            assert!(sentence.contains("`{}`") && sentence.ends_with('.'), "{sentence}");
            for name in *names {
                assert_eq!(snake_case(name), *name);
                assert!(said.insert((*kind, *name)), "{name} stands twice");
            }
        }
    }
}
