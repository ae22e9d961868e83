//! The pages for people.

use capykeys_pages::{HEADERS, Page};
use capykeys_testkit::AccessLog;

use crate::support::{Answer, Site};

const PAGES: [fn() -> Page; 2] = [Page::docs, Page::console];

fn assert_guarded(answer: &Answer) {
    for (name, value) in HEADERS.into_iter().chain([("x-content-type-options", "nosniff")]) {
        assert_eq!(answer.header(name), Some(value), "{answer:?}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.split("; ").any(|one| one == rule), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_and_its_files_are_served_with_what_guards_them() {
    let site = Site::new().await;
    for page in PAGES.map(|page| page()) {
        let shown = site.send("GET", page.path, &[], "");
        assert_eq!((shown.status, shown.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert_eq!(shown.body, page.file("").unwrap().content);
        assert_guarded(&shown);
        for (name, media_type) in [
            ("pages.css", "text/css; charset=utf-8"),
            ("api.js", "text/javascript; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
        ] {
            let file = site.send("GET", &format!("{}/{name}", page.path), &[], "");
            assert_eq!((file.status, file.header("content-type")), (200, Some(media_type)));
            assert_eq!(file.body, page.file(name).unwrap().content);
            assert_guarded(&file);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_has_is_not_sent_again() {
    let site = Site::new().await;
    let tag = site.send("GET", "/console", &[], "").header("etag").unwrap().to_owned();
    for known in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
        let answer = site.send("GET", "/console", &[("if-none-match", &known)], "");
        assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{known}");
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
        assert_guarded(&answer);
    }
    for other in ["\"other\"", "nonsense", ""] {
        let answer = site.send("GET", "/console", &[("if-none-match", other)], "");
        assert_eq!(answer.status, 200, "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_pages_are_those_of_the_api() {
    let site = Site::new().await;
    for page in PAGES.map(|page| page()) {
        for nowhere in ["/", "/page.html", "/nothing.js", "/../status", "/a/b", "/%2e%2e%2fapi.js"] {
            site.send("GET", &format!("{}{nowhere}", page.path), &[], "").error(404);
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "QUERY"] {
            for path in [page.path.to_owned(), format!("{}/pages.css", page.path)] {
                let refused = site.send(method, &path, &[], "");
                refused.error(405);
                assert_eq!(refused.header("allow"), Some("GET, HEAD"));
            }
        }
        let bytes = format!("HEAD {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", page.path);
        let mut connection = site.connect();
        connection.send(bytes.as_bytes());
        let head = Answer::parse_without_body(&connection.read_to_end());
        assert_eq!((head.status, head.rest.len()), (200, 0));
        assert_eq!(head.header("etag").map(str::len), Some(34));
        assert_guarded(&head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_below_the_base_path_and_not_for_the_cluster() {
    let (below, internal) = (Site::below("/api/keys").await, Site::internal().await);
    for page in PAGES.map(|page| page()) {
        assert_eq!(below.send("GET", &format!("/api/keys{}", page.path), &[], "").status, 200);
        below.send("GET", page.path, &[], "").error(404);
        internal.send("GET", page.path, &[], "").error(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_the_api_are_not_kept() {
    let site = Site::new().await;
    for path in ["/status", "/v1/openapi.json", "/livez"] {
        assert_eq!(site.send("GET", path, &[], "").header("cache-control"), Some("no-store"), "{path}");
    }
}

/// From where the log is captured: it is the process's.
pub(crate) fn are_logged_by_their_templates(site: &Site, log: &AccessLog) {
    for (path, route) in [("/docs?key=x", "/docs"), ("/console/api.js", "/console/{file}")] {
        site.send("GET", path, &[("x-request-id", route)], "");
        assert_eq!(log.line(route)["route"], route);
    }
}
