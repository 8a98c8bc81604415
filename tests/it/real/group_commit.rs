//! Many durable answers, few syncs: counted from outside, by the system calls of the real binary.

use std::process::{Command, Stdio};

use super::farm::{self, Farm};

const PROGRAM: &str = env!("CARGO_BIN_EXE_halide-ci");

#[test]
#[ignore = "needs strace; .ci/run installs it"]
fn webhooks_that_arrive_together_share_their_syncs() {
    const CONNECTIONS: u64 = 32;
    const EACH: u64 = 10;
    let mut farm =
        Farm::new(PROGRAM, &Farm::builder("b", r#"ci.steps.shell { command = "true" }"#));
    farm.start_master();
    let counts = farm.path("syncs");
    let mut strace = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=fdatasync,fsync", "-o", &counts.to_string_lossy()])
        .args(["-p", &farm.master_pid().to_string()])
        .stdin(Stdio::null())
        .spawn()
        .expect("strace can be started");
    farm.wait_for("strace", |farm| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", farm.master_pid())).ok()?;
        (!status.contains("TracerPid:\t0\n")).then_some(())
    });
    let port = farm.web_port();
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            scope.spawn(move || {
                for n in 0..EACH {
                    // No builder takes the branch: only the deliveries themselves are counted.
                    let status = farm::deliver(port, &format!("g-{connection}-{n}"), "nobody");
                    assert_eq!(status, Some(200));
                }
            });
        }
    });
    farm.kill_master();
    let _ = strace.wait();
    let syncs = std::fs::read_to_string(counts).map_or(0, |t| t.lines().count());
    assert!(syncs > 0, "nothing was synced");
    assert!(
        (syncs as u64) < CONNECTIONS * EACH,
        "{syncs} syncs for {} webhooks",
        CONNECTIONS * EACH
    );
}
