use osp_core::Denial;
use osp_core::table::ServedRoute;
use osp_dataplane::stage::route;
use osp_dataplane::{Resolver, TrustStores};

async fn peer(route: &ServedRoute, resolver: &dyn Resolver, trust: &TrustStores) -> Result<(), Denial> {
    route::peer(route, resolver, trust, 0).await.map(|_| ())
}

fn main() {
    let _ = peer;
}
