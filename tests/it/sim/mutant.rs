//! Configurations that change at random. A [`Plan`] is one as its author thinks of it; it is edited
//! in ways that are right or wrong for known reasons, and written down as a person would. A
//! [`Scribble`] is what happens to a text on a bad day.

use std::fmt::Write as _;

use halide_ci::base::random::Random;

/// A configuration as its author thinks of it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    title: String,
    pub(crate) workers: Vec<Worker>,
    locks: Vec<Lock>,
    pub(crate) builders: Vec<Builder>,
    schedulers: Vec<Scheduler>,
    /// Names are never used twice.
    next: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) name: String,
    password: u32,
    max_builds: u32,
    os: &'static str,
}

#[derive(Clone, Debug)]
struct Lock {
    name: String,
    max_count: u32,
    for_master: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Builder {
    pub(crate) name: String,
    workers: Vec<usize>,
    steps: Vec<Step>,
    tag: u32,
    collapses: bool,
    lock: Option<usize>,
}

#[derive(Clone, Debug)]
struct Step {
    name: String,
    word: u32,
    /// Which way of being written.
    style: usize,
    lock: Option<usize>,
}

#[derive(Clone, Debug)]
struct Scheduler {
    name: String,
    timer: Option<u32>,
    branch: &'static str,
    builders: Vec<usize>,
}

/// Whether an edit leaves a configuration in order, and what the reload must tell.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It does; one of the lines told contains this.
    Right(String),
    /// It does not; the error contains this.
    Wrong(&'static str),
}

fn any<'a, T>(random: &Random, items: &'a [T]) -> &'a T {
    &items[random.below(items.len())]
}

fn number(random: &Random, from: u32, to: u32) -> u32 {
    from + u32::try_from(random.below((to - from + 1) as usize)).unwrap()
}

impl Plan {
    /// A farm of some size.
    pub(crate) fn new(random: &Random) -> Self {
        let lock =
            |name: &str, for_master| Lock { name: name.to_owned(), max_count: 3, for_master };
        let mut plan = Self {
            title: "Farm".to_owned(),
            workers: Vec::new(),
            locks: vec![lock("performance", false), lock("deploy", true)],
            builders: Vec::new(),
            schedulers: Vec::new(),
            next: 0,
        };
        (0..4).for_each(|_| plan.add_worker(random));
        (0..6).for_each(|_| plan.add_builder(random));
        for (name, branch, timer) in [("main", "main", None), ("release", "release", Some(60))] {
            let builders = vec![0, 1 + random.below(5)];
            plan.schedulers.push(Scheduler { name: name.to_owned(), timer, branch, builders });
        }
        plan
    }

