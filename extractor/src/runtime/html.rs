//! A page of headings, paragraphs and tables. Names on it are anybody's: every text is escaped, cut and
//! kept from turning the direction of what follows; there is no way to add markup from outside.

use std::fmt::{Display, Write as _};

/// Characters of one text.
const MAX_TEXT: usize = 400;

const STYLE: &str = ":root{color-scheme:light dark}body{font:14px/1.4 system-ui,sans-serif;margin:1.5em;max-width:80em}\
h1{font-size:1.4em}h2{font-size:1.1em;margin:1.6em 0 .4em}table{border-collapse:collapse}\
th,td{border:1px solid #8886;padding:.2em .6em;text-align:left;vertical-align:top;unicode-bidi:isolate;\
overflow-wrap:anywhere}th{background:#8882}.bad{border-left:.3em solid #c33;padding-left:.6em}\
.good{border-left:.3em solid #3a3;padding-left:.6em}";

/// A page that is being written.
pub(crate) struct Html(String);

impl Html {
    /// Starts a page that a browser loads again every `refresh` seconds, without any script.
    pub(crate) fn new(title: &str, refresh: u32) -> Self {
        let mut page = Self(format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"{refresh}\"><title>"
        ));
        page.text(title);
        page.0.push_str("</title><style>");
        page.0.push_str(STYLE);
        page.0.push_str("</style></head><body>");
        page.element("h1", title);
        page
    }

    /// A heading of a section.
    pub(crate) fn heading(&mut self, text: &str) {
        self.element("h2", text);
    }

    /// A paragraph.
    pub(crate) fn paragraph(&mut self, text: &str) {
        self.element("p", text);
    }

    /// A paragraph that says how things are.
    pub(crate) fn state(&mut self, is_good: bool, text: &str) {
        let class = if is_good { "good" } else { "bad" };
        write!(self.0, "<p class=\"{class}\">").ok();
        self.text(text);
        self.0.push_str("</p>");
    }

    /// A table.
    pub(crate) fn table<const N: usize>(
        &mut self,
        head: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        self.0.push_str("<table><thead><tr>");
        head.iter().for_each(|cell| self.element("th", cell));
        self.0.push_str("</tr></thead><tbody>");
        for row in rows {
            self.0.push_str("<tr>");
            row.iter().for_each(|cell| self.element("td", cell));
            self.0.push_str("</tr>");
        }
        self.0.push_str("</tbody></table>");
    }

    /// The page, with links to what else the server answers.
    pub(crate) fn finish(mut self) -> String {
        self.0.push_str(
            "<p><a href=\"metrics\">metrics</a> · <a href=\"healthz\">healthz</a> · <a href=\"readyz\">readyz</a></p></body></html>\n",
        );
        self.0
    }

    fn element(&mut self, name: &str, text: impl Display) {
        // Writing to a string cannot fail.
        write!(self.0, "<{name}>").ok();
        self.text(&text.to_string());
        write!(self.0, "</{name}>").ok();
    }

    fn text(&mut self, text: &str) {
        for (index, character) in text.chars().enumerate() {
            if index == MAX_TEXT {
                self.0.push('…');
                break;
            }
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(' '),
                character if is_invisible(character) => self.0.push('\u{fffd}'),
                character => self.0.push(character),
            }
        }
    }
}

/// Control characters, and those that turn the direction of text.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_text() {
        let check = |text: &str, expected: &str| {
            let mut page = Html::new(text, 5);
            page.table([text], [[text.to_owned()]]);
            page.paragraph(text);
            page.state(false, text);
            let html = page.finish();
            assert_eq!(html.matches(expected).count(), 6, "{expected} in {html}");
        };
        check("plain name", "plain name<");
        check("<b>&", "&lt;b&gt;&amp;<");
        check("\"'", "&quot;&#39;<");
        check("a\nb\0\u{202e}c", "a b\u{fffd}\u{fffd}c<");
        check(&"ü".repeat(MAX_TEXT), &format!("{}<", "ü".repeat(MAX_TEXT)));
        check(&"ü".repeat(MAX_TEXT + 1), &format!("{}…<", "ü".repeat(MAX_TEXT)));
    }
}
