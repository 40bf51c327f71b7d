//! Can a client take more than its share? Bodies, heads and connections are bounded, and a slow client keeps nobody waiting.

use super::served::Served;
use crate::support::{Counted, Target, promises, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

promises!(on [sqlite]:
    a_body_or_a_head_that_is_too_large_is_refused,
    a_slow_client_is_sent_away_and_keeps_nobody_waiting,
    more_connections_than_there_may_be_are_closed,
);

async fn a_body_or_a_head_that_is_too_large_is_refused(target: Target) {
    let items = Counted::new(&target, 100, 100).await;
    target.run(&items.job).await;
    let served = Served::of(&target, &[]).await;
    let path = served.of_run(&items.job, "/pause");
    let head = format!("POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n", served.address);
    let announced = served.raw(format!("{head}content-length: 100000\r\n\r\n").as_bytes()).await;
    assert!(announced.starts_with("HTTP/1.1 413"), "{announced}");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let counted =
        served.raw(format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n").as_bytes()).await;
    assert!(counted.starts_with("HTTP/1.1 413") || counted.is_empty(), "{counted}");
    let long = served.raw(format!("{head}x-long: {}\r\n\r\n", "x".repeat(20_000)).as_bytes()).await;
    // What was not read when the connection ended can take the answer with it.
    assert!(long.starts_with("HTTP/1.1 431") || long.is_empty(), "{long}");
    assert_eq!(served.get("/livez").await.0, 200);
}

async fn a_slow_client_is_sent_away_and_keeps_nobody_waiting(target: Target) {
    let served = Served::of(&target, &[]).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(&served.address).await.expect("the server listens");
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: local").await.expect("a part of a head");
        slow.push(stream);
    }
    assert_eq!(served.get("/livez").await.0, 200, "beside them");
    // The server's own deadline ends them, whatever they do.
    for mut stream in slow {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("200"), "{answer:?}");
    }
}

async fn more_connections_than_there_may_be_are_closed(target: Target) {
    let served = Served::of(&target, &[]).await;
    let mut open = Vec::new();
    for _ in 0..600 {
        open.push(TcpStream::connect(&served.address).await.expect("the kernel accepts"));
    }
    let mut closed = 0;
    until("some are closed", async || {
        let mut byte = [0];
        closed = open.iter().filter(|stream| matches!(stream.try_read(&mut byte), Ok(0))).count();
        closed >= 50
    })
    .await;
    drop(open);
    until("others are answered afterwards", async || {
        served.client.get(served.url("/livez")).send().await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
}
