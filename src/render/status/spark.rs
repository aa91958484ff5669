//! A picture of the last 24 hours in 12 or 24 characters.

use deployer_health::status::{HourCell, Overview, VenueOverview};

use super::lines::Tone;

/// Hours in the picture.
pub(super) const HOURS: u32 = 24;

/// Lead counts from none to the venue's most.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same where the terminal has only ASCII.
const ASCII_LEVELS: [char; 6] = ['_', '.', '-', '=', '+', '#'];
/// Marks an hour in which a run failed, in Unicode and in ASCII.
const FAILED: (char, char) = ('×', '!');

/// The picture in `width` characters, which divide 24: a bar for the leads of its hours, a mark if a run failed in
/// them, and a space where nothing ran or nothing is known.
pub(super) fn spark_pieces(
    overview: &Overview,
    status: &VenueOverview,
    width: u32,
    unicode: bool,
) -> Vec<(Tone, String)> {
    let Some(cells) = overview.hours_of(status, HOURS) else {
        return vec![(Tone::Dim, format!("{:width$}", "unreadable", width = width as usize))];
    };
    let chunk = usize::try_from(HOURS / width.clamp(1, HOURS)).unwrap_or(1).max(1);
    let sums: Vec<Option<(u64, u64, u64)>> = cells.chunks(chunk).map(sum_cells).collect();
    let most = sums.iter().flatten().map(|(_, _, synced)| *synced).max().unwrap_or_default();
    let mut pieces: Vec<(Tone, String)> = Vec::new();
    for sum in sums {
        let (tone, character) = match sum {
            None | Some((0, ..)) => (Tone::Plain, ' '),
            Some((_, failed, _)) if failed > 0 => (Tone::Bad, if unicode { FAILED.0 } else { FAILED.1 }),
            Some((_, _, synced)) => (Tone::Good, bar(synced, most, unicode)),
        };
        match pieces.last_mut() {
            Some((last, text)) if *last == tone => text.push(character),
            _ => pieces.push((tone, character.to_string())),
        }
    }
    pieces
}

/// Runs, failed runs and leads of some hours; `None` if none of them was read.
fn sum_cells(cells: &[HourCell]) -> Option<(u64, u64, u64)> {
    cells.iter().fold(None, |sum, cell| match cell {
        HourCell::NotRead => sum,
        HourCell::Read(hour) => {
            let (runs, failed, synced) = sum.unwrap_or_default();
            Some((runs + hour.runs, failed + hour.failed_runs, synced + hour.synced))
        }
    })
}

/// The bar of a count: the lowest only for none, and the highest only for the most.
fn bar(count: u64, most: u64, unicode: bool) -> char {
    let levels: &[char] = if unicode { &LEVELS } else { &ASCII_LEVELS };
    let steps = levels.len() as u64 - 1;
    let level = match count {
        0 => 0,
        _ if count >= most => steps,
        _ => 1 + (count - 1) * (steps - 1) / (most - 1),
    };
    levels.get(usize::try_from(level).unwrap_or_default()).copied().unwrap_or(levels[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bar_is_none_and_the_highest_the_most() {
        let bars = |unicode| [0, 1, 4, 7, 8].map(|count| bar(count, 8, unicode)).iter().collect::<String>();
        assert_eq!(bars(true), "▁▂▄▇█");
        assert_eq!(bars(false), "_.-+#");
        assert_eq!(bar(0, 0, true), '▁');
    }
}
