//! GitHub: its payloads and its API.
