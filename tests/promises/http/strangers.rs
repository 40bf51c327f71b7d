//! Is whatever comes from another site refused, before anything is done, on every route?

use super::served::Served;
use crate::operator_in_charge::moves_are_legal;
use crate::support::{SlowRun, Target, amount, promises};

promises!(on [postgres_15, sqlite]:
    another_site_is_refused_and_the_work_goes_on,
);
promises!(on [sqlite]:
    every_answer_says_what_a_browser_may_do_with_it,
);

async fn another_site_is_refused_and_the_work_goes_on(target: Target) {
    let served = Served::of(&target, &[]).await;
    let rounds = amount(500, 10_000);
    // It must not be over before the last of them.
    let items = SlowRun::prepare(&target, amount(6_000, 100_000), "").await;
    let runner = target.start(&["run", &items.job.path]);
    let run = SlowRun::after_its_first_batches(&target, items, runner).await;
    let job = run.items.job.clone();
    let (address, pause) = (served.address.clone(), served.of_run(&job, "/pause"));
    let post = |target: &str, headers: &str| {
        format!(
            "POST {target} HTTP/1.1\r\n{headers}content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
        )
    };
    let host = format!("host: {address}\r\n");
    let refused = [
        (post(&pause, "host: evil.example\r\n"), "foreign-host"),
        (post(&pause, "host: localhost.evil.example:7433\r\n"), "foreign-host"),
        (post(&pause, ""), "host"),
        (post(&pause, &format!("{host}{host}")), "header"),
        (post(&format!("http://{address}{pause}"), &host), "absolute-form"),
        (post(&pause, &format!("{host}origin: http://evil.example\r\n")), "foreign-origin"),
        (post(&pause, &format!("{host}origin: null\r\n")), "foreign-origin"),
        (post(&pause, &format!("{host}origin: http://localhost:1\r\n")), "foreign-origin"),
        (post(&pause, &format!("{host}sec-fetch-site: cross-site\r\n")), "foreign-origin"),
    ];
    for round in 0..rounds {
        let (request, code) = &refused[round as usize % refused.len()];
        let answer = served.raw(request.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 4") && answer.contains(&format!("\"code\":\"{code}\"")),
            "{request}\n{answer}"
        );
        assert!(!answer.to_lowercase().contains("access-control"), "no CORS: {answer}");
    }
    let (_, history) = served.get(&served.of_run(&job, "/history")).await;
    assert!(!history.to_string().contains("http@"), "nothing was done: {history}");
    run.ends_well(&target).await;
    moves_are_legal(&target, &job).await;
}

async fn every_answer_says_what_a_browser_may_do_with_it(target: Target) {
    let served = Served::of(&target, &[]).await;
    for path in ["/", "/page.css", "/page.js", "/api/v1/runs", "/openapi.json", "/no/such/route", "/livez"] {
        let answer = served.client.get(served.url(path)).send().await.expect("an answer");
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert_eq!(header("set-cookie"), "", "{path}");
    }
}
