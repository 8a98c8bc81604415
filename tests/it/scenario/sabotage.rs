//! Each defence is switched off once, and the story that rests on it must notice. Without these a
//! green story proves nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use halide_ci::engine::Sabotage;

use super::{FARM, Setting, World};

/// Whether `story` fails when `sabotage` is done.
fn notices(sabotage: Sabotage, story: impl AsyncFnOnce(&mut World)) -> bool {
    let setting = Setting { sabotage, ..Setting::new(FARM) };
    catch_unwind(AssertUnwindSafe(|| setting.tell(story))).is_err()
}

#[test]
fn answering_before_the_commit_is_noticed() {
    let sabotage =
        Sabotage { answer_before_commit: true, fail_commit: true, ..Sabotage::default() };
    assert!(notices(sabotage, super::restart::crash_after_acknowledgement));
}

#[test]
fn believing_an_attempt_that_is_over_is_noticed() {
    let sabotage = Sabotage { no_fence: true, ..Sabotage::default() };
    assert!(notices(sabotage, super::worker::late_result));
}

#[test]
fn taking_a_repeated_delivery_for_a_new_one_is_noticed() {
    let sabotage = Sabotage { no_deduplication: true, ..Sabotage::default() };
    assert!(notices(sabotage, super::github::repeated_delivery));
}
