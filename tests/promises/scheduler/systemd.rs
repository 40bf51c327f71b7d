//! Is the service manager told? Asked at the other end of its socket.

use super::{Part, becomes, serve};
use crate::support::{Target, promises, until};
use rustix::process::Signal;
use std::os::unix::net::UnixDatagram;

promises!(on [sqlite]:
    the_service_manager_hears_of_the_start_the_life_and_the_end,
);

async fn the_service_manager_hears_of_the_start_the_life_and_the_end(mut target: Target) {
    let path = target.folder().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_nonblocking(true).expect("a socket of ours");
    target.environment.push(("NOTIFY_SOCKET", path.display().to_string()));
    target.environment.push(("WATCHDOG_USEC", "400000".to_owned()));
    let part = Part::new(&target, "items", 100).await;
    part.submit(&target).await;

    let mut heard = String::new();
    let mut server = serve(&target, &[]);
    until("READY", async || hears(&socket, &mut heard, "READY=1")).await;
    becomes(&target, &mut server, &part.job, "succeeded").await;
    until("two signs of life", async || {
        hears(&socket, &mut heard, "WATCHDOG=1") && heard.matches("WATCHDOG=1").count() >= 2
    })
    .await;
    until("what it does", async || hears(&socket, &mut heard, "STATUS=0 of at most 2 runs here")).await;
    assert!(!heard.contains("STOPPING"), "{heard}");
    server.signal(Signal::TERM);
    until("STOPPING", async || hears(&socket, &mut heard, "STOPPING=1")).await;
    server.end().await.exits(0);
}

/// Takes what has arrived; whether these words were heard by now.
fn hears(socket: &UnixDatagram, heard: &mut String, words: &str) -> bool {
    let mut buffer = [0; 1024];
    while let Ok(length) = socket.recv(&mut buffer) {
        heard.push_str(std::str::from_utf8(&buffer[..length]).expect("plain text"));
    }
    heard.contains(words)
}
