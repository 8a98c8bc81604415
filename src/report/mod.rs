//! What leaves: commit statuses through the outbox.
