//! Who may do what? A token gives the right to read or to write; where none is set, whoever reaches the server has all of it.

use super::page::FILES;
use super::problem::Problem;
use super::token::Token;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Right {
    /// See runs, without keys.
    Read,
    /// Do everything.
    Write,
}

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) peer: IpAddr,
    pub(super) right: Right,
    /// Whether a token says so.
    pub(super) by_token: bool,
}

impl Caller {
    /// As the event log names them.
    pub(super) fn actor(&self) -> String {
        match self.by_token {
            true => format!("http:write-token@{}", self.peer),
            false => format!("http@{}", self.peer),
        }
    }
}

/// The tokens, and who tried others.
#[derive(Debug)]
pub(super) struct Tokens {
    read: Option<Token>,
    write: Option<Token>,
    failures: Mutex<Failures>,
}

impl Tokens {
    pub(super) fn new(read: Option<Token>, write: Option<Token>) -> Self {
        Self { read, write, failures: Mutex::default() }
    }

    /// Who sends this, if they may.
    pub(super) fn admit(&self, head: &Parts, peer: IpAddr, now: Instant) -> Result<Caller, Problem> {
        let given = bearer(head)?;
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if given.is_some() && failures.are_too_many(peer, now) {
            let words = "too many wrong tokens from this address; try again in a minute";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-failures", words));
        }
        let right = match (self.right_of(given), is_public(head)) {
            (Some(right), _) => right,
            (None, true) => Right::Read,
            (None, false) => {
                if given.is_some() {
                    failures.note(peer, now);
                }
                return Err(Problem::new(StatusCode::UNAUTHORIZED, "token", "this needs a token"));
            }
        };
        let caller = Caller { peer, right, by_token: given.is_some() && self.are_any() };
        self.may(caller, head).map(|()| caller)
    }

    fn are_any(&self) -> bool {
        self.read.is_some() || self.write.is_some()
    }

    /// What a token gives, or its absence.
    fn right_of(&self, given: Option<&str>) -> Option<Right> {
        let is = |token: &Option<Token>| token.as_ref().zip(given).is_some_and(|(token, given)| token.is(given));
        match given {
            _ if !self.are_any() => Some(Right::Write),
            Some(_) if is(&self.write) => Some(Right::Write),
            Some(_) if is(&self.read) => Some(Right::Read),
            None if self.read.is_none() => Some(Right::Read),
            Some(_) | None => None,
        }
    }

    fn may(&self, caller: Caller, head: &Parts) -> Result<(), Problem> {
        if caller.right == Right::Write || is_read(head) {
            return Ok(());
        }
        match (&self.write, caller.by_token) {
            (None, _) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "no-write-token",
                "this server has a token for reading only: --write-token-file sets one for writing",
            )),
            (Some(_), true) => Err(Problem::new(StatusCode::FORBIDDEN, "read-only", "this token may only read")),
            (Some(_), false) => Err(Problem::new(StatusCode::UNAUTHORIZED, "token", "this needs the write token")),
        }
    }
}

/// What is asked before anybody can have given a token: by whoever starts processes, and by a browser that opens the page.
fn is_public(head: &Parts) -> bool {
    is_read(head) && is_open(head.uri.path())
}

/// What says nothing of any run: whether the process lives, and the page before it has asked.
fn is_open(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz") || FILES.iter().any(|file| file.path == path)
}

fn is_read(head: &Parts) -> bool {
    head.method == Method::GET || head.method == Method::HEAD
}

/// The token of a request.
fn bearer(head: &Parts) -> Result<Option<&str>, Problem> {
    let wrong = || Problem::new(StatusCode::UNAUTHORIZED, "authorization", "Authorization is not `Bearer TOKEN`");
    let mut values = head.headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong());
    }
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(wrong)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token.trim())) } else { Err(wrong()) }
}

/// Wrong tokens by address.
#[derive(Debug, Default)]
struct Failures(HashMap<IpAddr, (Instant, u32)>);

