//! What a story costs in real time: a pull request that waits five minutes for quiet, is built and
//! reported, on the simulated clock; and how many simulated builds a second that makes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a bench prints and takes the time, and uses only a part of the world"
)]

#[path = "../tests/it/sim/mod.rs"]
mod sim;

use std::time::Instant;

use sim::world::{World, story};

const FARM: &str = include_str!("../tests/it/sim/farm.lua");

fn main() {
    let quick = std::env::args().any(|a| a == "--quick");
    let mut millis: Vec<f64> = (0..if quick { 3 } else { 20 })
        .map(|_| {
            let began = Instant::now();
            story(FARM, async |world: &mut World| {
                world.connect("w1").await.obey();
                world.pull_request("opened", 7, "p1").await;
                world.settle().await;
                assert_eq!(world.builds().await, ["linux/1 w1 success"]);
            });
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    println!("a story with a timer of 300 s       p50 {:8.1} ms", millis[millis.len() / 2]);

    let pushes = if quick { 20 } else { 300 };
    let began = Instant::now();
    story(FARM, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.connect("w2").await.obey();
        for n in 0..pushes {
            world.push("main", &format!("sha{n}")).await;
            world.pass(60).await;
        }
        world.settle().await;
    });
    let rate = f64::from(pushes) / began.elapsed().as_secs_f64();
    println!("simulated pushes, built and reported     {rate:8.0} per second");
}
