//! Damage: what a seed is turned into.

use fastrand::Rng;

/// Texts that mean something to one of the targets.
const TOKENS: [&str; 56] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "'",
    "\"",
    "`",
    "$(",
    "$(=",
    "&",
    "*",
    "=",
    "+",
    "-",
    ",",
    ";",
    ":",
    "\\",
    "/",
    "//",
    "/*",
    "*/",
    "\n",
    "\t",
    "\0",
    "é",
    "\u{1F600}",
    "\u{FEFF}",
    "\u{202E}",
    "LOAD ",
    "SELECT ",
    "FROM ",
    "RESIDENT ",
    "INLINE [",
    "SUB a(b)",
    "END SUB",
    "CALL a",
    "FOR i=1 to 9",
    "NEXT",
    "DO WHILE 1",
    "LOOP",
    "JOIN(",
    "MAPPING ",
    "STORE ",
    "SET v=",
    "LET v=",
    "TOTAL ",
    "Aggr(",
    "Sum({<",
    "null",
    "99999999999999999999",
    "1e309",
];

/// A damaged seed, or noise; at most `limit` bytes.
pub(crate) fn mutate(random: &mut Rng, seeds: &[Vec<u8>], limit: usize) -> Vec<u8> {
    // Noise finds what checks of the first bytes miss, and little else.
    if seeds.is_empty() || random.u8(..) < 8 {
        let length = random.usize(0..200);
        return std::iter::repeat_with(|| random.u8(..)).take(length).collect();
    }
    let mut input = seeds[random.usize(0..seeds.len())].clone();
    for _ in 0..=random.usize(0..6) {
        once(random, seeds, &mut input);
    }
    input.truncate(limit);
    input
}

fn once(random: &mut Rng, seeds: &[Vec<u8>], input: &mut Vec<u8>) {
    let from = random.usize(0..=input.len());
    let to = (from + random.usize(0..40)).min(input.len());
    match random.u8(0..9) {
        0 => drop(input.drain(from..to)),
        1 => input.truncate(from),
        2 => {
            if let Some(byte) = input.get_mut(from) {
                *byte ^= 1 << random.u8(0..8);
            }
        }
        3 => {
            if let Some(byte) = input.get_mut(from) {
                *byte = random.u8(..);
            }
        }
        4 => {
            let token = TOKENS[random.usize(0..TOKENS.len())];
            drop(input.splice(from..from, token.bytes()));
        }
        5 => {
            // The same again and again: nesting, and lists without an end.
            let piece: Vec<u8> = input[from..to].to_vec();
            let times = [2, 3, 10, 200][random.usize(0..4)];
            let repeated = piece.repeat(times);
            drop(input.splice(from..from, repeated));
        }
        6 => {
            let token =
                TOKENS[random.usize(0..TOKENS.len())].repeat([2, 50, 500][random.usize(0..3)]);
            drop(input.splice(from..to, token.into_bytes()));
        }
        7 => {
            let other = &seeds[random.usize(0..seeds.len())];
            let start = random.usize(0..=other.len());
            let end = (start + random.usize(0..300)).min(other.len());
            drop(input.splice(from..to, other[start..end].iter().copied()));
        }
        _ => {
            let other = random.usize(0..=input.len());
            let piece: Vec<u8> = input.drain(from..to).collect();
            let at = other.min(input.len());
            drop(input.splice(at..at, piece));
        }
    }
}
