//! Medians, spread and ratios.

use crate::{Figures, System};
use comfy_table::{CellAlignment, Table, presets};

struct Axis {
    name: &'static str,
    unit: &'static str,
    digits: usize,
    of: fn(&Figures) -> f64,
    /// The share of nftables' figure that we want to reach first.
    target: f64,
}

const AXES: [Axis; 3] = [
    Axis { name: "TCP, 8 streams", unit: "Gbit/s", digits: 2, of: |figures| figures.tcp, target: 0.5 },
    Axis {
        name: "64-byte packets, 1,000 answered flows",
        unit: "Mpps",
        digits: 3,
        of: |figures| figures.packets,
        target: 1.0,
    },
    Axis {
        name: "new connections, 64 addresses",
        unit: "1/s",
        digits: 0,
        of: |figures| figures.connections,
        target: 0.8,
    },
];

/// Prints one line for each axis.
pub(crate) fn print(runs: &[(System, Figures)]) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["", "unit", "nftables", "nsgate", "ratio", "target"]);
    for axis in &AXES {
        let of = |wanted| {
            let mut figures: Vec<f64> =
                runs.iter().filter(|(system, _)| *system == wanted).map(|(_, run)| (axis.of)(run)).collect();
            figures.sort_by(f64::total_cmp);
            figures
        };
        let (theirs, ours) = (of(System::Nftables), of(System::Nsgate));
        let ratio = median(&ours).zip(median(&theirs)).map(|(ours, theirs)| ours / theirs);
        table.add_row([
            axis.name.to_owned(),
            axis.unit.to_owned(),
            spread(&theirs, axis.digits),
            spread(&ours, axis.digits),
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            format!("{:.1}", axis.target),
        ]);
    }
    for column in 2..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{table}");
    println!("median (least - most) of each system's runs; ratio = nsgate's median / nftables' median");
}

fn spread(sorted: &[f64], digits: usize) -> String {
    match (median(sorted), sorted.first(), sorted.last()) {
        (Some(median), Some(least), Some(most)) => {
            format!("{median:.digits$} ({least:.digits$} - {most:.digits$})")
        }
        _ => "-".to_owned(),
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some((upper + sorted.get(middle - 1)?) / 2.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_few() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
        assert_eq!(spread(&[1.0, 2.0, 9.0], 1), "2.0 (1.0 - 9.0)");
    }
}
