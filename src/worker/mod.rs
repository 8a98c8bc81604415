//! Our own worker.
