//! What a commit status says: from an outbox row and the reporter's options to posts, one for each
//! sourcestamp that has a revision.

use super::compose::{Draft, Flaw};
use super::queue::Post;
use super::view;
use crate::base::results::Results;
use crate::forge::github::status::{self, State, Status};
use crate::model::config::GithubStatus;
use crate::model::render::Renderable;
use crate::model::telling::Kind;

/// The posts of a row.
///
/// # Errors
/// What cannot be read, cannot be rendered or is not as GitHub wants it.
pub(super) async fn compose(reporter: &GithubStatus, draft: &Draft<'_>) -> Result<Vec<Post>, Flaw> {
    let generation = draft.generation;
    let Some(facts) = draft.build() else { return Ok(Vec::new()) };
    let waiting = Renderable::text("Build pending.");
    let (description, state) = match draft.told.kind {
        Kind::RequestAdded => (reporter.pending.as_ref().unwrap_or(&waiting), State::Pending),
        Kind::BuildStarted => (&reporter.start, State::Pending),
        _ => (&reporter.finish, State::of(facts.results.unwrap_or(Results::Exception))),
    };
    if facts.sourcestamps.iter().all(|stamp| stamp.revision.is_none()) {
        return Ok(Vec::new());
    }
    let build = view::of(facts, generation);
    let context = view::text("status's context", &reporter.context, &build, generation).await?;
    let description = match draft.message().await? {
        Some(message) => message.text(),
        None => view::text("status's description", description, &build, generation).await?,
    };
    let target = view::page(generation, facts);
    let status = Status::new(state, &description, target, context)?;
    let mut posts: Vec<Post> = Vec::new();
    for stamp in &facts.sourcestamps {
        let Some(sha) = stamp.revision.clone().filter(|r| !r.is_empty()) else { continue };
        let repository =
            status::repository(&stamp.project, &stamp.repository).ok_or_else(|| {
                format!(
                    "Neither the project {:?} nor the repository {:?} names a repository of the forge.",
                    stamp.project, stamp.repository
                )
            })?;
        let post = Post::Status { repository, sha, status: status.clone() };
        if !posts.contains(&post) {
            posts.push(post);
        }
    }
    Ok(posts)
}
