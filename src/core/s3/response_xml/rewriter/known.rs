//! Entries that look like earlier ones, passed on without having been told item by item.

use super::Rewriter;
use crate::s3::response_xml::rules::Field;
use crate::s3::response_xml::shape::Leaf;
use crate::s3::xml::Broken;

impl Rewriter {
    /// Takes the entries that `input` begins with, as far as they look like earlier ones. Returns what follows. To be
    /// called where a child of the root element may begin.
    pub fn known_entries<'a>(&mut self, input: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Broken> {
        let mut shapes = std::mem::take(&mut self.shapes);
        // what lies between goes out as it is, once an entry that does not or the end is reached
        let (mut from, mut at) = (0, 0);
        while let Some((entry, leaves)) = input.get(at..).and_then(|rest| shapes.find(rest)) {
            let end = at + entry.len();
            if !self.is_clients(entry, leaves) {
                out.extend_from_slice(input.get(from..at).ok_or(Broken)?);
                self.known_entry(entry, leaves, out)?;
                from = end;
            }
            at = end;
        }
        out.extend_from_slice(input.get(from..at).ok_or(Broken)?);
        self.shapes = shapes;
        input.get(at..).ok_or(Broken)
    }

    /// True when the entry is for the client as it is; note has then been taken of its name.
    fn is_clients(&mut self, entry: &[u8], leaves: &[Leaf]) -> bool {
        if !self.keeps_keys {
            return false;
        }
        self.entry.begin();
        for leaf in leaves {
            let Some(Ok(text)) = entry.get(leaf.text..leaf.close).map(std::str::from_utf8) else { return false };
            let is_prefix = leaf.field == Field::EntryPrefix;
            if !(is_prefix || leaf.field == Field::EntryKey)
                || self.entry_name(text, is_prefix).as_deref() != Some(text)
            {
                return false;
            }
        }
        self.entry.is_open = false;
        let is_inside = self.entry.inside == Some(true);
        if is_inside && self.entry.is_placed {
            self.wrapping.shown(&mut self.entry.position);
        }
        is_inside
    }

    fn known_entry(&mut self, entry: &[u8], leaves: &[Leaf], out: &mut Vec<u8>) -> Result<(), Broken> {
        let entry = std::str::from_utf8(entry).map_err(|_| Broken)?;
        let part = |from, to| entry.get(from..to).ok_or(Broken);
        self.entry.begin();
        let mut passed = 0;
        for leaf in leaves {
            self.write(part(passed, leaf.open)?, out)?;
            let tags = (part(leaf.open, leaf.text)?, part(leaf.close, leaf.end)?);
            self.pass_leaf(leaf.field, tags, part(leaf.text, leaf.close)?, out)?;
            passed = leaf.end;
        }
        self.write(part(passed, entry.len())?, out)?;
        self.end_entry(out)
    }
}
