//! Qlik's dates: days since 1899-12-30.

/// Days from 1899-12-30 to 1970-01-01.
const EPOCH: i64 = 25_569;

/// Serial number of a date; months and days beyond their range carry over.
pub(crate) fn serial(year: i64, month: i64, day: i64) -> Option<f64> {
    if !(1..=9999).contains(&year) || month.abs() > 100_000 || day.abs() > 10_000_000 {
        return None;
    }
    let months = year * 12 + month - 1;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let days = days_from_civil(year, month, 1) + day - 1;
    to_float(days + EPOCH)
}

/// Year, month and day of a serial number.
pub(crate) fn civil(serial: f64) -> Option<(i64, i64, i64)> {
    let days = to_integer(serial.floor())? - EPOCH;
    // Howard Hinnant's `civil_from_days`.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Some((year, month, day))
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// A whole number of a range that dates and counters need.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub(crate) fn to_integer(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1e12).then_some(number as i64)
}

/// A whole number as Qlik holds it.
#[expect(clippy::cast_precision_loss, reason = "the range is checked")]
pub(crate) fn to_float(number: i64) -> Option<f64> {
    (number.abs() < 1_000_000_000_000).then_some(number as f64)
}
