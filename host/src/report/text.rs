//! Sanitising text from outside for HTML and SVG.
//!
//! **Invariant:** what is displayed here can neither open a tag, end an attribute, nor change the
//! direction of the text around it; it holds only characters that XML allows.

use std::fmt::{self, Display, Write};

use crate::output::sanitise::harmless;

/// Displays its text escaped for HTML content and for quoted attributes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '&' => out.write_str("&amp;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                '\n' | '\t' => out.write_char(character)?,
                other => out.write_char(for_xml(other))?,
            }
        }
        Ok(())
    }
}

/// The text on one line, at most `longest` characters of it, for a writer that escapes by itself.
pub(super) fn one_line(text: &str, longest: usize) -> String {
    let mut kept: String = text
        .chars()
        .take(longest)
        .map(|character| if character.is_whitespace() { ' ' } else { for_xml(character) })
        .collect();
    if text.chars().nth(longest).is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// What XML forbids becomes U+FFFD, too.
fn for_xml(character: char) -> char {
    if matches!(character, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { harmless(character) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_quotes_and_controls_lose_their_meaning() {
        let cases = [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("a\" onload='x' & b", "a&quot; onload=&#39;x&#39; &amp; b"),
            ("two\nlines\0\u{1b}[31m", "two\nlines\u{fffd}\u{fffd}[31m"),
            ("\u{202e}gnp.exe", "\u{fffd}gnp.exe"),
            ("שלום", "שלום"),
        ];
        for (text, expect) in cases {
            assert_eq!(Escaped(text).to_string(), expect);
        }
    }

    #[test]
    fn a_long_text_is_cut_to_one_line_with_an_ellipsis() {
        assert_eq!(one_line("kernel", 6), "kernel");
        assert_eq!(one_line("ker\nnels", 6), "ker n…");
        assert_eq!(one_line("ab\u{2067}", 9), "ab\u{fffd}");
        assert_eq!(one_line("abc", 0), "…");
    }
}
