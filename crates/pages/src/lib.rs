//! The pages for people, which the API's own listener serves: its documentation, and a console for keys.
//!
//! They are files of `assets`, written by hand and part of the binary: nothing is fetched from elsewhere, when it is
//! built or when it is looked at. What browsers are told to allow them is [`HEADERS`].

/// What every file of a page is served with, beside its type and its tag: scripts and styles are files of this server,
/// which is all that a page speaks to, no text becomes a script, and no other page shows it in a frame. It is asked
/// each time whether the file is still the same, so that pages follow an upgrade.
pub const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-cache"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";

/// A page and what belongs to it.
#[derive(Clone)]
pub struct Page {
    /// Where it is.
    pub path: &'static str,
    /// Where its files are, as a template of paths: `{file}` stands for the name.
    pub files_path: &'static str,
    files: Vec<File>,
}

/// A file of a page.
#[derive(Clone)]
pub struct File {
    /// What it is called, below the page; nothing at all for the page itself.
    name: &'static str,
    /// The media type.
    pub media_type: &'static str,
    /// What is in it.
    pub content: &'static str,
    /// Another for another content.
    pub tag: String,
}

/// The files of a page: its own, by their names and types, and those that all pages have.
macro_rules! files {
    ($page:literal, $($name:literal: $media_type:expr),+ $(,)?) => {
        vec![
            File::new("", HTML, include_str!(concat!("../assets/", $page, "/page.html"))),
            $(File::new($name, $media_type, include_str!(concat!("../assets/", $page, "/", $name))),)+
            File::new("pages.css", STYLE, include_str!("../assets/pages.css")),
            File::new("api.js", SCRIPT, include_str!("../assets/api.js")),
            File::new("element.js", SCRIPT, include_str!("../assets/element.js")),
            File::new("icon.svg", ICON, include_str!("../assets/icon.svg")),
        ]
    };
}

impl Page {
    /// The documentation of the API, made in the browser of the document that the server itself serves.
    #[must_use]
    pub fn docs() -> Self {
        let files = files!(
            "docs",
            "docs.css": STYLE,
            "docs.js": SCRIPT,
            "operation.js": SCRIPT,
            "schema.js": SCRIPT,
            "text.js": SCRIPT,
            "trial.js": SCRIPT,
        );
        Self { path: "/docs", files_path: "/docs/{file}", files }
    }

    /// The console, in which people see, create and revoke the keys of their organization.
    #[must_use]
    pub fn console() -> Self {
        let files = files!(
            "console",
            "console.css": STYLE,
            "console.js": SCRIPT,
            "creation.js": SCRIPT,
            "keys.js": SCRIPT,
            "revocation.js": SCRIPT,
            "rows.js": SCRIPT,
            "times.js": SCRIPT,
        );
        Self { path: "/console", files_path: "/console/{file}", files }
    }

    /// The file of this name; the page itself where it is empty.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }
}

impl File {
    fn new(name: &'static str, media_type: &'static str, content: &'static str) -> Self {
        let tag = blake3::hash(content.as_bytes()).to_hex()[..32].to_owned();
        Self { name, media_type, content, tag }
    }
}

#[cfg(test)]
mod tests;
