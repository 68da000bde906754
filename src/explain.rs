//! `osp explain`: what the gateway would decide about one request, and why. The decision is
//! [`osp_core::access::explain`], which is the request path's own; where the table comes from makes no other difference.
//!
//! ```text
//! flags of `osp explain`  --------------------> Asked --+
//! parameters of `/explain` --parameters::read--> Asked --+--> told (Asked, RouteTable) --> one `field: value` a line
//! a directory | a cluster, read once | the table in force ------------^
//! ```

mod asked;
pub(crate) mod parameters;
mod remote;
#[cfg(test)]
mod tests;
mod told;

use crate::args::{Cluster, Explain, Serve};
use crate::config::Documents;
use crate::{Config, Failure, wiring};

pub(crate) use asked::Asked;
pub(crate) use told::told;

/// Decides by a directory of documents or by a cluster, or has a running OSP decide, and says why: one `field: value` a
/// line, in the words of the access log.
///
/// # Errors
/// [`Failure::Config`] for everything that was typed wrongly, [`Failure::Documents`] when the directory cannot be read,
/// [`Failure::Explain`] when the cluster or the running OSP does not answer as it must.
pub fn explain(typed: &Explain) -> Result<String, Failure> {
    if let Some(admin) = &typed.admin {
        return remote::ask(admin, &typed.request);
    }
    let config = Config::read(&as_serve(typed))?;
    let asked = Asked::read(&typed.request, &config.base_hosts).map_err(|errors| asked::with_prefix("--", errors))?;
    match &config.documents {
        Documents::Directory(dir) => {
            let loaded = osp_controller::load(dir, &config.process_rules())
                .map_err(|error| Failure::Documents(error.errors.iter().map(ToString::to_string).collect()))?;
            Ok(told(&asked, &loaded.compile().table))
        }
        Documents::Kubernetes(cluster) => {
            let table = wiring::table_of(&config, cluster)?;
            Ok(told(&asked, &table))
        }
    }
}

/// What `osp serve` would be told for the same documents.
fn as_serve(typed: &Explain) -> Serve {
    Serve {
        config_dir: typed.config_dir.clone(),
        kubernetes: typed.kubernetes,
        cluster: Cluster { reading: typed.reading.clone(), ..Cluster::default() },
        config: typed.config.clone(),
        class: typed.class.clone(),
        ..Serve::default()
    }
}
