use osp_core::model::TrailingChecksums;
use osp_core::payload::{Gate, Obligation};

fn open(obligation: &Obligation) -> Gate {
    obligation.gate(TrailingChecksums::Drop)
}

fn main() {
    let _ = open;
}
