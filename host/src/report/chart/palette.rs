//! The colours of the pictures, each with what it becomes on a dark page.
//!
//! A picture is drawn in the light colours, so that it stands alone on white; within the page a style
//! sheet swaps each for its dark counterpart by its exact value.
//!
//! **Invariant:** no two tones share a light colour, and the sequence of time is ordered by lightness,
//! so that it survives grey print and every kind of colour vision.

use plotters::style::RGBColor;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tone {
    pub(super) light: RGBColor,
    dark: RGBColor,
}

const fn tone(light: u32, dark: u32) -> Tone {
    Tone { light: rgb(light), dark: rgb(dark) }
}

const fn rgb(hex: u32) -> RGBColor {
    RGBColor((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

pub(super) const SURFACE: Tone = tone(0xfffffe, 0x171a20);
pub(super) const INK: Tone = tone(0x1b1f27, 0xe8eaee);
pub(super) const MUTED: Tone = tone(0x596170, 0xa4acba);
pub(super) const AXIS: Tone = tone(0xaab1bd, 0x5a6271);
pub(super) const GRID: Tone = tone(0xe7eaef, 0x2a2f38);
pub(super) const BUDGET: Tone = tone(0xc2410c, 0xff9a5c);
pub(super) const CHOSEN: Tone = tone(0xc4006a, 0xff6bb3);
pub(super) const TEACHER: Tone = tone(0x6250c4, 0xb3a6ff);
pub(super) const SAMPLE: Tone = tone(0x9fb3c8, 0x4d6a86);
pub(super) const TREND: Tone = tone(0x14609a, 0x6cbcf5);
pub(super) const BELOW: Tone = tone(0xc9d5e2, 0x3a495b);

/// The sequence of time, from the first candidates to the last.
pub(super) const TIME: [Tone; 7] = [
    tone(0xb3d8bf, 0x2f4a70),
    tone(0x82c1b4, 0x3a6790),
    tone(0x52a7ab, 0x4786a8),
    tone(0x2d89a5, 0x5fa6b8),
    tone(0x226a98, 0x83c4c3),
    tone(0x244b85, 0xb2dfca),
    tone(0x1a2860, 0xe8f8d6),
];

const SINGLE: [Tone; 11] =
    [SURFACE, INK, MUTED, AXIS, GRID, BUDGET, CHOSEN, TEACHER, SAMPLE, TREND, BELOW];

/// Rules that turn inline pictures dark; to be put within the media query.
pub(in crate::report) fn dark_rules() -> String {
    let hex = |RGBColor(red, green, blue): RGBColor| format!("#{red:02X}{green:02X}{blue:02X}");
    let rules = SINGLE.iter().chain(&TIME).map(|tone| {
        let (light, dark) = (hex(tone.light), hex(tone.dark));
        format!(
            ".chart [fill=\"{light}\"]{{fill:{dark}}}.chart [stroke=\"{light}\"]{{stroke:{dark}}}\n"
        )
    });
    rules.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lightness(RGBColor(red, green, blue): RGBColor) -> f64 {
        0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue)
    }

    #[test]
    fn no_two_tones_share_a_light_colour() {
        let all: Vec<RGBColor> = SINGLE.iter().chain(&TIME).map(|tone| tone.light).collect();
        for (index, colour) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(colour), "{colour:?}");
        }
    }

    #[test]
    fn time_runs_away_from_the_background_in_both_modes() {
        for pair in TIME.windows(2) {
            assert!(lightness(pair[0].light) > lightness(pair[1].light));
            assert!(lightness(pair[0].dark) < lightness(pair[1].dark));
        }
    }
}
