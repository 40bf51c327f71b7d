//! Does a request come from where it says, and to us? A page of somebody else's, opened in an operator's browser, can send
//! requests to this machine; a name of somebody else's can be made to lead here. Decided before anything is routed. Pure.

use super::problem::Problem;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use std::net::{IpAddr, SocketAddr};

/// The names that this server answers to.
#[derive(Clone, Debug)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    /// This machine's own names, the address that is listened on, and those that were allowed.
    pub(super) fn new(listen: IpAddr, allowed: &[String]) -> Self {
        let own = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let listen = (!listen.is_unspecified()).then(|| name_of(&SocketAddr::new(listen, 0).to_string()).to_owned());
        Self(own.into_iter().chain(listen).chain(allowed.iter().map(|name| name.to_ascii_lowercase())).collect())
    }

    fn have(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|name| *name == name_of(&host) || *name == host)
    }
}

/// Refuses what another site may have sent.
pub(super) fn check(head: &Parts, hosts: &Hosts) -> Result<(), Problem> {
    if head.uri.authority().is_some() || head.uri.scheme().is_some() {
        return Err(Problem::bad("absolute-form", "the request names a whole address; this server is no proxy"));
    }
    let host = only(&head.headers, header::HOST)?.ok_or_else(|| Problem::bad("host", "the request has no Host"))?;
    if !hosts.have(host) {
        let words = "this server does not answer to that Host; --allow-host allows one more";
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign-host", words));
    }
    let is_same = |origin: &str| origin.split_once("://").is_some_and(|(_, name)| name.eq_ignore_ascii_case(host));
    if only(&head.headers, header::ORIGIN)?.is_some_and(|origin| !is_same(origin)) {
        return Err(foreign("another site sent this request (Origin)"));
    }
    let site = only(&head.headers, HeaderName::from_static("sec-fetch-site"))?;
    match site {
        None | Some("same-origin" | "none") => Ok(()),
        // Somebody follows a link in an alert. The page itself shows nothing yet, and nobody can frame it.
        Some(_) if follows_a_link(head) => Ok(()),
        Some(_) => Err(foreign("another site sent this request (Sec-Fetch-Site)")),
    }
}

fn follows_a_link(head: &Parts) -> bool {
    let says = |name, value: &str| head.headers.get(HeaderName::from_static(name)).is_some_and(|said| said == value);
    head.method == Method::GET
        && head.uri.path() == "/"
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
}

fn foreign(message: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "foreign-origin", message)
}

/// The one value of a header. Two would let each reader believe another.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(&name).iter();
    let (first, second) = (values.next(), values.next());
    match (first.map(|value| value.to_str()), second) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        (Some(_), _) => Err(Problem::bad("header", format!("the header {name} is doubled or no text"))),
    }
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn code(method: &str, uri: &str, headers: &[(&str, &str)]) -> &'static str {
        let request = Request::builder().method(method).uri(uri);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (head, ()) = request.body(()).unwrap().into_parts();
        let hosts = Hosts::new([10, 0, 0, 5].into(), &["Tide.Example".to_owned()]);
        check(&head, &hosts).err().map_or("passes", |problem| problem.code)
    }

    #[test]
    fn only_this_servers_own_names_are_answered_to() {
        for host in
            ["localhost", "LOCALHOST:7433", "127.0.0.1:1", "[::1]:7433", "[::1]", "10.0.0.5:80", "tide.example:443"]
        {
            assert_eq!(code("GET", "/", &[("host", host)]), "passes", "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.6", "localhost:", ""] {
            assert_eq!(code("GET", "/", &[("host", host)]), "foreign-host", "{host}");
        }
        assert_eq!(code("GET", "/", &[]), "host");
        assert_eq!(code("GET", "/", &[("host", "localhost"), ("host", "localhost")]), "header");
        assert_eq!(code("GET", "http://localhost/", &[("host", "localhost")]), "absolute-form");
    }

    #[test]
    fn another_site_may_not_send_requests() {
        let with = |method, path, more: &[(&'static str, &'static str)]| {
            code(method, path, &[&[("host", "localhost:7433")], more].concat())
        };
        assert_eq!(with("POST", "/api", &[("origin", "http://localhost:7433")]), "passes");
        assert_eq!(with("POST", "/api", &[("sec-fetch-site", "same-origin")]), "passes");
        for origin in ["http://localhost:80", "http://evil.example", "null", "http://localhost:7433.evil.example"] {
            assert_eq!(with("POST", "/api", &[("origin", origin)]), "foreign-origin", "{origin}");
        }
        for site in ["cross-site", "same-site", "strange"] {
            assert_eq!(with("GET", "/api", &[("sec-fetch-site", site)]), "foreign-origin", "{site}");
        }
    }

    #[test]
    fn a_link_to_the_page_may_be_followed_and_nothing_else() {
        let link = [
            ("host", "localhost"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert_eq!(code("GET", "/", &link), "passes");
        assert_eq!(code("GET", "/api/v1/runs", &link), "foreign-origin");
        assert_eq!(code("POST", "/", &link), "foreign-origin");
    }
}
