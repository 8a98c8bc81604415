//! A log that a step opened: `log:stdout(text)`, `log:stderr(text)`, `log:header(text)`,
//! `log:finish()`.

use mlua::{LuaString, UserData, UserDataMethods};

use super::missing;
use super::step::{OpenDesk, ask};
use crate::engine::desk::StepRequest;
use crate::model::log::Stream;

/// The handle.
pub(super) struct Log {
    pub(super) desk: OpenDesk,
    pub(super) name: String,
}

impl UserData for Log {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        for (name, stream) in
            [("stdout", Stream::Stdout), ("stderr", Stream::Stderr), ("header", Stream::Header)]
        {
            methods.add_async_method(name, move |_, log, text: LuaString| async move {
                let text = text.to_string_lossy();
                let request = StepRequest::WriteLog { name: log.name.clone(), stream, text };
                ask(&log.desk, request).await.map(|_| ())
            });
        }
        methods.add_async_method("finish", |_, log, ()| async move {
            ask(&log.desk, StepRequest::FinishLog { name: log.name.clone() }).await.map(|_| ())
        });
        missing::of_log(methods);
    }
}
