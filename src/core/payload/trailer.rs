//! Trailers of aws-chunked bodies.
