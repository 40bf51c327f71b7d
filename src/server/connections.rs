//! Who is listened to, and for how long? Accepts connections, bounds what each may take, and ends them when the server stops.

use super::door::Door;
use super::limits::{CONNECTIONS, HEAD_BYTES, HEAD_DEADLINE, STOP_GRACE, TAKE_DEADLINE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// When no connection can be accepted, as when the process has no file handle left, trying at once again helps nobody.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Serves until `stop` turns true, then lets the answers in hand end.
pub(super) async fn serve(listener: TcpListener, door: Door, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) if connections.len() < CONNECTIONS => {
                connections.spawn(connection(stream, peer, door.clone(), stop.clone()));
            }
            // Closed at once: a client that is told nothing tries again, one that waits holds what others need.
            Ok(_) => {}
            Err(_) => tokio::time::sleep(AFTER_FAILURE).await,
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_GRACE, all_ended).await;
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, door: Door, mut stop: watch::Receiver<bool>) {
    bound(&stream);
    let service = service_fn(|request| {
        let door = door.clone();
        async move { Ok::<_, Infallible>(door.pass(peer.ip(), request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE).max_buf_size(HEAD_BYTES);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // How a connection ends is the client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// A failure here takes a bound away and nothing else.
fn bound(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let millis = u32::try_from(TAKE_DEADLINE.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, millis);
    }
}