    fn name(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}-{}", self.next)
    }

    fn add_worker(&mut self, random: &Random) {
        let name = self.name("worker");
        let os = *any(random, &["linux", "windows", "osx"]);
        self.workers.push(Worker { name, password: 1, max_builds: number(random, 1, 3), os });
    }

    fn add_builder(&mut self, random: &Random) {
        let name = self.name("builder");
        let first = random.below(self.workers.len());
        let mut workers = vec![first, (first + 1) % self.workers.len()];
        workers.dedup();
        let steps = (0..2 + random.below(3)).map(|_| self.new_step(random)).collect();
        let tag = number(random, 1, 3);
        self.builders.push(Builder { name, workers, steps, tag, collapses: true, lock: None });
    }

    fn new_step(&mut self, random: &Random) -> Step {
        let name = self.name("Step");
        // The last lock is taken by builders only: nobody may want what it holds already.
        let lock = (random.below(4) == 0).then_some(0);
        Step { name, word: number(random, 1, 99), style: random.below(STYLES), lock }
    }

    /// Edits something; returns what must become of it.
    pub(crate) fn edit(&mut self, random: &Random) -> Verdict {
        let b = random.below(self.builders.len());
        let w = random.below(self.workers.len());
        let step = random.below(self.builders[b].steps.len());
        let (builder, worker) = (self.builders[b].name.clone(), self.workers[w].name.clone());
        let of_builder = |what: &str| Verdict::Right(format!("~ builder {builder}: {what}"));
        match random.below(24) {
            0 => {
                self.add_builder(random);
                Verdict::Right(format!("+ builder {}", self.builders.last().unwrap().name))
            }
            1 if self.builders.len() > 3 => {
                self.remove_builder(b);
                Verdict::Right(format!("- builder {builder}"))
            }
            2 => {
                self.builders[b].name = self.name("builder");
                Verdict::Right(format!("- builder {builder}"))
            }
            3 => {
                self.add_worker(random);
                // It must be used, or the configuration is refused.
                let new = self.workers.len() - 1;
                self.builders[b].workers.push(new);
                Verdict::Right(format!("+ worker {}", self.workers[new].name))
            }
            4 if self.workers.len() > 2 => {
                self.remove_worker(w);
                Verdict::Right(format!("- worker {worker}"))
            }
            5 => {
                self.workers[w].password += 1;
                Verdict::Right(format!("~ worker {worker}: password"))
            }
            6 => {
                self.workers[w].max_builds += 1;
                Verdict::Right(format!("~ worker {worker}: max_builds"))
            }
            7 => {
                self.workers[w].os = if self.workers[w].os == "linux" { "bsd" } else { "linux" };
                Verdict::Right(format!("~ worker {worker}: properties"))
            }
            8 => {
                let new = self.new_step(random);
                let told = format!("new step {} {:?}", step + 1, new.name);
                self.builders[b].steps.insert(step, new);
                of_builder(&told)
            }
            9 if self.builders[b].steps.len() > 1 => {
                let gone = self.builders[b].steps.remove(step);
                of_builder(&format!("without step {} {:?}", step + 1, gone.name))
            }
            10 => {
                self.builders[b].steps[step].word += 100;
                of_builder(&format!("step {}", step + 1))
            }
            11 => {
                let name = self.name("Step");
                self.builders[b].steps[step].name.clone_from(&name);
                of_builder(&format!("step {} {name:?}: renamed", step + 1))
            }
            12 => {
                self.builders[b].tag += 1;
                of_builder("tags")
            }
            13 => {
                self.builders[b].collapses ^= true;
                of_builder("collapse_requests")
            }
            14 => {
                self.builders[b].lock =
                    if self.builders[b].lock.is_some() { None } else { Some(1) };
                of_builder("locks")
            }
            15 => {
                let lock = any(random, &[0, 1]);
                self.locks[*lock].max_count += 1;
                Verdict::Right(format!("~ lock {}: max_count", self.locks[*lock].name))
            }
            16 => {
                let s = random.below(self.schedulers.len());
                let timer = &mut self.schedulers[s].timer;
                *timer = Some(timer.map_or(30, |t| t + 30));
                let name = &self.schedulers[s].name;
                Verdict::Right(format!("~ scheduler {name}: tree_stable_timer"))
            }
            17 => {
                let name = self.name("scheduler");
                let branch = *any(random, &["main", "release", "nightly"]);
                self.schedulers.push(Scheduler {
                    name,
                    timer: Some(20),
                    branch,
                    builders: vec![b],
                });
                Verdict::Right(format!("+ scheduler {}", self.schedulers.last().unwrap().name))
            }
            18 if self.schedulers.len() > 1 => {
                let s = random.below(self.schedulers.len());
                Verdict::Right(format!("- scheduler {}", self.schedulers.remove(s).name))
            }
            19 => {
                self.title = self.name("Farm");
                Verdict::Right("~ title".to_owned())
            }
            20 => {
                self.workers[w].name = self.workers[(w + 1) % self.workers.len()].name.clone();
                Verdict::Wrong("there are two workers named")
            }
            21 => {
                self.builders[b].workers.push(99);
                Verdict::Wrong("names the worker \"nobody\", which is not in c.workers")
            }
            22 => {
                self.schedulers[0].builders.push(99);
                Verdict::Wrong("names the builder \"nobody\", which is not in c.builders")
            }
            _ => {
                self.builders[b].steps[step].style = BROKEN;
                Verdict::Wrong("`halt_on_failure` of step")
            }
        }
    }

    fn remove_builder(&mut self, at: usize) {
        self.builders.remove(at);
        for scheduler in &mut self.schedulers {
            without(&mut scheduler.builders, at);
        }
        self.schedulers.retain(|s| !s.builders.is_empty());
        if self.schedulers.is_empty() {
            let builders = vec![0];
            let name = self.name("scheduler");
            self.schedulers.push(Scheduler { name, timer: None, branch: "main", builders });
        }
    }

    fn remove_worker(&mut self, at: usize) {
        self.workers.remove(at);
        for builder in &mut self.builders {
            without(&mut builder.workers, at);
            if builder.workers.is_empty() {
                builder.workers.push(0);
            }
        }
    }

    /// The configuration as a text.
    pub(crate) fn text(&self) -> String {
        let mut out = String::from("local ci = require \"ci\"\nlocal c = ci.config()\n");
        writeln!(out, "c.title = {:?}\nc.url = \"https://ci.example.org/\"", self.title).unwrap();
        out += "c.workers = {\n";
        for w in &self.workers {
            writeln!(
                out,
                "  ci.worker {{ name = {:?}, password = \"secret-{}-of-{}\", max_builds = {}, properties = {{ os = {:?} }} }},",
                w.name, w.password, w.name, w.max_builds, w.os
            )
            .unwrap();
        }
        out += "}\n";
        for (n, lock) in self.locks.iter().enumerate() {
            let kind = if lock.for_master { "master_lock" } else { "worker_lock" };
            let (name, count) = (&lock.name, lock.max_count);
            writeln!(out, "local lock_{n} = ci.{kind} {{ name = {name:?}, max_count = {count} }}")
                .unwrap();
        }
        // Every lock is used, or the configuration would be refused.
        out += HELPERS;
        out += "c.builders = {\n";
        for b in &self.builders {
            self.write_builder(&mut out, b);
        }
        out += "}\nlocal all = {}\nfor i, builder in ipairs(c.builders) do all[i] = builder.name end\nc.schedulers = {\n";
        for s in &self.schedulers {
            let builders = self.names(&s.builders, |i| self.builders.get(i).map(|b| &b.name));
            let timer = s.timer.map_or(String::new(), |t| format!(", tree_stable_timer = {t}"));
            writeln!(
                out,
                "  ci.schedulers.any_branch {{ name = {:?}, builders = {{ {builders} }}, change_filter = {{ branch = {:?} }}{timer} }},",
                s.name, s.branch
            )
            .unwrap();
        }
        out += "  ci.schedulers.force { name = \"force\", builders = all },\n}\n";
        out += TAIL;
        out
    }

    fn write_builder(&self, out: &mut String, b: &Builder) {
        let workers = self.names(&b.workers, |i| self.workers.get(i).map(|w| &w.name));
        let locks = b
            .lock
            .map_or(String::new(), |l| format!(", locks = {{ lock_{l}:access \"counting\" }}"));
        let collapse = if b.collapses { "" } else { ", collapse_requests = false" };
        writeln!(
            out,
            "  ci.builder {{\n    name = {:?}, workers = {{ {workers} }}, tags = {{ \"tag-{}\" }}{collapse}{locks},\n    factory = {{",
            b.name, b.tag
        )
        .unwrap();
        for s in &b.steps {
            let (name, word) = (format!("{:?}", s.name), s.word);
            let locks = s
                .lock
                .map_or(String::new(), |l| format!(", locks = {{ lock_{l}:access \"counting\" }}"));
            let written = match s.style {
                0 => format!(
                    "ci.steps.shell {{ name = {name}, command = {{ \"make\", \"-j\", jobs, \"part-{word}\" }}{locks}, halt_on_failure = true }}"
                ),
                1 => format!(
                    "ci.steps.shell {{ name = {name}, command = \"ninja part-{word}\", timeout = 600, env = {{ LEVEL = \"{word}\" }}{locks} }}"
                ),
                2 => format!("test({name}, {word})"),
                3 => format!(
                    "ci.steps.shell {{ name = {name}, command = {{ \"echo\", ci.interpolate \"%(prop:branch:-none)s-{word}\" }}{locks}, do_step_if = on_worker }}"
                ),
                4 => format!(
                    "ci.steps.set_property {{ name = {name}, property = \"part\", value = \"{word}\" }}"
                ),
                _ => format!(
                    "ci.steps.shell {{ name = {name}, command = \"x\", halt_on_failure = \"yes\" }}"
                ),
            };
            writeln!(out, "      {written},").unwrap();
        }
        *out += "    },\n  },\n";
    }

    fn names<'a>(&'a self, of: &[usize], name: impl Fn(usize) -> Option<&'a String>) -> String {
        let nobody = "nobody".to_owned();
        let names = of.iter().map(|i| format!("{:?}", name(*i).unwrap_or(&nobody)));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// Ways of writing a step that are right.
