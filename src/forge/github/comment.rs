//! Comments on pull requests. A comment carries its context in a mark that is not shown; by it the
//! comment is found again and changed, instead of a second one written. The mark proves that who
//! wrote it has the token, so that nobody can put a comment of their own in its place.

use hmac::{KeyInit as _, Mac as _};
use serde_json::{Value as Json, json};

use super::client::{Client, ClientError};
use crate::base::secret::Secret;
use crate::base::text::shorten;

/// The longest comment in characters; a longer one is cut.
const LONGEST: usize = 65_000;
/// How many pages of comments are looked through for the mark: 100 comments each.
const PAGES: u32 = 30;

/// The number of the pull request that `branch` is of: `refs/pull/7/merge`.
#[must_use]
pub fn pull_request(branch: &str) -> Option<i64> {
    let (number, _) = branch.strip_prefix("refs/pull/")?.split_once('/')?;
    number.parse().ok()
}

/// What tells the comment of a context on a pull request from others, whoever writes them. Two
/// dashes would end an HTML comment.
fn mark(key: &str, pull: &str, context: &str) -> String {
    let proof = hmac::Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).map(|mut hmac| {
        hmac.update(format!("{pull} {context}").as_bytes());
        hex::encode(&hmac.finalize().into_bytes()[..8])
    });
    // A key may have any length.
    let proof = proof.unwrap_or_default();
    let quoted: String =
        context.replace("--", "-\u{200b}-").chars().filter(|c| !matches!(c, '<' | '>')).collect();
    format!("<!-- halide-ci: {} {proof} -->", quoted.replace(['\r', '\n'], " "))
}

impl Client {
    /// Writes the comment of `context` on a pull request, or changes the one that is there: one
    /// attempt. To repeat it is harmless: what was written is found.
    ///
    /// # Errors
    /// When GitHub refuses it, which is final, or cannot be asked now.
    pub async fn set_comment(
        &self,
        repository: &str,
        number: i64,
        context: &str,
        text: &str,
    ) -> Result<(), ClientError> {
        let key = self.token().map(Secret::expose).unwrap_or_default();
        let mark = mark(key, &format!("{repository}#{number}"), context);
        let said = json!({ "body": format!("{mark}\n{}", shorten(text, LONGEST)) });
        for page in 1..=PAGES {
            let path = format!("/repos/{repository}/issues/{number}/comments");
            let page = page.to_string();
            let answer =
                self.once("GET", &path, &[("per_page", "100"), ("page", &page)], None).await?;
            let comments = answer.as_array().cloned().unwrap_or_default();
            let ours = |comment: &&Json| {
                comment["body"].as_str().is_some_and(|body| body.starts_with(&mark))
            };
            if let Some(comment) = comments.iter().find(ours) {
                if comment["body"] == said["body"] {
                    return Ok(());
                }
                let path = format!("/repos/{repository}/issues/comments/{}", comment["id"]);
                return self.once("PATCH", &path, &[], Some(&said)).await.map(|_| ());
            }
            if comments.len() < 100 {
                break;
            }
        }
        let path = format!("/repos/{repository}/issues/{number}/comments");
        self.once("POST", &path, &[], Some(&said)).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_names_its_pull_request() {
        assert_eq!(pull_request("refs/pull/7/merge"), Some(7));
        assert_eq!(pull_request("refs/pull/7/head"), Some(7));
        assert_eq!(pull_request("refs/pull/x/head"), None);
        assert_eq!(pull_request("main"), None);
    }

    #[test]
    fn a_mark_ends_where_it_should() {
        assert!(mark("key", "o/n#7", "ci/linux").starts_with("<!-- halide-ci: ci/linux "));
        assert_eq!(mark("key", "o/n#7", "a-->b").matches("-->").count(), 1);
    }

    #[test]
    fn a_mark_is_of_one_token_one_pull_request_and_one_context() {
        let marks =
            [("k", "o/n#7", "a"), ("l", "o/n#7", "a"), ("k", "o/n#8", "a"), ("k", "o/n#7", "b")]
                .map(|(key, pull, context)| mark(key, pull, context));
        assert!(marks[1..].iter().all(|other| *other != marks[0]), "{marks:?}");
        assert_eq!(mark("k", "o/n#7", "a"), marks[0]);
    }
}
