//! Sanitising text from outside before it is displayed.
//!
//! **Invariant:** sanitised text neither controls a terminal nor changes the direction of the text
//! around it.

/// Control characters and those that steer bidirectional text become U+FFFD.
pub fn sanitised_char(character: char) -> char {
    let steers = matches!(character, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || steers { '\u{fffd}' } else { character }
}

/// The sanitised text for a terminal; its line breaks and tabs stay.
pub fn for_terminal(text: &str) -> String {
    let of_one = |c| if matches!(c, '\n' | '\t') { c } else { sanitised_char(c) };
    text.chars().map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_loses_its_meaning_and_lines_stay() {
        for (text, expect) in [
            ("two\nlines\tand \u{1b}[31mred\u{7}", "two\nlines\tand \u{fffd}[31mred\u{fffd}"),
            ("over\rwritten\u{9b}2J", "over\u{fffd}written\u{fffd}2J"),
            ("\u{202e}gnp.exe", "\u{fffd}gnp.exe"),
            ("שלום, 3 µs │ ✓", "שלום, 3 µs │ ✓"),
        ] {
            assert_eq!(for_terminal(text), expect);
        }
    }
}
