//! Reading the arguments of a command. What is not asked for is ignored, as Buildbot does; what
//! is missing or of the wrong kind is an error that names it.

use std::time::Duration;

use crate::wire::msgpack::codec::Value;

/// The arguments of one command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arguments<'a> {
    command: &'a str,
    map: &'a Value,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(command: &'a str, map: &'a Value) -> Result<Self, String> {
        match map {
            Value::Map(_) => Ok(Self { command, map }),
            _ => Err(format!("The arguments of `{command}` are not a map.")),
        }
    }

    /// The argument, if it is given and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| **value != Value::Nil)
    }

    /// An argument that must be given.
    pub(super) fn required(&self, name: &str) -> Result<&'a Value, String> {
        self.map
            .get(name)
            .ok_or_else(|| format!("The command `{}` needs the argument `{name}`.", self.command))
    }

    /// A text that must be given.
    pub(super) fn text(&self, name: &str) -> Result<String, String> {
        let value = self.required(name)?;
        value.as_str().map(ToOwned::to_owned).ok_or_else(|| self.wrong(name, "a text"))
    }

    /// A list of texts that must be given.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        let items = self.required(name)?.as_array();
        let texts = items.and_then(|items| {
            items.iter().map(|item| item.as_str().map(ToOwned::to_owned)).collect()
        });
        texts.ok_or_else(|| self.wrong(name, "a list of texts"))
    }

    /// A flag; `default` when it is not given.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, Value::is_truthy)
    }

    /// A count.
    pub(super) fn count(&self, name: &str) -> Result<Option<u64>, String> {
        self.get(name)
            .map(|value| {
                let count = value.as_int().and_then(|n| u64::try_from(n).ok());
                count.ok_or_else(|| self.wrong(name, "a count"))
            })
            .transpose()
    }

    /// Seconds.
    pub(super) fn seconds(&self, name: &str) -> Result<Option<f64>, String> {
        self.get(name)
            .map(|value| {
                let seconds = value.as_number().filter(|s| Duration::try_from_secs_f64(*s).is_ok());
                seconds.ok_or_else(|| self.wrong(name, "seconds"))
            })
            .transpose()
    }

    fn wrong(&self, name: &str, wanted: &str) -> String {
        format!("The argument `{name}` of the command `{}` must be {wanted}.", self.command)
    }
}
