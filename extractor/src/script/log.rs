//! The log of an app's last reload: which statements were executed, with variables expanded.
//!
//! Lines read `2016-05-23 10:00:00 0025 LOAD a, b` with the number of the script's line, no `;`;
//! lines without a number (`3 fields found: A, B, C,`) are messages. Byte order mark and CRLF as
//! Qlik writes them; other time formats are read as well.

use std::collections::BTreeMap;

/// A parsed log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Executed lines in order: script line and text.
    entries: Vec<(u32, String)>,
    /// Indices into `entries` by script line.
    by_line: BTreeMap<u32, Vec<usize>>,
    /// Whether the reload ran to its end.
    complete: bool,
}

impl Log {
    /// Reads a log. What is not understood is left out.
    pub(crate) fn read(text: &str) -> Self {
        let mut log = Self::default();
        for line in text.trim_start_matches('\u{feff}').lines() {
            let Some(rest) = after_time(line) else { continue };
            let rest = rest.trim_start();
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number = rest.get(..digits).unwrap_or_default();
            let text = rest.get(digits..).unwrap_or_default();
            // Line numbers have four digits or more; `26 lines fetched` is a message.
            let numbered = digits >= 4 && (text.is_empty() || text.starts_with([' ', '\t']));
            if !numbered {
                let message = rest.to_ascii_lowercase();
                log.complete |= message.starts_with("execution finished")
                    || message.starts_with("execution successful");
                continue;
            }
            let Ok(number) = number.parse::<u32>() else { continue };
            let index = log.entries.len();
            log.entries.push((number, text.trim().to_owned()));
            log.by_line.entry(number).or_default().push(index);
        }
        log
    }

    /// Whether the reload ran to its end, so that what is not in the log was not executed.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether a statement of these lines was executed.
    pub(crate) fn executed(&self, first: u32, last: u32) -> bool {
        first <= last && self.by_line.range(first..=last).next().is_some()
    }

    /// Texts of a statement that stands on these lines, one for each execution, each text once.
    pub(crate) fn texts(&self, first: u32, last: u32) -> Vec<String> {
        if first > last {
            return Vec::new();
        }
        let mut indices: Vec<usize> =
            self.by_line.range(first..=last).flat_map(|(_, indices)| indices).copied().collect();
        indices.sort_unstable();
        let mut texts: Vec<String> = Vec::new();
        let mut current: Option<(usize, u32, String)> = None;
        for index in indices {
            let Some((line, text)) = self.entries.get(index) else { continue };
            match &mut current {
                // The statement goes on with its next line.
                Some((before, before_line, whole))
                    if index == *before + 1 && *line > *before_line =>
                {
                    *before = index;
                    *before_line = *line;
                    whole.push('\n');
                    whole.push_str(text);
                }
                _ => {
                    texts.extend(current.take().map(|(_, _, whole)| whole));
                    current = Some((index, *line, text.clone()));
                }
            }
        }
        texts.extend(current.map(|(_, _, whole)| whole));
        let mut seen = std::collections::HashSet::new();
        texts.retain(|text| seen.insert(text.clone()));
        texts
    }
}

/// The line after its time: `2016-05-23 10:00:00 `, `20160523T100000.000+0200 `, `10:00:00: `.
fn after_time(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    let mut seen = false;
    loop {
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        let word = rest.get(..end)?;
        let is_time = word.len() >= 7
            && word.starts_with(|first: char| first.is_ascii_digit())
            && word.contains(['-', ':', 'T', '/', '.'])
            && word.bytes().all(|byte| {
                byte.is_ascii_digit()
                    || matches!(byte, b'-' | b':' | b'T' | b'Z' | b'.' | b',' | b'+' | b'/')
            });
        if !is_time {
            return seen.then_some(rest);
        }
        seen = true;
        rest = rest.get(end..)?.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return Some(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\u{feff}2016-05-23 10:00:00      Execution started.\r\n\
        2016-05-23 10:00:00 0003 LET vYear = 2016\r\n\
        2016-05-23 10:00:01 0005 Sales:\r\n\
        2016-05-23 10:00:01 0006 LOAD a, b\r\n\
        2016-05-23 10:00:01 0007 FROM [lib://Q/sales_2016.qvd] (qvd)\r\n\
        2016-05-23 10:00:01      2 fields found: a, b, \r\n\
        2016-05-23 10:00:01      1,234 lines fetched\r\n\
        2016-05-23 10:00:02 0005 Sales:\r\n\
        2016-05-23 10:00:02 0006 LOAD a, b\r\n\
        2016-05-23 10:00:02 0007 FROM [lib://Q/sales_2017.qvd] (qvd)\r\n\
        2016-05-23 10:00:03      Execution finished.\r\n";

    #[test]
    fn executed_statements_are_found_by_line() {
        let log = Log::read(LOG);
        assert!(log.is_complete());
        assert!(log.executed(1, 3) && log.executed(6, 6));
        assert!(!log.executed(8, 90) && !log.executed(4, 4));
        assert_eq!(
            log.texts(5, 7),
            [
                "Sales:\nLOAD a, b\nFROM [lib://Q/sales_2016.qvd] (qvd)",
                "Sales:\nLOAD a, b\nFROM [lib://Q/sales_2017.qvd] (qvd)",
            ]
        );
        assert_eq!(log.texts(3, 3), ["LET vYear = 2016"]);
    }

    #[test]
    fn other_times_and_noise() {
        let log = Log::read("20160523T100000.000+0200 0012 LOAD x\nnonsense\n\n10:00:00: 0013 y");
        assert!(!log.is_complete());
        assert!(log.executed(12, 12) && log.executed(13, 13));
        assert!(!log.executed(14, 13));
    }
}
