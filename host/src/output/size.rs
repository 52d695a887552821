//! Amounts of memory as people write them.

const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
const LEAST: u64 = 1_000_000;
const MOST: u64 = 1 << 50;

/// Parses `4GB`, `512MiB` or `1.5 GiB`, without regard to upper and lower case.
///
/// # Errors
/// If the unit is missing or unknown, or the amount is below 1 MB.
pub fn parse(text: &str) -> Result<u64, String> {
    let expected = || format!("'{text}' is not an amount of memory such as 4GB, 512MB or 16GiB");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(expected)?;
    let (number, unit) = text.split_at(split);
    let unit = unit.trim();
    let (_, bytes) =
        UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(expected)?;
    let number: f64 = number.parse().map_err(|_| expected())?;
    let total = number * *bytes as f64;
    if !(LEAST as f64..=MOST as f64).contains(&total) {
        return Err(format!("'{text}' does not lie between 1MB and 1024TiB"));
    }
    Ok(total as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_units() {
        for (text, bytes) in [
            ("4GB", 4_000_000_000),
            ("4 gb", 4_000_000_000),
            ("512MiB", 512 << 20),
            ("1.5GiB", 3 << 29),
            ("2000000B", 2_000_000),
            ("1tb", 1_000_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "4", "GB", "-1GB", "0GB", "1B", "4 elephants", "9999999TB", "1..5GB", "4GBs"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
