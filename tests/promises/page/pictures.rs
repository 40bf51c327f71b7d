//! How does the page look? Pictures for people to look at; two of them are in the README.

use super::example::night;
use super::made_up::MadeUp;
use crate::support::{Browser, DESK, PHONE, until};
use std::path::Path;

/// `tests/run --test promises -- --ignored pictures`, with `TIDEGATE_PAGE_FOLDER=src/server/page` also without a build.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes pictures of the page to target/pictures, for people to look at"]
async fn pictures_of_the_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pictures");
    std::fs::create_dir_all(&folder).expect("a folder");
    let (mut server, browser) = (MadeUp::serve(night()), Browser::start().await);
    for (page, fragment) in [("runs", ""), ("run", "#/run/shop/normalise-order-totals")] {
        for (screen, size) in [("desk", DESK), ("phone", PHONE)] {
            for (light, dark) in [("light", false), ("dark", true)] {
                browser.looks_like(size, dark).await;
                browser.open(&server.url(fragment)).await;
                browser.shows("main", "normalise-order-totals").await;
                until("all is drawn", async || fragment.is_empty() || !browser.text(".charts").await.is_empty()).await;
                let picture = browser.picture(size, dark).await;
                std::fs::write(folder.join(format!("{page}-{screen}-{light}.png")), picture).expect("a file");
            }
        }
    }
    browser.looks_like(PHONE, false).await;
    browser.click("button[name=cancel]").await;
    std::fs::write(folder.join("question.png"), browser.picture(PHONE, false).await).expect("a file");
    browser.click("dialog button[name=back]").await;
    server.dies();
    browser.shows("#connection", "No connection").await;
    std::fs::write(folder.join("lost.png"), browser.picture(DESK, true).await).expect("a file");
}