const STYLES: usize = 5;
/// The way that is not.
const BROKEN: usize = STYLES;

const HELPERS: &str = r#"local function jobs(build) return tostring(build.worker.max_builds or 1) end
local function on_worker(step) return step.build.worker.name ~= "nobody" end
local function test(name, part)
  return ci.steps.shell { name = name, command = { "ctest", "--part", part }, always_run = part > 50, warn_on_failure = true }
end
local used = { lock_0:access "exclusive", lock_1:access "exclusive" }
"#;

const TAIL: &str = r#"c.www = { port = 0, change_hooks = { github = ci.hooks.github { secret = "secret-of-the-hook" } } }
c.reporters = {
  ci.reporters.github_status { token = "token-of-github", context = ci.interpolate "ci/%(prop:buildername)s" },
}
return c
"#;

/// Indices after the object `at` is gone.
fn without(indices: &mut Vec<usize>, at: usize) {
    indices.retain(|i| *i != at);
    indices.iter_mut().filter(|i| **i > at).for_each(|i| *i -= 1);
}

/// Spoils `text` in one of the ways in which people and editors do.
pub(crate) fn scribble(text: &str, random: &Random) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (a, b) = (random.below(lines.len()), random.below(lines.len()));
    let words: Vec<(usize, &str)> = words(text);
    let (at, word) = *any(random, &words);
    let replaced = |with: &str| format!("{}{with}{}", &text[..at], &text[at + word.len()..]);
    match random.below(14) {
        0 => drop(lines.remove(a)),
        1 => lines.insert(a, lines[b].clone()),
        2 => lines.swap(a, b),
        3 => lines[a].insert_str(0, "-- "),
        4 => lines.truncate(a + 1),
        // One word is another, is gone, is written wrong.
        5 | 6 => return replaced(any(random, &words).1),
        7 => return replaced(""),
        8 => {
            let cut = word.char_indices().nth(random.below(word.chars().count())).unwrap().0;
            return replaced(&format!("{}{}", &word[..cut], &word[cut + 1..]));
        }
        9 => return replaced(&word.to_uppercase()),
        10 => {
            let values = ["0", "1", "-1", "2.5", "7", "nil", "true", "{}", "\"\""];
            return replaced(values[random.below(values.len())]);
        }
        11 => {
            // A sign too many, or one too few.
            let sign = any(random, &["{", "}", "(", ")", "[", "\"", ",", "=", ".", ";", "'", "\n"]);
            return format!("{}{sign}{}", &text[..at], &text[at..]);
        }
        12 => {
            let signs: Vec<usize> = text
                .char_indices()
                .filter(|(_, c)| "{}()\",=.".contains(*c))
                .map(|(i, _)| i)
                .collect();
            let at = *any(random, &signs);
            return format!("{}{}", &text[..at], &text[at + 1..]);
        }
        _ => {
            let some: String = lines[a.min(b)..=a.max(b)].join("\n");
            lines.insert(a, some);
        }
    }
    lines.join("\n") + "\n"
}

/// The words and numbers of a text, with their places.
fn words(text: &str) -> Vec<(usize, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let word = &rest[start..];
        let end = word.find(|c| !is_word(c)).unwrap_or(word.len());
        out.push((text.len() - rest.len() + start, &word[..end]));
        rest = &word[end..];
    }
    out
}
