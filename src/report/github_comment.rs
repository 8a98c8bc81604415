//! What a comment on a pull request says: one comment for each pull request and context, written
//! once and changed from then on, so that a pull request of many pushes stays readable.

use super::compose::{Draft, Flaw};
use super::queue::Post;
use super::view;
use crate::base::results::Results;
use crate::forge::github::{comment, status};
use crate::model::config::GithubComment;

/// The posts of a row: one for each pull request that it is of, none for other builds.
///
/// # Errors
/// What cannot be read, cannot be rendered or is not as GitHub wants it.
pub(super) async fn compose(
    reporter: &GithubComment,
    draft: &Draft<'_>,
) -> Result<Vec<Post>, Flaw> {
    let generation = draft.generation;
    let Some(facts) = draft.build() else { return Ok(Vec::new()) };
    let mut pulls: Vec<(String, i64)> = Vec::new();
    for stamp in &facts.sourcestamps {
        let number = stamp.branch.as_deref().and_then(comment::pull_request);
        let repository = status::repository(&stamp.project, &stamp.repository);
        if let Some(pull) = repository.zip(number)
            && !pulls.contains(&pull)
        {
            pulls.push(pull);
        }
    }
    if pulls.is_empty() {
        return Ok(Vec::new());
    }
    let build = view::of(facts, generation);
    let context = view::text("comment's context", &reporter.context, &build, generation).await?;
    let text = match (draft.message().await?, &reporter.finish) {
        (Some(message), _) => message.text(),
        (None, Some(finish)) => view::text("comment's text", finish, &build, generation).await?,
        (None, None) => {
            let word = facts.results.map_or("not decided", Results::word);
            let (name, url) = (&facts.builder_name, view::page(generation, facts));
            match facts.number {
                Some(number) => format!("**{name}**: {word} ([build {number}]({url}))."),
                None => format!("**{name}**: {word} ([builder]({url}))."),
            }
        }
    };
    // Nothing to say is said by no comment.
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let body = generation.masked(&text);
    let post = |(repository, number)| {
        let (context, body) = (context.clone(), body.clone());
        Post::Comment { repository, number, context, body }
    };
    Ok(pulls.into_iter().map(post).collect())
}