impl Failures {
    /// So many wrong tokens a minute are somebody's mistake; more are guesses.
    const MOST: u32 = 10;
    const WITHIN: Duration = Duration::from_secs(60);
    /// Whoever has more addresses than this has as many guesses anyway; what counts is that memory is bounded.
    const ADDRESSES: usize = 4096;

    fn are_too_many(&self, peer: IpAddr, now: Instant) -> bool {
        let recent = self.0.get(&peer).filter(|(since, _)| now.saturating_duration_since(*since) < Self::WITHIN);
        recent.is_some_and(|(_, count)| *count >= Self::MOST)
    }

    fn note(&mut self, peer: IpAddr, now: Instant) {
        if self.0.len() >= Self::ADDRESSES {
            self.0.retain(|_, (since, _)| now.saturating_duration_since(*since) < Self::WITHIN);
        }
        if self.0.len() >= Self::ADDRESSES {
            self.0.clear();
        }
        let (since, count) = self.0.entry(peer).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= Self::WITHIN {
            (*since, *count) = (now, 0);
        }
        *count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    const READ: &str = "a-token-for-reading";
    const WRITE: &str = "a-token-for-writing";

    fn asked(tokens: &Tokens, method: &str, path: &str, given: Option<&str>, now: Instant) -> &'static str {
        let request = Request::builder().method(method).uri(path);
        let request = given.iter().fold(request, |request, token| request.header("authorization", *token));
        let (head, ()) = request.body(()).unwrap().into_parts();
        match tokens.admit(&head, [127, 0, 0, 1].into(), now) {
            Ok(Caller { right: Right::Read, .. }) => "reads",
            Ok(Caller { right: Right::Write, .. }) => "writes",
            Err(problem) => problem.code,
        }
    }

    #[test]
    fn who_may_do_what() {
        let now = Instant::now();
        let of = |token: &str| Some(Token::of(token));
        let none = Tokens::new(None, None);
        let both = Tokens::new(of(READ), of(WRITE));
        let read = Tokens::new(of(READ), None);
        let write = Tokens::new(None, of(WRITE));
        let (r, w, x) = (Some("Bearer a-token-for-reading"), Some("bearer a-token-for-writing"), Some("Bearer wrong"));
        for (tokens, method, given, expected) in [
            (&none, "GET", None, "writes"),
            (&none, "POST", x, "writes"),
            (&both, "GET", None, "token"),
            (&both, "GET", r, "reads"),
            (&both, "GET", w, "writes"),
            (&both, "GET", x, "token"),
            (&both, "POST", None, "token"),
            (&both, "POST", r, "read-only"),
            (&both, "DELETE", r, "read-only"),
            (&both, "POST", w, "writes"),
            (&both, "GET", Some("Basic YTpi"), "authorization"),
            (&read, "GET", None, "token"),
            (&read, "GET", r, "reads"),
            (&read, "POST", r, "no-write-token"),
            (&write, "GET", None, "reads"),
            (&write, "POST", None, "token"),
            (&write, "POST", w, "writes"),
        ] {
            assert_eq!(asked(tokens, method, "/api/v1/runs", given, now), expected, "{tokens:?} {method} {given:?}");
        }
        assert_eq!(asked(&both, "GET", "/livez", None, now), "reads");
        assert_eq!(asked(&both, "GET", "/metrics", None, now), "token");
    }

    #[test]
    fn ten_wrong_tokens_a_minute_are_enough() {
        let tokens = Tokens::new(None, Some(Token::of(WRITE)));
        let (start, right) = (Instant::now(), Some("Bearer a-token-for-writing"));
        for _ in 0..10 {
            assert_eq!(asked(&tokens, "POST", "/", Some("Bearer wrong"), start), "token");
        }
        assert_eq!(
            asked(&tokens, "POST", "/", right, start),
            "too-many-failures",
            "also the right one: it may be a guess"
        );
        assert_eq!(asked(&tokens, "GET", "/", None, start), "reads", "who gives none is not guessing");
        assert_eq!(asked(&tokens, "POST", "/", right, start + Duration::from_secs(60)), "writes");
    }
}
