//! How much of a log is kept: `c.log_max_size` and `c.log_max_tail_size`.

use serde::Serialize;

/// Both in bytes of what commands write; what master and worker say beside it is always kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogLimits {
    /// What is longer is cut here; none = logs have any length.
    pub log_max_size: Option<usize>,
    /// This many of the last bytes are kept all the same.
    pub log_max_tail_size: Option<usize>,
}
