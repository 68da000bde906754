//! What a request names: bucket, key, query, operation, parsed once from raw bytes; and the XML that names travel in.

mod bucket;
mod bucket_pattern;
mod copy_source;
mod copy_terms;
pub(crate) mod copy_xml;
mod create_bucket;
mod delete_xml;
pub(crate) mod encoding;
mod error_xml;
mod form;
mod key;
mod list_buckets;
mod mapping;
mod operation;
mod outgoing;
mod query;
mod raw_head;
mod response_xml;
#[cfg(test)]
pub(crate) mod sample;
mod semantics;
mod target;
mod token;
pub(crate) mod xml;

pub use bucket::BucketName;
pub use bucket_pattern::{BucketMatch, BucketPattern, PLACEHOLDER, fill_template, read_template, templates_meet};
pub use copy_source::CopySource;
pub(crate) use copy_terms::CopyTerms;
pub use copy_xml::{upload_id, upload_result};
pub use create_bucket::{check_creation, creation_xml};
pub use delete_xml::{DeleteEntry, DeleteOutcome, DeleteRequest, Marker};
pub use encoding::{decode, encode_key, encode_query};
pub use error_xml::{ErrorContext, XML_DECLARATION, error_xml, late_error_xml};
pub(crate) use form::{Boundary, is_ignored};
pub use form::{Form, FormReader, Receipt, Told};
pub use key::{KeyPrefix, ObjectKey, without_empty_segments};
pub use list_buckets::{ListBucketsPage, ListedBucket, ToldBuckets, list_buckets_xml, location_xml};
pub use mapping::Mapping;
pub(crate) use operation::Body;
pub use operation::{
    Kind, Needs, Operation, Permission, Permissions, Resource, classify, classify_form, is_form_upload, named,
    operations_page,
};
pub use outgoing::{Outgoing, OutgoingHeaders};
pub use query::Query;
pub use raw_head::{Framing, Protocol, RawHead};
pub use response_xml::{ErrorBody, Meaning, Refusal, ResponseNames, ResponseXml, XmlDocument, is_ambiguous};
pub use semantics::Semantics;
pub use target::{Addressing, BaseHosts, Target, parse};
pub(crate) use token::{Unopened, open_upload};
