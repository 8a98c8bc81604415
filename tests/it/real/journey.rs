//! One push through two real processes.

use super::farm::Farm;

const PROGRAM: &str = env!("CARGO_BIN_EXE_halide-ci");

#[test]
fn a_signed_push_travels_through_real_processes_to_a_finished_build() {
    let steps = r#"ci.steps.shell { name = "Say", command = { "echo", "hello" } },
        ci.steps.shell { name = "Fail", command = "exit 3" }"#;
    let mut farm = Farm::new(PROGRAM, &Farm::builder("b", steps));
    farm.start_master();
    farm.start_worker();
    let (_, status) = farm.push("b");
    assert_eq!(status, Some(200));
    let build = farm.wait_for("the build", |farm| {
        farm.rows("builds?complete=true", "builds")?.into_iter().next()
    });
    assert_eq!(build["results"], 2, "the second step fails");
    assert_eq!(build["number"], 1);
    let steps = farm.rows("builds/1/steps", "steps").unwrap();
    let names: Vec<_> = steps.iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["worker_preparation", "Say", "Fail"]);
    let (status, log) = farm.get("/api/v2/builds/1/steps/1/logs/stdio/raw_inline").unwrap();
    assert_eq!(status, 200);
    assert!(log.contains("hello\n"), "{log}");
}
