//! How a script's words are written: letters' case, quotes, white space and comments by chance.

use super::random::Random;

/// Puts words of a statement together and ends it.
pub(crate) fn statement(random: &mut Random, words: &[String]) -> String {
    let mut text = String::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 && !matches!(word.as_str(), "," | ";" | ":") {
            text.push_str(gap(random));
        }
        text.push_str(word);
    }
    text.push(';');
    let end: &&str = random.of(&[
        "\n",
        "\n",
        "\r\n",
        "\n\n",
        " // done; really\n",
        " REM LOAD x FROM y;\n",
        "  ",
    ]);
    text.push_str(end);
    text
}

/// Space between two words.
pub(crate) fn gap(random: &mut Random) -> &'static str {
    match random.below(40) {
        0 => " /* it's; a 'comment */ ",
        1 => " // LOAD [x\" FROM y;\n  ",
        2 => "\t",
        3..=7 => "\n    ",
        8 => "\r\n",
        _ => " ",
    }
}

/// A keyword in some case.
pub(crate) fn keyword(random: &mut Random, word: &str) -> String {
    match random.below(4) {
        0 => word.to_lowercase(),
        1 => {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters.map(|letter| letter.to_ascii_lowercase())).collect()
        }
        _ => word.to_uppercase(),
    }
}

/// Words of a keyword phrase.
pub(crate) fn keywords(random: &mut Random, phrase: &str) -> Vec<String> {
    phrase.split(' ').map(|word| keyword(random, word)).collect()
}

/// A field or table as a script writes it.
pub(crate) fn name(random: &mut Random, name: &str) -> String {
    let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && name.starts_with(|letter: char| letter.is_ascii_alphabetic());
    match random.below(6) {
        0 | 1 => format!("[{}]", name.replace(']', "]]")),
        2 => format!("\"{}\"", name.replace('"', "\"\"")),
        3 => format!("`{name}`"),
        _ if is_plain => name.to_owned(),
        _ => format!("[{}]", name.replace(']', "]]")),
    }
}

/// A table's label.
pub(crate) fn label(random: &mut Random, table: &str) -> String {
    let name = name(random, table);
    format!("{name}{}", random.of(&[":", ":\n", " :", ": // the table\n"]))
}

/// A column as SQL writes it; the mark is that of the dialect.
pub(crate) fn column(random: &mut Random, name: &str, marks: (char, char)) -> String {
    let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && name.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if is_plain && random.percent(70) {
        return name.to_owned();
    }
    format!("{}{name}{}", marks.0, marks.1)
}
