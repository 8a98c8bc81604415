//! `ci.step_group`: steps under one name, one after the other or all at once. What it says of results
//! holds for those of its steps that do not say it themselves.

use std::rc::Rc;
use std::sync::Arc;

use mlua::{Table, Value};

use super::{Reader, step};
use crate::model::config::{StepConfig, StepFlags, StepGroup};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;

pub(super) const OPTIONS: &[&str] = &[
    "always_run",
    "flunk_on_failure",
    "flunk_on_warnings",
    "halt_on_failure",
    "name",
    "parallel",
    "steps",
    "warn_on_failure",
    "warn_on_warnings",
];

/// How a flag is set.
type Flag = (&'static str, fn(&mut StepFlags, bool));

const FLAGS: [Flag; 6] = [
    ("always_run", |flags, yes| flags.always_run = yes),
    ("flunk_on_failure", |flags, yes| flags.flunk_on_failure = yes),
    ("flunk_on_warnings", |flags, yes| flags.flunk_on_warnings = yes),
    ("halt_on_failure", |flags, yes| flags.halt_on_failure = yes),
    ("warn_on_failure", |flags, yes| flags.warn_on_failure = yes),
    ("warn_on_warnings", |flags, yes| flags.warn_on_warnings = yes),
];

/// A group as it was made.
pub(in crate::script) struct Group {
    what: StepGroup,
    /// Those that it says, by their place in [`FLAGS`].
    flags: Vec<(usize, bool)>,
    /// Steps and groups.
    items: Vec<Table>,
    /// How many steps these come to.
    steps: usize,
}

/// The most steps of one group. Groups in groups double quickly.
const MOST: usize = 10_000;

/// A step with the object that callbacks get.
pub(in crate::script) type Read = (Arc<StepConfig>, Table);

/// Adds the step that `value` is, or the steps of the group; false = it is neither.
pub(in crate::script) fn add(reader: &Reader<'_>, value: &Value, out: &mut Vec<Read>) -> bool {
    let Value::Table(table) = value else { return false };
    if let Some(step) = step::read(reader, table) {
        out.push((step, table.clone()));
        return true;
    }
    let Some(group) = read(reader, table) else { return false };
    expand(reader, &group, &[], out);
    true
}

/// Reads a group; none when `table` is something else. The same group may stand in many factories.
pub(super) fn read(reader: &Reader<'_>, table: &Table) -> Option<Rc<Group>> {
    if let Some(known) = reader.groups.borrow().get(&table.to_pointer()) {
        return Some(known.clone());
    }
    let object = reader.object(table).filter(|object| object.kind == "step_group")?;
    reader.seen.borrow_mut().insert(table.to_pointer());
    let mut f = Fields::of(reader, &object);
    let name = f.name();
    let is_parallel = f.boolean("parallel", false);
    let given = |f: &mut Fields<'_, '_>, flag: &str| f.raw(flag).is_some();
    let mut flags = Vec::new();
    for (at, (flag, _)) in FLAGS.iter().enumerate() {
        let is_given = given(&mut f, flag);
        let yes = f.boolean(flag, false);
        flags.extend(is_given.then_some((at, yes)));
    }
    let read = reader.within(table, || items(&mut f, is_parallel));
    let (items, steps) = match read {
        Ok(read) => read,
        Err(what) => {
            if let Some(what) = what {
                f.problem("steps", format!("{} {what}.", f.owner));
            }
            return None;
        }
    };
    f.finish();
    let group = Rc::new(Group { what: StepGroup { name, is_parallel }, flags, items, steps });
    reader.groups.borrow_mut().insert(table.to_pointer(), group.clone());
    Some(group)
}

/// The steps and groups of a group, and how many steps they come to.
fn items(f: &mut Fields<'_, '_>, is_parallel: bool) -> (Vec<Table>, usize) {
    let Some(values) = f.list("steps") else {
        f.missing("steps");
        return (Vec::new(), 0);
    };
    let (mut out, mut steps) = (Vec::new(), 0_usize);
    for (at, value) in values.into_iter().enumerate() {
        let table = match &value {
            Value::Table(table) => Some(table.clone()),
            _ => None,
        };
        let inner = table.as_ref().and_then(|table| read(f.reader, table));
        if inner.is_some() && is_parallel {
            let message =
                format!("`steps` of {} holds a group; at once run single steps.", f.owner);
            let hint = "Put the parallel group into the other one.".to_owned();
            f.problem_with("steps", message, vec![hint]);
            continue;
        }
        let is_step = table.as_ref().is_some_and(|table| step::read(f.reader, table).is_some());
        let is_group =
            |table: &Table| f.reader.object(table).is_some_and(|o| o.kind == "step_group");
        match table {
            Some(table) if is_step || inner.is_some() => {
                // An empty group is work, too.
                steps = steps.saturating_add(inner.map_or(1, |inner| inner.steps.max(1)));
                out.push(table);
            }
            _ if f.reader.is_broken(&value) => {}
            // Why it is not read has been told.
            Some(table) if is_group(&table) => {}
            _ => {
                let (number, owner, got) = (at + 1, &f.owner, a_type(&value));
                let message =
                    format!("item {number} of `steps` of {owner} is {got}; it takes steps.");
                f.problem("steps", message);
            }
        }
    }
    if steps > MOST {
        let owner = &f.owner;
        let message = format!("`steps` of {owner} comes to {steps} steps; {MOST} are enough.");
        f.problem("steps", message);
        return (Vec::new(), 0);
    }
    (out, steps)
}

/// The steps of a group that stands in `outer`, outermost first.
fn expand(reader: &Reader<'_>, group: &Group, outer: &[&Group], out: &mut Vec<Read>) {
    let chain: Vec<&Group> = outer.iter().copied().chain([group]).collect();
    let names: Vec<&str> = chain.iter().map(|group| group.what.name.as_str()).collect();
    // Each use of a group is one of its own: two of the same in a row do not become one.
    let what = Arc::new(StepGroup { name: names.join(" / "), ..group.what.clone() });
    for table in &group.items {
        if let Some(inner) = read(reader, table) {
            expand(reader, &inner, &chain, out);
            continue;
        }
        let Some(step) = step::read(reader, table) else { continue };
        let mut flags = step.flags;
        let own = reader.object(table).map(|object| object.options);
        for (at, yes) in chain.iter().flat_map(|group| &group.flags) {
            let Some((flag, set)) = FLAGS.get(*at) else { continue };
            let says = own.as_ref().and_then(|own| own.raw_get::<Value>(*flag).ok());
            if says.is_none_or(|value| value.is_nil()) {
                set(&mut flags, *yes);
            }
        }
        let step = StepConfig { group: Some(what.clone()), flags, ..(*step).clone() };
        out.push((Arc::new(step), table.clone()));
    }
}
