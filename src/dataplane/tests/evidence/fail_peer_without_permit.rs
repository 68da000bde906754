use osp_core::Denial;
use osp_core::table::ServedRoute;
use osp_dataplane::stage::route;
use osp_dataplane::{Egress, Resolver, Settings};

async fn peer(
    route: &ServedRoute,
    resolver: &dyn Resolver,
    egress: &Egress,
    settings: &Settings,
) -> Result<(), Denial> {
    route::peer(route, resolver, egress, settings, 0).await.map(|_| ())
}

fn main() {
    let _ = peer;
}
