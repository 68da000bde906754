use osp_core::Denial;
use osp_core::access::{Question, Request};
use osp_core::sigv4::Claim;
use osp_core::table::RouteTable;

fn ask(claim: Claim<'_>, request: Request<'_>, table: &RouteTable) -> Result<Question, Denial> {
    Question::ask(claim, request, table)
}

fn main() {
    let _ = ask;
}
