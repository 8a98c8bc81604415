//! Steps of the master's own machine, of the network and of tools, on a real master and a real worker.

use halide_ci::base::partial::Content;

use super::farm::Farm;
use crate::local::is_gone;

const PROGRAM: &str = env!("CARGO_BIN_EXE_halide-ci");

const STEPS: &str = r#"
    ci.steps.master_shell_command { name = "Here", command = "pwd; ls master.lua; echo $GREETING > greeting.txt",
      env = { GREETING = ci.interpolate "hello from %(prop:buildername)s" } },
    ci.steps.get { name = "Ask", url = c.url .. "readyz", headers = { ["x-token"] = "T0KEN" },
      hide_request_headers = { "x-token" } },
    ci.steps.assert { name = "Check", check = ci.property "branch" },
    ci.steps.sleep { name = "Wait", seconds = 0.1 },
    ci.steps.log_renderable { name = "Show", content = function(build) return { on = build.worker.name } end },
    ci.steps.shell { name = "Fill", command = "head -c 100000 /dev/zero > zeros" },
    ci.steps.tree_size { name = "Size" },
    ci.steps.pylint { name = "Lint", command = "echo 'a.py:1:0: C0114: Missing docstring'; exit 16" },
    ci.steps.msbuild { name = "Build", projectfile = "a.sln", msbuild = "echo" },
    ci.steps.assert { name = "Deny", check = function() return false end },
"#;

const WARNINGS: i64 = 1;
const FAILURE: i64 = 2;

#[test]
fn tools_requests_and_programs_of_the_master_do_their_work() {
    let mut farm = Farm::new(PROGRAM, &Farm::builder("b", STEPS));
    farm.start_master();
    farm.start_worker();
    assert_eq!(farm.push("b").1, Some(200));
    let build = farm.wait_for("the build", |farm| {
        farm.rows("builds?complete=true", "builds")?.into_iter().next()
    });
    let steps = farm.rows("builds/1/steps", "steps").unwrap();
    let results: Vec<_> = steps[1..].iter().map(|s| s["results"].as_i64().unwrap()).collect();
    assert_eq!(results, [0, 0, 0, 0, 0, 0, 0, WARNINGS, 0, FAILURE], "{steps:#?}");
    assert_eq!(build["results"], FAILURE);
    let log = |step: usize, log: &str| {
        farm.get(&format!("/api/v2/builds/1/steps/{step}/logs/{log}/raw_inline")).unwrap().1
    };
    let here = log(1, "stdio");
    let master = farm.path("master").canonicalize().unwrap();
    assert!(here.contains(&format!("{}\nmaster.lua\n", master.display())), "{here}");
    assert!(here.contains("GREETING=hello from b") && !here.contains("PATH="), "{here}");
    let greeting = std::fs::read_to_string(master.join("greeting.txt")).unwrap();
    assert_eq!(greeting, "hello from b\n");
    let asked = log(2, "stdio");
    assert!(asked.contains("/readyz") && asked.contains("status 200"), "{asked}");
    assert!(asked.contains("x-token: <hidden>") && !asked.contains("T0KEN"), "{asked}");
    assert!(log(5, "output").contains("{\"on\":\"w\"}"));
    let properties = farm.get("/api/v2/builds/1/properties").unwrap().1;
    let properties: serde_json::Value = serde_json::from_str(&properties).unwrap();
    let size = properties["properties"][0]["tree-size-KiB"][0].as_i64().unwrap();
    assert!((97..2000).contains(&size), "{size}");
    assert!(log(9, "stdio").contains("a.sln /nologo"));
}

