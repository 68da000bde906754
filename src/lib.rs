//! OSP
