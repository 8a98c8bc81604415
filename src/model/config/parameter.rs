//! Parameters of force schedulers: `ci.parameters.*`, what a form asks for and what fits.

use regex::Regex;
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use super::Site;

/// A field of a form, or a group of them.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name of the property.
    pub name: String,
    /// The name in a filled-in form: the groups' names before its own, joined by `_`.
    pub full_name: String,
    /// What people read (default: the name).
    pub label: String,
    /// What a tab says (default: the label).
    pub tablabel: String,
    /// What stands in the field at first.
    pub default: Json,
    /// Whether something must be filled in.
    pub required: bool,
    /// Whether several values may be given.
    pub multiple: bool,
    /// What a value must match, from its start.
    pub regex: Option<Regex>,
    /// Not shown; the default counts.
    pub hide: bool,
    /// The longest value, in characters.
    pub max_size: Option<u64>,
    /// Choice → values of other fields that choosing it fills in.
    pub autopopulate: Option<Json>,
    /// A word of help.
    pub tooltip: String,
    /// What kind it is.
    pub kind: ParameterKind,
    /// Where it was made; none for what a form asks by itself.
    pub site: Option<Site>,
}

/// The kinds of parameters.
#[derive(Clone, Debug)]
pub enum ParameterKind {
    /// One line of text.
    Text {
        /// Width in characters.
        size: i64,
    },
    /// Several lines of text.
    Area {
        /// Width in characters.
        cols: i64,
        /// Height in lines.
        rows: i64,
    },
    /// A whole number.
    Int {
        /// Width in characters.
        size: i64,
    },
    /// Yes or no.
    Boolean,
    /// One of a list.
    Choice {
        /// The list.
        choices: Vec<String>,
        /// Nothing else fits.
        strict: bool,
    },
    /// One of the workers that the builders have, or any of them.
    Worker {
        /// [`ParameterKind::ANY_WORKER`] and the names of the workers.
        choices: Vec<String>,
    },
    /// What a file holds, as text.
    File,
    /// Who starts the builds.
    Username {
        /// Width in characters.
        size: i64,
        /// Whether a mail address is asked for.
        need_email: bool,
    },
    /// Always the default.
    Fixed,
    /// A group.
    Nested {
        /// `vertical`, `simple` or `tabs`.
        layout: String,
        /// 1 to 4.
        columns: i64,
        /// What is in it.
        fields: Vec<Parameter>,
        /// What becomes of it.
        group: Group,
    },
}

/// What becomes of a group's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// A property that holds them by name; without a name of its own, a property each.
    Properties,
    /// Where the sources come from.
    Codebase,
    /// A patch of a source.
    Patch,
    /// A property with the name and the value that the user gives.
    AnyProperty,
    /// Who, why and how urgently: not properties, but the buildset's.
    Order,
}

impl Parameter {
    /// The largest file of a form, in characters, unless it says otherwise.
    pub const LARGEST_FILE: u64 = 10 << 20;

    /// A field of kind `kind` with a label and nothing else.
    #[must_use]
    pub fn new(name: &str, label: &str, kind: ParameterKind) -> Self {
        Self {
            name: name.to_owned(),
            full_name: name.to_owned(),
            label: label.to_owned(),
            tablabel: label.to_owned(),
            default: kind.blank(),
            required: false,
            multiple: false,
            regex: None,
            hide: false,
            max_size: None,
            autopopulate: None,
            tooltip: String::new(),
            kind,
            site: None,
        }
    }

    /// A group of fields.
    #[must_use]
    pub fn group(name: &str, label: &str, group: Group, fields: Vec<Self>) -> Self {
        let layout = "vertical".to_owned();
        Self::new(name, label, ParameterKind::Nested { layout, columns: 1, fields, group })
    }

    /// The same with another first value.
    #[must_use]
    pub fn with_default(mut self, default: impl Into<Json>) -> Self {
        self.default = default.into();
        self
    }

    /// The part of a form that asks who starts a build, why, and how urgently.
    #[must_use]
    pub fn order(username: Self, reason: Self, priority: Self) -> Self {
        Self::group("", "", Group::Order, vec![username, reason, priority])
    }

    /// The usual question for the priority.
    #[must_use]
    pub fn priority(default: i64) -> Self {
        let kind = ParameterKind::Int { size: 10 };
        Self::new("priority", "priority:", kind).with_default(default)
    }

    /// The usual question for the user.
    #[must_use]
    pub fn username() -> Self {
        let kind = ParameterKind::Username { size: 80, need_email: true };
        Self::new("username", "your name:", kind)
    }

    /// The usual question for the reason.
    #[must_use]
    pub fn reason(default: &str) -> Self {
        let kind = ParameterKind::Text { size: 20 };
        Self::new("reason", "reason:", kind).with_default(default)
    }

