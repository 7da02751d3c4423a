//! Texts, each held once.

use std::{collections::HashMap, sync::Arc};

/// Texts, each once.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: Vec<Arc<str>>,
    indices: HashMap<Arc<str>, u32>,
}

impl Texts {
    pub(super) fn index(&mut self, text: &str) -> u32 {
        if let Some(index) = self.indices.get(text) {
            return *index;
        }
        let index = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = text.into();
        self.all.push(text.clone());
        self.indices.insert(text, index);
        index
    }

    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.indices.get(text).copied()
    }

    pub(super) fn get(&self, index: u32) -> &str {
        usize::try_from(index).ok().and_then(|index| self.all.get(index)).map_or("", |text| text)
    }
}
