//! Rows of text in columns: aligned for people, or separated by commas.

use comfy_table::{CellAlignment, Table, presets};

/// `right` are the indices of the columns that are aligned to the right.
pub fn aligned<const N: usize>(header: &[&str], rows: Vec<[String; N]>, right: &[usize]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// Fields are quoted as in RFC 4180.
///
/// # Errors
/// None in practice: the text is written to memory, and all rows have the same columns.
pub fn comma_separated<const N: usize>(
    header: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner().map_err(|error| error.into_error())?)?)
}
