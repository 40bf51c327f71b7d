//! What does a browser get? The files of the page, as they lie here: hand-kept, in need of no build step. Knows no route and
//! no header.

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// The path that it is served under.
    pub path: &'static str,
    /// What it is, for `Content-Type`.
    pub content_type: &'static str,
    /// What is in it.
    pub text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// All of them. Whatever a file names has its place here: nothing comes from elsewhere.
pub const FILES: [File; 14] = [
    File { path: "/", content_type: HTML, text: include_str!("index.html") },
    File { path: "/page.css", content_type: STYLE, text: include_str!("page.css") },
    File { path: "/page.js", content_type: SCRIPT, text: include_str!("page.js") },
    File { path: "/api.js", content_type: SCRIPT, text: include_str!("api.js") },
    File { path: "/asking.js", content_type: SCRIPT, text: include_str!("asking.js") },
    File { path: "/chart.js", content_type: SCRIPT, text: include_str!("chart.js") },
    File { path: "/dialog.js", content_type: SCRIPT, text: include_str!("dialog.js") },
    File { path: "/element.js", content_type: SCRIPT, text: include_str!("element.js") },
    File { path: "/list.js", content_type: SCRIPT, text: include_str!("list.js") },
    File { path: "/panels.js", content_type: SCRIPT, text: include_str!("panels.js") },
    File { path: "/run.js", content_type: SCRIPT, text: include_str!("run.js") },
    File { path: "/shapes.js", content_type: SCRIPT, text: include_str!("shapes.js") },
    File { path: "/slices.js", content_type: SCRIPT, text: include_str!("slices.js") },
    File { path: "/words.js", content_type: SCRIPT, text: include_str!("words.js") },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_file_names_is_served() {
        for file in FILES {
            let modules = file.text.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next());
            for module in modules {
                assert!(FILES.iter().any(|other| other.path == format!("/{module}")), "{} names {module}", file.path);
            }
            for named in
                ["src=\"", "rel=\"stylesheet\" href=\""].iter().flat_map(|before| file.text.split(before).skip(1))
            {
                let path = named.split('"').next().unwrap_or_default();
                assert!(FILES.iter().any(|other| other.path == path), "{} names {path}", file.path);
            }
        }
    }

    #[test]
    fn no_text_can_become_markup_or_code() {
        for file in FILES {
            for way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
                " style=",
                "<style",
                " onclick=\"",
            ] {
                assert!(!file.text.contains(way), "{} has {way}", file.path);
            }
        }
    }
}
