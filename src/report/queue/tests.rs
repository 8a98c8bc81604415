//! The queue's promises, without time passing and without a network.

use super::*;
use crate::forge::github::status::State as Light;

const NOW: Timestamp = Timestamp(1_000_000_000_000);

fn row(id: i64) -> Waiting {
    Waiting { id: OutboxId(id), created_at: NOW, due_at: NOW, attempts: 0, message: None }
}

fn post(sha: &str, light: Light) -> Post {
    let status = Status::new(light, "", String::new(), "ci/x".to_owned()).unwrap();
    Post::Status { repository: "o/n".to_owned(), sha: sha.to_owned(), status }
}

fn states(updates: &[Update]) -> Vec<(i64, State)> {
    updates.iter().map(|u| (u.id.0, u.state)).collect()
}

#[test]
fn of_several_waiting_posts_only_the_newest_leaves() {
    let mut queue = Queue::default();
    assert_eq!(states(&queue.add(&row(1), vec![post("a", Light::Pending)])), [(1, State::Waiting)]);
    queue.add(&row(2), vec![post("b", Light::Pending)]);
    let changed = queue.add(&row(3), vec![post("a", Light::Success)]);
    assert_eq!(states(&changed), [(1, State::Superseded), (3, State::Waiting)]);
    let (id, next) = queue.next(NOW).unwrap();
    assert_eq!((id.0, &next), (2, &post("b", Light::Pending)));
    queue.on(id, &next, Outcome::Sent, NOW, 0.5).unwrap();
    let (id, next) = queue.next(NOW).unwrap();
    assert_eq!((id.0, next), (3, post("a", Light::Success)));
    assert_eq!(
        queue.on(id, &post("a", Light::Success), Outcome::Sent, NOW, 0.5).unwrap().state,
        State::Sent
    );
    assert!(queue.is_empty());
    assert!(queue.newest.is_empty());
}

#[test]
fn a_post_that_was_superseded_in_flight_has_no_say() {
    let mut queue = Queue::default();
    queue.add(&row(1), vec![post("a", Light::Pending)]);
    let (id, flying) = queue.next(NOW).unwrap();
    queue.add(&row(2), vec![post("a", Light::Failure)]);
    assert!(queue.on(id, &flying, Outcome::Sent, NOW, 0.5).is_none());
    assert_eq!(queue.next(NOW).unwrap().0, OutboxId(2));
}

#[test]
fn after_a_failure_everybody_waits_and_then_goes_on() {
    let mut queue = Queue::default();
    queue.add(&row(1), vec![post("a", Light::Pending)]);
    queue.add(&row(2), vec![post("b", Light::Pending)]);
    let (id, first) = queue.next(NOW).unwrap();
    let failed = Outcome::Failed("GitHub answers 500.".to_owned(), None);
    let update = queue.on(id, &first, failed, NOW, 0.5).unwrap();
    assert_eq!((update.state, update.attempts), (State::Waiting, 1));
    assert_eq!(update.error.as_deref(), Some("GitHub answers 500."));
    let at = queue.next(NOW).unwrap_err().unwrap();
    assert_eq!(at, NOW + Duration::from_secs(2));
    // The other one tries first: it has waited longer.
    assert_eq!(queue.next(at).unwrap().0, OutboxId(2));
}

#[test]
fn the_servers_own_word_on_when_counts() {
    let mut queue = Queue::default();
    queue.add(&row(1), vec![post("a", Light::Pending)]);
    let (id, first) = queue.next(NOW).unwrap();
    let at = NOW + Duration::from_secs(900);
    let failed = Outcome::Failed("GitHub answers 403.".to_owned(), Some(at));
    assert_eq!(queue.on(id, &first, failed, NOW, 0.0).unwrap().due_at, at);
    assert_eq!(queue.next(at + Duration::from_micros(0)).unwrap().0, OutboxId(1));
    assert_eq!(queue.next(NOW + Duration::from_secs(899)), Err(Some(at)));
}

#[test]
fn waits_grow_to_a_minute_and_stay_there() {
    let seconds: Vec<u64> = (1..9).map(|n| wait(n, 0.5).as_secs()).collect();
    assert_eq!(seconds, [2, 4, 8, 16, 32, 60, 60, 60]);
    assert!(wait(9, 0.0) < wait(9, 1.0));
}

#[test]
fn a_refusal_is_final_and_says_why() {
    let mut queue = Queue::default();
    queue.add(&row(1), vec![post("a", Light::Pending)]);
    let (id, first) = queue.next(NOW).unwrap();
    let refused = Outcome::Refused("GitHub answers 422.".to_owned());
    let update = queue.on(id, &first, refused, NOW, 0.5).unwrap();
    assert_eq!(update.state, State::Failed);
    assert_eq!(update.error.as_deref(), Some("GitHub answers 422."));
    assert_eq!(queue.next(NOW), Err(None));
}

#[test]
fn after_a_day_a_message_is_given_up_visibly() {
    let mut queue = Queue::default();
    queue.add(&row(1), vec![post("a", Light::Pending), post("b", Light::Pending)]);
    let (id, first) = queue.next(NOW).unwrap();
    let failed = Outcome::Failed("GitHub answers 500.".to_owned(), None);
    let late = NOW + GIVEN_UP_AFTER;
    let update = queue.on(id, &first, failed, late, 0.5).unwrap();
    assert_eq!(update.state, State::Failed);
    assert_eq!(
        update.error.as_deref(),
        Some("Given up after a day and 1 attempts: GitHub answers 500.")
    );
    assert!(queue.is_empty() && queue.newest.is_empty());
}

#[test]
fn a_row_with_two_commits_remembers_which_is_left() {
    let mut queue = Queue::default();
    queue.add(&row(1), vec![post("a", Light::Success), post("b", Light::Success)]);
    let (id, first) = queue.next(NOW).unwrap();
    let update = queue.on(id, &first, Outcome::Sent, NOW, 0.5).unwrap();
    assert_eq!(update.state, State::Waiting);
    let left: Vec<Post> = serde_json::from_value(update.message).unwrap();
    assert_eq!(left, [post("b", Light::Success)]);
}

#[test]
fn a_row_that_has_nothing_to_say_is_done() {
    let mut queue = Queue::default();
    assert_eq!(states(&queue.add(&row(1), Vec::new())), [(1, State::Sent)]);
    assert!(queue.is_empty());
}
