//! SQL of filters: conditions with their values bound, never spliced. Apart from the tables and the pages,
//! which it serves.

use std::fmt::Write as _;

use super::{Column, Filter, Kind, Op, Scope};
use crate::store::conn::Value;

/// SQL text under construction, with what it binds.
#[derive(Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) params: Vec<Value>,
    has_condition: bool,
}

impl Sql {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn bind(&mut self, value: Value) {
        self.params.push(value);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "${}", self.params.len());
    }

    pub(super) fn scope(&mut self, scope: &Scope) {
        let mut values = scope.values.iter();
        for condition in &scope.conditions {
            self.joint();
            for (i, part) in condition.split('?').enumerate() {
                if i > 0 {
                    self.bind(values.next().cloned().unwrap_or(Value::Null));
                }
                self.push(part);
            }
        }
    }

    pub(super) fn joint(&mut self) {
        self.push(if self.has_condition { " and " } else { " where " });
        self.has_condition = true;
    }

    pub(super) fn filter(&mut self, filter: &Filter) {
        let column = filter.column;
        match (column.kind, filter.op) {
            (Kind::Flag { yes, no }, op) => self.flag(yes, no, op, &filter.values),
            (Kind::Time, op) => self.each(filter, op == Op::Ne, |sql, v| sql.time(column, op, v)),
            (Kind::Texts, Op::Contains | Op::Eq | Op::Ne) => {
                let negated = filter.op == Op::Ne;
                self.each(filter, negated, |sql, v| sql.element(column, v, negated));
            }
            (Kind::Text, Op::Contains) => self.each(filter, false, |sql, v| sql.part(column, v)),
            (_, Op::Eq | Op::Contains) => self.list(column, " in (", &filter.values),
            (_, Op::Ne) => self.list(column, " not in (", &filter.values),
            (_, op) => self.each(filter, false, |sql, v| {
                sql.push(column.sql);
                sql.push(match op {
                    Op::Lt => " < ",
                    Op::Le => " <= ",
                    Op::Gt => " > ",
                    _ => " >= ",
                });
                sql.bind(v.clone());
            }),
        }
    }

    /// `(a or b or c)`, or `(a and b and c)` when each part is a negation.
    fn each(&mut self, filter: &Filter, all: bool, mut one: impl FnMut(&mut Self, &Value)) {
        self.push("(");
        for (i, value) in filter.values.iter().enumerate() {
            if i > 0 {
                self.push(if all { " and " } else { " or " });
            }
            one(self, value);
        }
        self.push(")");
    }

    fn list(&mut self, column: &Column, open: &str, values: &[Value]) {
        self.push(column.sql);
        self.push(open);
        for (i, value) in values.iter().enumerate() {
            if i > 0 {
                self.push(", ");
            }
            self.bind(value.clone());
        }
        self.push(")");
    }

    fn flag(&mut self, yes: &str, no: &str, op: Op, values: &[Value]) {
        let is = |wanted: i64| {
            values.iter().any(|v| match (op, v) {
                (Op::Eq | Op::Contains, Value::Int(v)) => *v == wanted,
                (Op::Lt, Value::Int(v)) => wanted < *v,
                (Op::Le, Value::Int(v)) => wanted <= *v,
                (Op::Gt, Value::Int(v)) => wanted > *v,
                (Op::Ge, Value::Int(v)) => wanted >= *v,
                _ => false,
            })
        };
        let (on, off) = if op == Op::Ne {
            let without = |w: i64| !values.contains(&Value::Int(w));
            (without(1), without(0))
        } else {
            (is(1), is(0))
        };
        match (on, off) {
            (true, true) => self.push("1 = 1"),
            (true, false) => self.push(yes),
            (false, true) => self.push(no),
            (false, false) => self.push("1 = 0"),
        }
    }

    /// Times are compared as whole seconds, but on the stored column, so that an index serves.
    fn time(&mut self, column: &Column, op: Op, value: &Value) {
        let Value::Int(seconds) = value else { return self.push("1 = 0") };
        let from = seconds.saturating_mul(1_000_000);
        let to = seconds.saturating_add(1).saturating_mul(1_000_000);
        let mut compare = |op: &str, at: i64| {
            self.push(column.sql);
            self.push(op);
            self.bind(Value::Int(at));
        };
        match op {
            Op::Lt => compare(" < ", from),
            Op::Le => compare(" < ", to),
            Op::Gt => compare(" >= ", to),
            Op::Ge => compare(" >= ", from),
            Op::Ne => {
                self.push("(");
                self.push(column.sql);
                self.push(" < ");
                self.bind(Value::Int(from));
                self.push(" or ");
                self.push(column.sql);
                self.push(" >= ");
                self.bind(Value::Int(to));
                self.push(")");
            }
            Op::Eq | Op::Contains => {
                self.push("(");
                self.push(column.sql);
                self.push(" >= ");
                self.bind(Value::Int(from));
                self.push(" and ");
                self.push(column.sql);
                self.push(" < ");
                self.bind(Value::Int(to));
                self.push(")");
            }
        }
    }

    /// A part of a text. `replace` instead of `like`: exact case and no pattern characters, on
    /// both databases.
    fn part(&mut self, column: &Column, value: &Value) {
        if *value == Value::Text(String::new()) {
            self.push(column.sql);
            return self.push(" is not null");
        }
        self.push("replace(");
        self.push(column.sql);
        self.push(", ");
        self.bind(value.clone());
        self.push(", '') <> ");
        self.push(column.sql);
    }

    /// An element of a JSON list of texts: its JSON form after the bracket or a comma. A quote
    /// inside another element is written `\"`, so neither form can occur there.
    fn element(&mut self, column: &Column, value: &Value, negated: bool) {
        let Value::Text(text) = value else { return self.push("1 = 0") };
        let quoted = serde_json::Value::from(text.as_str()).to_string();
        let (compare, joint) = if negated { (" = ", " and ") } else { (" <> ", " or ") };
        self.push("(");
        for (i, lead) in ["[", ","].into_iter().enumerate() {
            if i > 0 {
                self.push(joint);
            }
            self.push("replace(");
            self.push(column.sql);
            self.push(", ");
            self.bind(Value::Text(format!("{lead}{quoted}")));
            self.push(", '')");
            self.push(compare);
            self.push(column.sql);
        }
        self.push(")");
    }

    pub(super) fn conditions(&mut self, scope: &Scope, filters: &[Filter]) {
        self.scope(scope);
        for filter in filters {
            self.joint();
            self.filter(filter);
        }
    }
}
