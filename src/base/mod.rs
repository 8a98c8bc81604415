//! The innermost ring: time, ids, results, text. It knows nothing of continuous integration
//! beyond Buildbot's result codes, and nothing outside imports from it are allowed here.

pub mod clock;
pub mod encoding;
pub mod env;
pub mod id;
pub mod partial;
pub mod random;
pub mod results;
pub mod secret;
pub mod text;
pub mod tree;
pub mod wildcard;