#[test]
fn artifacts_travel_from_a_build_to_another_and_to_the_command_line() {
    let steps = r#"
        ci.steps.shell { name = "Fill", command = "mkdir -p out/sub && seq 1 4000000 > out/sub/numbers && printf x > out/one" },
        ci.steps.artifact { name = "files", paths = "out/**/*", keep = 3 },
        ci.steps.artifact { name = "tree", paths = "out" },
        ci.steps.fetch_artifact { build = ci.interpolate "%(prop:buildnumber)s", names = { "*numbers", "out.*" }, workerdest = "back" },
        ci.steps.shell { name = "Compare", command = "cmp out/sub/numbers back/sub/numbers && tar xzOf back/out.tar.gz one" },
    "#;
    let mut farm = Farm::new(PROGRAM, &Farm::builder("b", steps));
    farm.start_master();
    farm.start_worker();
    assert_eq!(farm.push("b").1, Some(200));
    let build = farm.wait_for("the build", |farm| {
        farm.rows("builds?complete=true", "builds")?.into_iter().next()
    });
    let steps = farm.rows("builds/1/steps", "steps").unwrap();
    assert_eq!(build["results"], 0, "{steps:#?}");
    let command = |words: &[&str]| {
        let url = format!("http://127.0.0.1:{}/", farm.web_port());
        let mut command = std::process::Command::new(PROGRAM);
        let out = command.arg("artifact").args(words).args(["--url", &url]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (out.status.code().unwrap(), text(&out.stdout), text(&out.stderr))
    };
    let (code, listed, _) = command(&["list", "b"]);
    assert_eq!(code, 0);
    let lines: Vec<&str> =
        listed.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(lines, ["one", "out.tar.gz", "sub/numbers"], "{listed}");
    let there = farm.path("there");
    let output = there.to_str().unwrap();
    // More than one block of a download.
    let (code, told, said) = command(&["get", "b@latest-success", "*numbers", "one", "-o", output]);
    assert_eq!(code, 0, "{told}{said}");
    let numbers = std::fs::read(farm.path("worker/b/build/out/sub/numbers")).unwrap();
    assert!(numbers.len() > 8 << 20);
    assert!(numbers == std::fs::read(there.join("sub/numbers")).unwrap());
    assert!(!there.join("out.tar.gz").exists());
    // What another attempt was killed over is not asked for again.
    std::fs::remove_file(there.join("sub/numbers")).unwrap();
    let hash = Content::of(&numbers[..]).unwrap();
    let cut = there.join("sub").join(format!(".partial-{}", hash.sha256()));
    std::fs::write(&cut, &numbers[..9 << 20]).unwrap();
    let (code, told, _) = command(&["get", "b", "*numbers", "-o", output]);
    assert_eq!(code, 0);
    assert!(told.contains("9.44 MB are there already"), "{told}");
    assert!(numbers == std::fs::read(there.join("sub/numbers")).unwrap() && !cut.exists());
    let (_, told, _) = command(&["get", "b@1", "one", "-o", output]);
    assert!(told.contains("is the same already"), "{told}");
    assert_eq!(command(&["get", "b", "one", "-o", "-"]).1, "x");
    let (code, _, said) = command(&["get", "b", "none"]);
    assert_eq!(code, 1);
    assert!(said.contains("has kept no such artifact") && said.contains("sub/numbers"), "{said}");
    let (code, _, said) = command(&["get", "b@newest"]);
    assert_eq!(code, 2, "{said}");
    let (code, _, said) = command(&["get", "c"]);
    assert_eq!((code, said.contains("There is no builder of this name.")), (1, true), "{said}");
}

#[test]
fn an_upload_goes_on_after_the_worker_and_the_master_were_killed() {
    // Small blocks take their time.
    let steps = r#"
        ci.steps.shell { name = "Fill", command = "test -f big || head -c 60000000 /dev/urandom > big" },
        ci.steps.file_upload { workersrc = "big", masterdest = "packages/big", block_size = 2048 },
    "#;
    let mut farm = Farm::new(PROGRAM, &Farm::builder("b", steps));
    farm.start_master();
    farm.start_worker();
    assert_eq!(farm.push("b").1, Some(200));
    let packages = farm.path("master/packages");
    let come = |least: u64| {
        let packages = packages.clone();
        move |_: &Farm| {
            let mut entries = std::fs::read_dir(&packages).ok()?.filter_map(Result::ok);
            entries.find_map(|e| e.metadata().ok().filter(|about| about.len() >= least).map(drop))
        }
    };
    farm.wait_for("a part of the file", come(3_000_000));
    farm.kill_worker();
    farm.start_worker();
    let there = |farm: &Farm, build: u64| -> Option<u64> {
        let log = farm.get(&format!("/api/v2/builds/{build}/steps/2/logs/stdio/raw"))?.1;
        let at = log.find(" of 60000000 bytes are there already")?;
        log[..at].rsplit('\n').next()?.parse().ok()
    };
    // Each attempt goes on behind what the one before has brought.
    assert!(farm.wait_for("the second attempt", |farm| there(farm, 2)) >= 3_000_000);
    farm.wait_for("a larger part of the file", come(6_000_000));
    farm.kill_master();
    farm.start_master();
    let build = farm.wait_for("the build", |farm| {
        let builds = farm.rows("builds?complete=true&results=0", "builds")?;
        builds.into_iter().next()
    });
    let sent = std::fs::read(farm.path("worker/b/build/big")).unwrap();
    assert!(std::fs::read(packages.join("big")).unwrap() == sent);
    assert_eq!(std::fs::read_dir(&packages).unwrap().count(), 1);
    let last = there(&farm, build["buildid"].as_u64().unwrap());
    assert!(last.is_some_and(|there| there >= 6_000_000), "{last:?}, {build}");
}

#[test]
fn a_program_of_the_master_ends_when_its_build_is_stopped_and_when_the_master_is_killed() {
    let steps = r#"ci.steps.master_shell_command { name = "Long", command = "echo $$ > long.pid; sleep 600 & wait" }"#;
    let mut farm = Farm::new(PROGRAM, &Farm::builder("b", steps));
    farm.start_master();
    farm.start_worker();
    let file = farm.path("master").join("long.pid");
    let begun = |farm: &Farm| {
        let pid = farm.wait_for("the program", |_| {
            let text = std::fs::read_to_string(&file).ok()?;
            text.strip_suffix('\n')?.parse::<i32>().ok()
        });
        std::fs::remove_file(&file).unwrap();
        pid
    };
    let ended = |pid| is_gone(pid).then_some(());
    farm.push("b");
    let pid = begun(&farm);
    let stop = r#"{"jsonrpc": "2.0", "id": 1, "method": "stop", "params": {"reason": "enough"}}"#;
    let (status, told) =
        farm.post("/api/v2/builds/1", &["Content-Type: application/json"], stop).unwrap();
    assert_eq!(status, 200, "{told}");
    farm.wait_for("the end of the program", |_| ended(pid));
    let build = farm.wait_for("the end of the build", |farm| {
        farm.rows("builds?complete=true", "builds")?.into_iter().next()
    });
    assert_eq!(build["results"], 6, "cancelled");

    farm.push("b");
    let pid = begun(&farm);
    farm.kill_master();
    assert!(!is_gone(pid), "nobody is left to end it");
    farm.start_master();
    farm.wait_for("the end of what the last life left", |_| ended(pid));
    let again = begun(&farm);
    assert_ne!(again, pid, "the request is built again");
    drop(farm);
}
