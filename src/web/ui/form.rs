//! The forms of force schedulers on a builder's page, drawn from the same fields that the data API
//! describes.

use maud::{Markup, html};
use serde_json::Value as Json;

use super::layout::View;
use super::visible::visible;
use crate::base::text;
use crate::model::config::{
    ForceScheduler, Group, Parameter, ParameterKind, SchedulerConfig, SchedulerKind,
};
use crate::store::views::builders;

/// One form for each force scheduler that can start this builder.
pub(super) fn all(view: &View, builder: &builders::Shown) -> Markup {
    let config = &view.generation.config;
    let starts = |s: &&SchedulerConfig| s.builders.contains(&builder.name);
    html! {
        @for scheduler in config.schedulers.iter().filter(starts) {
            @if let SchedulerKind::Force(force) = &scheduler.kind {
                @if view.may("force") {
                    (form(view, builder.id, scheduler, force))
                } @else if view.who.name.is_none() && view.can_log_in {
                    p.quiet {
                        a href=(view.to(&format!("login?redirect={}", view.path))) { "Log in" }
                        " to start a build (" (visible(&force.button_name)) ")."
                    }
                }
            }
        }
    }
}

fn form(view: &View, builder: i64, scheduler: &SchedulerConfig, force: &ForceScheduler) -> Markup {
    html! {
        details.card id={ "force-" (text::slug(&scheduler.name)) } {
            summary { (visible(&force.button_name)) }
            form method="post" action=(view.to(&format!("builders/{builder}/force"))) {
                input type="hidden" name="scheduler" value=(scheduler.name);
                @for one in &force.fields { (field(view, one)) }
                button.primary type="submit" { "Start build" }
            }
        }
    }
}

fn field(view: &View, one: &Parameter) -> Markup {
    match &one.kind {
        _ if one.hide => html! {},
        ParameterKind::Fixed => html! {},
        // Whoever is logged in need not say so.
        ParameterKind::Username { .. } if view.who.name.is_some() => html! {},
        ParameterKind::Nested { fields, group: Group::Order, .. } => {
            html! { @for inner in fields { (field(view, inner)) } }
        }
        ParameterKind::Nested { fields, group, .. } => {
            let legend = match (one.label.as_str(), group) {
                ("", Group::Codebase) => "Source",
                (label, _) => label,
            };
            html! {
                fieldset {
                    @if !legend.is_empty() { legend { (visible(legend)) } }
                    @for inner in fields { (field(view, inner)) }
                }
            }
        }
        _ => html! {
            label title=[Some(&one.tooltip).filter(|t| !t.is_empty())] {
                (caption(&one.label)) (input(one))
            }
        },
    }
}

/// A label as a sentence begins, without Buildbot's colon.
fn caption(label: &str) -> String {
    let label = visible(label);
    let label = label.trim_end_matches(':');
    let mut chars = label.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

fn input(one: &Parameter) -> Markup {
    let value = match &one.default {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    };
    let name = &one.full_name;
    let most = one.max_size;
    match &one.kind {
        ParameterKind::Area { cols, rows } => html! {
            textarea name=(name) cols=(cols) rows=(rows) maxlength=[most] required[one.required] {
                "\n" (value)
            }
        },
        ParameterKind::Int { .. } => html! {
            input name=(name) type="text" inputmode="numeric" pattern="[-+]?[0-9]+" value=(value)
                required[one.required];
        },
        ParameterKind::Boolean => html! {
            input type="hidden" name=(name) value="false";
            input type="checkbox" name=(name) value="true" checked[one.default == true];
        },
        // Without the script its text can be pasted.
        ParameterKind::File => html! {
            input type="file" data-into=(name) aria-label={ "A file for " (caption(&one.label)) } hidden;
            textarea name=(name) rows="6" maxlength=[most] required[one.required] { "\n" (value) }
        },
        ParameterKind::Choice { choices, .. } | ParameterKind::Worker { choices } => html! {
            select name=(name) multiple[one.multiple] required[one.required]
                data-autopopulate=[one.autopopulate.as_ref().map(Json::to_string)] {
                @for choice in choices {
                    option value=(choice) selected[is_chosen(&one.default, choice)] {
                        (visible(choice))
                    }
                }
            }
        },
        _ => html! {
            input name=(name) value=(value) maxlength=[most] required[one.required];
        },
    }
}

fn is_chosen(default: &Json, choice: &str) -> bool {
    match default {
        Json::Array(list) => list.iter().any(|one| one == choice),
        one => one == choice,
    }
}