    /// The usual questions for a codebase.
    #[must_use]
    pub fn codebase(codebase: &str) -> Self {
        let part =
            |name: &str| Self::new(name, &format!("{name}:"), ParameterKind::Text { size: 80 });
        let fields = ["branch", "revision", "repository", "project"].map(part).into();
        Self::group(codebase, codebase, Group::Codebase, fields)
    }

    /// The questions for a patch of a source, as Buildbot asks them.
    #[must_use]
    pub fn patch() -> Self {
        let text =
            |name: &str, label: &str| Self::new(name, label, ParameterKind::Text { size: 80 });
        let mut body = Self::new("body", "patch:", ParameterKind::File);
        body.max_size = Some(Self::LARGEST_FILE);
        let level = Self::new("level", "patch level:", ParameterKind::Int { size: 10 });
        let fields = vec![
            body,
            level.with_default(1),
            text("author", "author:"),
            text("comment", "comment:"),
            text("subdir", "subdirectory:").with_default("."),
        ];
        Self::group("patch", "Patch", Group::Patch, fields)
    }

    /// The fields below it, of any depth, and it itself.
    pub fn for_each_mut(&mut self, f: &mut impl FnMut(&mut Self)) {
        f(self);
        if let ParameterKind::Nested { fields, .. } = &mut self.kind {
            fields.iter_mut().for_each(|field| field.for_each_mut(f));
        }
    }

    /// Gives the fields inside a group their full names; `prefix` is that of the group around it.
    pub fn place(&mut self, prefix: &str) {
        self.full_name = match (prefix, self.name.as_str()) {
            ("", name) => name.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, name) => format!("{prefix}_{name}"),
        };
        let own = self.full_name.clone();
        if let ParameterKind::Nested { fields, .. } = &mut self.kind {
            fields.iter_mut().for_each(|field| field.place(&own));
        }
    }

    /// The fields below it that hold a value, itself included.
    #[must_use]
    pub fn leaves(&self) -> Vec<&Self> {
        match &self.kind {
            ParameterKind::Nested { fields, .. } => fields.iter().flat_map(Self::leaves).collect(),
            _ => vec![self],
        }
    }

    /// It as the data API describes it.
    #[must_use]
    pub fn described(&self) -> Json {
        let mut out = json!({
            "autopopulate": self.autopopulate, "default": self.default,
            "fullName": self.full_name, "hide": self.hide, "label": self.label,
            "maxsize": self.max_size, "multiple": self.multiple, "name": self.name, "regex": null,
            "required": self.required, "tablabel": self.tablabel, "tooltip": self.tooltip,
        });
        if matches!(self.kind, ParameterKind::Nested { .. }) && self.full_name.is_empty() {
            out["fullName"] = Json::Null;
        }
        if let (Json::Object(out), Json::Object(more)) = (&mut out, self.kind.described()) {
            out.extend(more);
        }
        out
    }
}

/// As the data API describes it, and with the pattern, which that leaves out.
impl Serialize for Parameter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = self.described();
        if let Some(regex) = &self.regex {
            shown["regex"] = regex.as_str().into();
        }
        if let ParameterKind::Nested { fields, .. } = &self.kind {
            let fields = fields.iter().map(serde_json::to_value).collect::<Result<_, _>>();
            shown["fields"] = Json::Array(fields.map_err(serde::ser::Error::custom)?);
        }
        shown.serialize(serializer)
    }
}

impl ParameterKind {
    /// The choice of a worker that leaves it to the engine; there is no property then.
    pub const ANY_WORKER: &str = "-any-";

    /// What is said where nothing is said.
    fn blank(&self) -> Json {
        match self {
            Self::Boolean => json!(false),
            Self::Int { .. } => json!(0),
            _ => json!(""),
        }
    }

    /// The type's word in the data API.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Area { .. } => "textarea",
            Self::Int { .. } => "int",
            Self::Boolean => "bool",
            Self::Choice { .. } | Self::Worker { .. } => "list",
            Self::File => "file",
            Self::Username { .. } => "username",
            Self::Fixed => "fixed",
            Self::Nested { .. } => "nested",
        }
    }

    fn described(&self) -> Json {
        let mut out = match self {
            Self::Text { size } | Self::Int { size } => json!({ "size": size }),
            Self::Area { cols, rows } => json!({ "size": 80, "cols": cols, "rows": rows }),
            Self::Boolean | Self::Fixed | Self::File => Json::Object(Map::new()),
            Self::Worker { choices } => json!({ "choices": choices, "strict": true }),
            Self::Choice { choices, strict } => json!({ "choices": choices, "strict": strict }),
            Self::Username { size, need_email } => {
                json!({ "size": size, "need_email": need_email })
            }
            Self::Nested { layout, columns, fields, .. } => {
                let fields: Vec<Json> = fields.iter().map(Parameter::described).collect();
                json!({ "layout": layout, "columns": columns, "fields": fields })
            }
        };
        out["type"] = self.word().into();
        out
    }
}
