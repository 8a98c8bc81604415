//! Floods of output.

use halide_ci::base::id::BuildId;

use super::{FARM, Setting, World};
use crate::sim::hand::shell;

#[test]
fn a_stalled_log_writer_holds_the_command_instead_of_filling_the_memory() {
    const CHUNK: usize = 128 << 10;
    const CHUNKS: usize = 512;
    let setting = Setting { stalls_logs: true, ..Setting::new(FARM) };
    setting.tell(async |world: &mut World| {
        let w1 = world.connect("w1").await;
        let line = format!("{}\n", "x".repeat(CHUNK - 1));
        let flood = (0..CHUNKS).fold(shell("make"), |make, _| make.prints(&line));
        w1.expect([flood, shell("make test"), shell("make clean")]);
        world.push("main", "a1").await;
        world.pass(60).await;
        let taken = w1.printed();
        assert!(taken < 16 << 20, "{taken} bytes were taken of {}", CHUNK * CHUNKS);
        assert!(taken > 1 << 20);
        world.pass(600).await;
        assert_eq!(w1.printed(), taken, "the command waits, however long it takes");
        assert_eq!(w1.running(), ["make"]);
        world.write_logs();
        world.settle().await;
        assert_eq!(w1.printed(), CHUNK * CHUNKS);
        assert_eq!(world.log(BuildId(1), "Build", "stdio").await.len(), CHUNKS);
        assert_eq!(world.int("select max(num_bytes) from logs").await as usize, CHUNK * CHUNKS);
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
    });
}
