//! The master side of the worker protocols.
