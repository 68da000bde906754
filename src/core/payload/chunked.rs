//! The aws-chunked decoder and re-framer.
