//! Where configuration comes from: documents in, a published routing table out.
//!
//! ```text
//! directory --files--> Document --lower--> model value or problems --collect--> Snapshot --compile--> RouteTable --publish--> live
//! ```
//!
//! Data flows one way (law 1) and each step is a plain function of the step before:
//!
//! * [`files`] reads `*.yaml`, `*.yml` and `*.json` of one directory, all or nothing: a file that is not YAML at all refuses
//!   the whole change, because nobody can say which route or deny entry was in it.
//! * `lower` turns one document into one value of [`osp_core::model`], or into *all* of its problems with their field
//!   paths. It is the only place that knows the spelling of documents. A field that is not known is an error: a `deny` that
//!   is silently ignored would let somebody in.
//! * `collect` puts the results into one [`osp_core::model::Snapshot`]. A document that is not valid stays in it, as
//!   *present and invalid*: its bucket answers 503, never 404, and every other document serves.
//! * [`watch`] waits until a directory has changed and is quiet again.
//! * [`crd`] has the same kinds as schemas, for an API server. Only tests join it to the rest.
//! * [`publish`] runs all of it and swaps the table; [`check()`] runs all of it and only reports.
//! * [`kube`] is the second source of the same documents, the API server, and writes statuses back to it. Nothing after
//!   `lower` notices which one it was.

#![forbid(unsafe_code)]

mod collect;
mod debounce;
mod lower;

pub mod check;
pub mod crd;
pub mod files;
pub mod finding;
pub mod kube;
pub mod publish;
pub mod watch;

pub use check::{Report, check};
pub use collect::Loaded;
pub use files::{FileError, LoadError, load};
pub use finding::Finding;
pub use lower::is_label;
pub use publish::{Applied, Configurator, HookNews, Outcome};
