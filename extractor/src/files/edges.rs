//! What the edges of one app say, in one run of numbers: a site has some hundred thousand of them, which
//! are read through as a whole and hardly ever one by one.

use std::iter;

/// Words of a hash.
const HASH: usize = 4;
/// Stands for a text that is not there.
const NONE: u32 = u32::MAX;

/// Edges of one app. An edge is its hash (four words), the number of words that follow, and for each
/// file that it speaks of: path, connection, format, number of fields, fields.
#[derive(Debug, Default)]
pub(super) struct AppEdges {
    words: Vec<u32>,
}

/// What one edge says of one file. Texts are indices into [`super::Texts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said<'w> {
    pub(super) path: u32,
    pub(super) connection: Option<u32>,
    pub(super) format: Option<u32>,
    pub(super) fields: &'w [u32],
}

struct Edge<'w> {
    hash: u128,
    start: usize,
    end: usize,
    files: &'w [u32],
}

impl AppEdges {
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Adds an edge in place of the one with its hash; the paths that this one spoke of.
    pub(super) fn insert(&mut self, hash: u128, said: &[Said<'_>]) -> Vec<u32> {
        let before = self.remove(hash);
        let files = said.iter().flat_map(|said| {
            let head = [
                said.path,
                said.connection.unwrap_or(NONE),
                said.format.unwrap_or(NONE),
                count(said.fields.len()),
            ];
            head.into_iter().chain(said.fields.iter().copied())
        });
        let length: usize = said.iter().map(|said| HASH + said.fields.len()).sum();
        // By a quarter: doubling would leave half of the room empty.
        self.words.reserve_exact((HASH + 1 + length).max(self.words.len() / 4));
        self.words.extend(split(hash));
        self.words.push(count(length));
        self.words.extend(files);
        before
    }

    /// Takes an edge out; the paths that it spoke of.
    pub(super) fn remove(&mut self, hash: u128) -> Vec<u32> {
        let Some(edge) = self.edges().find(|edge| edge.hash == hash) else { return Vec::new() };
        let paths = said(edge.files).map(|said| said.path).collect();
        let place = edge.start..edge.end;
        self.words.drain(place);
        paths
    }

    pub(super) fn hashes(&self) -> impl Iterator<Item = u128> {
        self.edges().map(|edge| edge.hash)
    }

    pub(super) fn said(&self) -> impl Iterator<Item = Said<'_>> {
        self.edges().flat_map(|edge| said(edge.files))
    }

    fn edges(&self) -> impl Iterator<Item = Edge<'_>> {
        let mut start = 0;
        iter::from_fn(move || {
            let (hash, rest) = self.words.get(start..)?.split_first_chunk::<HASH>()?;
            let (length, rest) = rest.split_first()?;
            let files = rest.get(..usize::try_from(*length).ok()?)?;
            let end = start + HASH + 1 + files.len();
            let edge = Edge { hash: join(*hash), start, end, files };
            start = end;
            Some(edge)
        })
    }
}

/// The files in the words of an edge.
fn said(mut files: &[u32]) -> impl Iterator<Item = Said<'_>> {
    iter::from_fn(move || {
        let ([path, connection, format, fields], rest) = files.split_first_chunk()?;
        let (fields, rest) = rest.split_at_checked(usize::try_from(*fields).ok()?)?;
        files = rest;
        let text = |index: &u32| Some(*index).filter(|index| *index != NONE);
        Some(Said { path: *path, connection: text(connection), format: text(format), fields })
    })
}

/// Far below the limit: an edge has no more columns than an app has fields.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn split(hash: u128) -> [u32; HASH] {
    let bytes = hash.to_be_bytes();
    let mut words = [0; HASH];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

fn join(words: [u32; HASH]) -> u128 {
    words.into_iter().fold(0, |hash, word| (hash << 32) | u128::from(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;

    fn speaks<'w>(path: u32, connection: Option<u32>, fields: &'w [u32]) -> Said<'w> {
        Said { path, connection, format: None, fields }
    }

    #[test]
    fn edges_come_back_as_they_were_put_in() {
        let mut edges = AppEdges::default();
        let first = [speaks(1, Some(2), &[3, 4]), speaks(5, None, &[])];
        assert!(edges.insert(A, &first).is_empty());
        assert!(edges.insert(7, &[]).is_empty());
        assert!(edges.insert(8, &[speaks(6, None, &[9])]).is_empty());
        let all: Vec<Said<'_>> = edges.said().collect();
        assert_eq!(all, [first[0], first[1], speaks(6, None, &[9])]);
        assert_eq!(edges.hashes().collect::<Vec<_>>(), [A, 7, 8]);
    }

    #[test]
    fn an_edge_is_replaced_and_taken_out() {
        let mut edges = AppEdges::default();
        edges.insert(A, &[speaks(1, None, &[2]), speaks(3, None, &[])]);
        edges.insert(7, &[speaks(4, None, &[5])]);
        assert_eq!(edges.insert(A, &[speaks(6, None, &[])]), [1, 3]);
        assert_eq!(edges.remove(8), [0; 0]);
        assert_eq!(edges.remove(7), [4]);
        assert_eq!(edges.said().collect::<Vec<_>>(), [speaks(6, None, &[])]);
        assert_eq!(edges.remove(A), [6]);
        assert!(edges.is_empty());
    }
}
