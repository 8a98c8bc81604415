//! A message: what a generator's formatter makes of a row. Made once, when the row is first about to
//! be sent, and then kept in the row, so that every attempt says the same.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::engine::Generation;
use crate::engine::ports::Argument;
use crate::engine::render::render;
use crate::model::build::BuildView;
use crate::model::config::{Callback, Formatter, TextType, Words};
use crate::template;

/// How long a function may take with all its waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Message {
    /// One line.
    pub(super) subject: Option<String>,
    /// Text, or anything when it is JSON.
    pub(super) body: Json,
    /// `plain`, `html` or `json`.
    #[serde(rename = "type")]
    pub(super) kind: String,
}

impl Message {
    /// The body as a text.
    pub(super) fn text(&self) -> String {
        match &self.body {
            Json::String(text) => text.clone(),
            Json::Null => String::new(),
            other => other.to_string(),
        }
    }
}

/// What `formatter` says; `build` is for renderables, none where there is no build.
///
/// # Errors
/// A sentence: a mistake in the words. Trying again does not help.
pub(super) async fn format(
    formatter: &Formatter,
    mut context: Json,
    build: Option<&Arc<BuildView>>,
    generation: &Generation,
) -> Result<Message, String> {
    if let Some(more) = &formatter.context {
        let nothing = Arc::default();
        let build = build.unwrap_or(&nothing);
        let rendered = render(more, build, &*generation.scripts).await;
        let rendered = rendered.map_err(|error| format!("`context` failed: {error}"))?;
        if let (Json::Object(into), Json::Object(more)) = (&mut context, rendered) {
            into.extend(more);
        }
    }
    if let Some(function) = &formatter.extra_info {
        context["extra_info"] = call("extra_info", function, &context, generation).await?;
    }
    let kind = formatter.template_type;
    if let Words::Whole(function) = &formatter.template {
        let made = call("f", function, &context, generation).await?;
        return whole(function, kind, made, generation);
    }
    let body = words("template", &formatter.template, kind, &context, build, generation).await?;
    let subject = match &formatter.subject {
        Some(subject) => {
            let plain = TextType::Plain;
            let subject = words("subject", subject, plain, &context, build, generation).await?;
            subject.as_str().map(|text| text.lines().next().unwrap_or_default().to_owned())
        }
        None => None,
    };
    Ok(Message { subject, body, kind: kind.word().to_owned() })
}

async fn words(
    what: &str,
    words: &Words,
    kind: TextType,
    context: &Json,
    build: Option<&Arc<BuildView>>,
    generation: &Generation,
) -> Result<Json, String> {
    let made = match words {
        Words::Template(source) => {
            let filled = template::fill(source, kind == TextType::Html, context);
            Json::from(filled.map_err(|mistake| format!("`{what}` cannot be filled: {mistake}."))?)
        }
        Words::Function(function) | Words::Whole(function) => {
            call(what, function, context, generation).await?
        }
        Words::Renderable(renderable) => {
            let nothing = Arc::default();
            let rendered = render(renderable, build.unwrap_or(&nothing), &*generation.scripts);
            rendered.await.map_err(|error| format!("`{what}` could not be rendered: {error}"))?
        }
    };
    typed(what, kind, made, generation)
}

/// Checks that what was made is of the type that was promised, and hides secrets in it.
fn typed(what: &str, kind: TextType, made: Json, generation: &Generation) -> Result<Json, String> {
    let made = match (kind, made) {
        (TextType::Json, Json::String(text)) => serde_json::from_str(&text)
            .map_err(|error| format!("`{what}` must make JSON, and that is none: {error}."))?,
        (TextType::Json, made) => made,
        (_, Json::String(text)) => Json::String(text),
        (_, Json::Null) => Json::String(String::new()),
        (_, Json::Number(number)) => Json::String(number.to_string()),
        (_, other) => {
            let shown = crate::base::text::shorten(&other.to_string(), 80);
            return Err(format!("`{what}` must make a text, not {shown}."));
        }
    };
    let mut made = made;
    hide(&mut made, generation);
    if made.to_string().len() > 2 * template::LONGEST {
        return Err(format!("`{what}` makes more than {} bytes.", 2 * template::LONGEST));
    }
    Ok(made)
}

/// What a function made that makes all: a text, or a table with subject, body and type.
fn whole(
    function: &Callback,
    kind: TextType,
    made: Json,
    generation: &Generation,
) -> Result<Message, String> {
    let Json::Object(fields) = &made else {
        let body = typed("f", kind, made, generation)?;
        return Ok(Message { subject: None, body, kind: kind.word().to_owned() });
    };
    if !fields.contains_key("body") {
        if kind == TextType::Json {
            let body = typed("f", kind, made, generation)?;
            return Ok(Message { subject: None, body, kind: kind.word().to_owned() });
        }
        let site = &function.site;
        return Err(format!("{site}: `f` must return a text or a table with `body`."));
    }
    let said = fields.get("type").and_then(Json::as_str);
    let kind = match said {
        None => kind,
        Some(word) => TextType::from_word(word).ok_or_else(|| {
            format!("{}: `type` must be plain, html or json, not {word:?}.", function.site)
        })?,
    };
    let mut subject = fields.get("subject").cloned().unwrap_or_default();
    hide(&mut subject, generation);
    let body = typed("body", kind, fields.get("body").cloned().unwrap_or_default(), generation)?;
    let subject = subject.as_str().map(str::to_owned);
    Ok(Message { subject, body, kind: kind.word().to_owned() })
}

/// Calls a function with the context.
///
/// # Errors
/// What it raised, or that it takes too long.
pub(super) async fn call(
    what: &str,
    function: &Callback,
    context: &Json,
    generation: &Generation,
) -> Result<Json, String> {
    let call = generation.scripts.call(function, vec![Argument::Json(context.clone())]);
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(error)) => Err(generation.masked(&error.to_string())),
        Err(_) => {
            let (site, seconds) = (&function.site, PATIENCE.as_secs());
            Err(format!("{site}: `{what}` took longer than {seconds} s."))
        }
    }
}

/// Hides the configuration's secrets in every text of `value`.
pub(super) fn hide(value: &mut Json, generation: &Generation) {
    match value {
        Json::String(text) => *text = generation.masked(text),
        Json::Array(items) => items.iter_mut().for_each(|item| hide(item, generation)),
        Json::Object(fields) => fields.values_mut().for_each(|item| hide(item, generation)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
