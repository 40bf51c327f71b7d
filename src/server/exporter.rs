//! How does Prometheus reach a run in the foreground? `/metrics` and `/livez` on this machine, for as long as the run lives.
//! Asks no database and takes no orders; who wants more, or from elsewhere, runs `tidegate serve`.

use crate::metrics::{Metrics, TEXT_FORMAT};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A listener that answers until it is dropped.
pub struct Exporter {
    address: SocketAddr,
    answering: JoinHandle<()>,
}

/// Why nothing can be answered.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// Others than this machine could ask.
    #[error(
        "{0} can be reached from elsewhere, where anybody could ask; a run answers this machine only, `tidegate serve` others"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error("could not listen on {address}: {cause}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
}

impl Exporter {
    /// Listens on an address of this machine, port 0 for any that is free, and answers from now on.
    ///
    /// # Errors
    /// When the address is not a loopback one, or cannot be had.
    pub async fn bind(address: SocketAddr, metrics: Arc<Metrics>) -> Result<Self, ExporterError> {
        if !address.ip().is_loopback() {
            return Err(ExporterError::NotLoopback(address));
        }
        let cannot = |cause| ExporterError::Bind { address, cause };
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let answering = tokio::spawn(async move {
            // Serving does not end by itself; what one client does wrong is that client's.
            let _ = axum::serve(listener, routes(metrics)).await;
        });
        Ok(Self { address, answering })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

fn routes(metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route(
            "/metrics",
            get(async |State(metrics): State<Arc<Metrics>>| ([(CONTENT_TYPE, TEXT_FORMAT)], metrics.render())),
        )
        .route("/livez", get(async || "alive\n"))
        .with_state(metrics)
        .layer(from_fn(only_this_machine))
}

/// A page in somebody's browser may have its own name lead here; it cannot make the browser say another one.
async fn only_this_machine(request: Request, next: Next) -> Response {
    match names_this_machine(request.headers()) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "this address is asked for by another name\n").into_response(),
    }
}

/// Whether the one Host is `localhost` or a loopback address, with a port or without.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let names = |hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, host.parse().unwrap());
            }
            names_this_machine(&headers)
        };
        for host in ["localhost", "LocalHost:9187", "127.0.0.1", "127.0.0.1:9187", "127.8.8.8:1", "[::1]", "[::1]:9187"]
        {
            assert!(names(&[host]), "{host}");
        }
        let foreign = [
            "",
            "evil.example",
            "localhost.evil.example:9187",
            "10.0.0.1:9187",
            "127.0.0.1.evil.example",
            "[::]",
            "localhost:x",
        ];
        for host in foreign {
            assert!(!names(&[host]), "{host}");
        }
        assert!(!names(&[]) && !names(&["localhost", "evil.example"]), "exactly one");
    }
}
