//! Data API v2, independent of HTTP.
