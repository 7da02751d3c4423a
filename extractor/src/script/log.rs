//! The log of an app's last reload: which statements were executed, with variables expanded.
//!
//! Lines read `2016-05-23 10:00:00 0025 LOAD a, b` with the number of the script's line, no `;`;
//! lines without a number (`3 fields found: A, B, C,`) are messages. Byte order mark and CRLF as
//! Qlik writes them; other time formats are read as well.

/// A parsed log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Executed lines in order: script line and text.
    entries: Vec<(u32, String)>,
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
            log.entries.push((number, text.trim().to_owned()));
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

    /// Executed lines in order: script line and text.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u32, &str)> {
        self.entries.iter().map(|(line, text)| (*line, text.as_str()))
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

    #[test]
    fn executed_lines_are_told_from_messages() {
        let log = Log::read(
            "\u{feff}2016-05-23 10:00:00      Execution started.\r\n\
             2016-05-23 10:00:00 0003 LET vYear = 2016\r\n\
             2016-05-23 10:00:01 0006 LOAD a, b\r\n\
             2016-05-23 10:00:01      2 fields found: a, b, \r\n\
             2016-05-23 10:00:01      1,234 lines fetched\r\n\
             2016-05-23 10:00:03      Execution finished.\r\n",
        );
        assert!(log.is_complete());
        assert_eq!(log.entries().collect::<Vec<_>>(), [(3, "LET vYear = 2016"), (6, "LOAD a, b")]);
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
        assert_eq!(log.entries().collect::<Vec<_>>(), [(12, "LOAD x"), (13, "y")]);
    }
}
