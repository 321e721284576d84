//! ViT-S/14 as DINOv2 has it (Oquab et al. 2023), without its register and mask tokens.

use super::blocks::{Block, Norm, Patches, Transformer};

pub(super) const WIDTH: i64 = 384;
const HEADS: i64 = 6;
pub(super) const N_BLOCKS: usize = 12;
const PATCH_SIDE: i64 = 14;

/// DINOv2's own positions are for 518×518 pixels.
const GRID: i64 = 37;

/// Blocks that rest in the first training stage, with the patches.
const N_EARLY: usize = 6;

/// The patches are stage 0, every block is a stage, and the last has the pool too.
pub(super) fn stages() -> (Norm, Vec<Vec<Block>>, i64, usize) {
    // For LayerNorm; there is no batch-norm but that of the dense top.
    let norm = Norm { eps: 1e-6, momentum: 0.0 };
    let patches = Patches { name: "patches".into(), width: WIDTH, side: PATCH_SIDE, grid: GRID };
    let mut stages = vec![vec![Block::Patches(patches)]];
    for idx in 0..N_BLOCKS {
        stages.push(vec![Block::Transformer(Transformer {
            name: format!("blocks.{idx}"),
            width: WIDTH,
            heads: HEADS,
            hidden: 4 * WIDTH,
            depth: idx as f64 / (N_BLOCKS - 1) as f64,
        })]);
    }
    if let Some(last) = stages.last_mut() {
        last.push(Block::Tokens { name: "norm".into(), width: WIDTH });
    }
    (norm, stages, 2 * WIDTH, 1 + N_EARLY)
}
