//! Text from outside, freed of what would steer the text around it. Who writes it escapes it: maud in
//! the page, plotters in a picture.
//!
//! **Invariant:** what is returned here holds only characters that XML allows, and none that changes
//! the direction of the text around it.

use crate::output::sanitise::sanitised_char;

/// The finished page with its lines and tabs. Done once over the whole page, so that no text from
/// outside can be forgotten.
pub(super) fn sanitised(page: &str) -> String {
    let of_one = |c| if matches!(c, '\n' | '\t') { c } else { for_xml(c) };
    page.chars().map(of_one).collect()
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
    if matches!(character, '\u{fffe}' | '\u{ffff}') {
        '\u{fffd}'
    } else {
        sanitised_char(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_lose_their_meaning_and_lines_stay() {
        let cases = [
            ("two\nlines\0\u{1b}[31m", "two\nlines\u{fffd}\u{fffd}[31m"),
            ("a\ttab, a return\r\u{ffff}", "a\ttab, a return\u{fffd}\u{fffd}"),
            ("\u{202e}gnp.exe", "\u{fffd}gnp.exe"),
            ("שלום", "שלום"),
        ];
        for (text, expect) in cases {
            assert_eq!(sanitised(text), expect);
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
