//! The one integration-test binary. Each file is a module here; `tidy` refuses forgotten ones.

mod interop;
mod sim;
mod wire;
mod worker;
