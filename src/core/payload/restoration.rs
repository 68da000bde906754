//! The body of `RestoreObject`, read while it passes: a restored copy may go to its own place and to no other.

use crate::Denial;
use crate::s3::xml::{Broken, Scanner};

/// Elements that send the outcome somewhere: a bucket and prefix of the backend, on which the client has no say (P1).
const ELSEWHERE: [&str; 2] = ["OutputLocation", "SelectParameters"];

/// Reads one document in pieces.
#[derive(Debug)]
pub(super) struct Restoration(Scanner);

impl Default for Restoration {
    fn default() -> Self {
        Self(Scanner::new())
    }
}

impl Restoration {
    /// Reads the next piece.
    ///
    /// # Errors
    /// [`Denial::NotImplemented`] for a restoration to another place, [`Denial::MalformedXml`].
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Denial> {
        let mut denial = Denial::MalformedXml;
        let read = self.0.push(piece, &mut |path, _| {
            let Some(name) = path.last().map(|name| name.local()).filter(|name| ELSEWHERE.contains(name)) else {
                return Ok(());
            };
            denial = Denial::NotImplemented(format!("{name} in RestoreObject"));
            Err(Broken)
        });
        read.map_err(|Broken| denial)
    }

    /// The document has ended.
    ///
    /// # Errors
    /// [`Denial::MalformedXml`] when it is not complete.
    pub(super) fn finish(&mut self) -> Result<(), Denial> {
        self.0.finish().map_err(|Broken| Denial::MalformedXml)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, size: usize) -> Result<(), Denial> {
        let mut restoration = Restoration::default();
        body.as_bytes().chunks(size).try_for_each(|piece| restoration.push(piece))?;
        restoration.finish()
    }

    #[test]
    fn d08_a_restoration_stays_where_it_is() {
        let inside = |element: &str| {
            format!(
                "<?xml version=\"1.0\"?><r:RestoreRequest xmlns:r=\"x\"><r:Days>1</r:Days>{element}</r:RestoreRequest>"
            )
        };
        for size in [1, 7, 4096] {
            assert_eq!(read(&inside("<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters>"), size), Ok(()));
            for element in [
                "<OutputLocation><S3><BucketName>b</BucketName></S3></OutputLocation>",
                "<r:OutputLocation/>",
                "<a><SelectParameters>x</SelectParameters></a>",
            ] {
                assert!(matches!(read(&inside(element), size), Err(Denial::NotImplemented(_))), "{element}");
            }
            for broken in ["<a>", "<a></b>", "no XML", "<!DOCTYPE a [<!ENTITY b \"OutputLocation\">]><a/>", "<a/><b/>"]
            {
                assert_eq!(read(broken, size), Err(Denial::MalformedXml), "{broken}");
            }
        }
    }
}
