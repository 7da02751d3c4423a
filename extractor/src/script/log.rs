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

    /// Whether the log is one of this script: of the lines that a reload does not change (without
    /// `$(…)`), at least seven in ten read the same. After an edit the numbers mean other lines.
    pub(crate) fn is_of(&self, script: &str) -> bool {
        let squeeze = |text: &str| {
            let text: String = text.chars().filter(|each| !each.is_whitespace()).collect();
            text.trim_end_matches(';').to_owned()
        };
        let lines: Vec<&str> = script.lines().collect();
        let (mut same, mut compared) = (0_usize, 0_usize);
        for (number, text) in &self.entries {
            let index = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
            let written = squeeze(index.and_then(|at| lines.get(at)).copied().unwrap_or_default());
            let logged = squeeze(text);
            if logged.is_empty() || written.contains("$(") || logged.contains("***") {
                continue;
            }
            compared += 1;
            let is_same = !written.is_empty()
                && (written.starts_with(&logged) || logged.starts_with(&written));
            same += usize::from(is_same);
        }
        compared == 0 || same * 10 >= compared * 7
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
    fn a_log_of_another_script_is_told() {
        let log = "2016-05-23 10:00:00 0001 LET v = 1\n2016-05-23 10:00:00 0002 LOAD a\n\
            2016-05-23 10:00:00 0003 FROM x_1.qvd (qvd)\n2016-05-23 10:00:01 0004 DROP TABLE t";
        let check = |script: &str, expected: bool| {
            assert_eq!(Log::read(log).is_of(script), expected, "{script}");
        };
        check("LET v = 1;\r\n  LOAD  a\r\nFROM x_$(v).qvd (qvd);\r\nDROP TABLE t;", true);
        check("LET v = 1;\n\nLOAD a\nFROM x_$(v).qvd (qvd);\nDROP TABLE t;", false);
        check("", false);
        assert!(Log::read("").is_of("LOAD 1;"));
    }

    #[test]
    fn other_times_and_noise() {
        let log = Log::read("20160523T100000.000+0200 0012 LOAD x\nnonsense\n\n10:00:00: 0013 y");
        assert!(!log.is_complete());
        assert!(log.executed(12, 12) && log.executed(13, 13));
        assert!(!log.executed(14, 13));
    }
}
