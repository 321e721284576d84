//! The loss: cross-entropy of the score averaged over the four views, plus a share of that of the
//! single views; or of one view alone.

use tch::{Kind, Tensor};

use crate::config::Fit;

/// Losses are means over the batch, by weight; `right` counts photos.
pub struct Losses {
    /// What is minimised.
    pub total: Tensor,
    /// Of the answer that counts: of four views, or of the one there is.
    pub answer: Tensor,
    pub right: Tensor,
    /// Share of the single views that are right.
    pub right_1: Tensor,
}

/// `logits` are V·N×4, the views one set after the other; `classes` those of the first set.
pub fn losses(logits: &Tensor, classes: &Tensor, weights: &Tensor, fit: &Fit) -> Losses {
    let n = classes.size()[0];
    let n_views = logits.size()[0] / n;
    let scores = logits.to_kind(Kind::Float).log_softmax(1, Kind::Float).view([n_views, n, 4]);
    // View k shows class c + k; shifted back, every view answers c.
    let shifted: Vec<Tensor> = (0..n_views).map(|k| scores.get(k).roll([-k], [1])).collect();
    let single = shifted.iter().map(|scores| {
        (cross_entropy(scores, classes, weights, fit.label_smoothing), right(scores, classes))
    });
    let (single_losses, single_right): (Vec<_>, Vec<_>) = single.unzip();
    let single_loss = Tensor::stack(&single_losses, 0).mean(Kind::Float);
    let right_1 = Tensor::stack(&single_right, 0).mean(Kind::Float) / n as f64;
    let mean = Tensor::stack(&shifted, 0).mean_dim([0i64].as_slice(), false, Kind::Float);
    let mean = mean.log_softmax(1, Kind::Float);
    let answer = cross_entropy(&mean, classes, weights, fit.label_smoothing);
    let total = if n_views == 1 {
        answer.shallow_clone()
    } else {
        &answer + single_loss * fit.one_view_weight
    };
    Losses { total, answer, right: right(&mean, classes), right_1 }
}

fn cross_entropy(scores: &Tensor, classes: &Tensor, weights: &Tensor, smoothing: f64) -> Tensor {
    let chosen = scores.gather(1, &classes.unsqueeze(1), false).squeeze_dim(1);
    let spread = scores.mean_dim([1i64].as_slice(), false, Kind::Float);
    let each = (chosen * (1.0 - smoothing) + spread * smoothing).neg();
    (each * weights).sum(Kind::Float) / weights.sum(Kind::Float)
}

fn right(scores: &Tensor, classes: &Tensor) -> Tensor {
    scores.argmax(1, false).eq_tensor(classes).to_kind(Kind::Float).sum(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn fit() -> Fit {
        let mut fit = Config::load(None, &[]).expect("the defaults are valid").fit;
        fit.one_view_weight = 0.5;
        fit
    }

    fn value(tensor: &Tensor) -> f64 {
        tensor.double_value(&[])
    }

    /// The average is the one that orientd takes of four views.
    #[test]
    fn four_views_are_averaged_as_in_use() {
        let views =
            [[3.0f32, 1.0, 0.5, -1.0], [0.1, 2.0, 0.3, 0.9], [0.0, -1.0, 1.5, 0.2], [1.0; 4]];
        let flat: Vec<f32> = views.iter().flatten().copied().collect();
        let logits = Tensor::from_slice(&flat).view([4, 4]);
        let weights = Tensor::from_slice(&[1.0f32]);
        for class in 0..4i64 {
            let classes = Tensor::from_slice(&[class]);
            let losses = losses(&logits, &classes, &weights, &fit());
            let probabilities = super::super::images::average(&views);
            let expected = -f64::from(probabilities.0[class as usize].ln());
            assert!((value(&losses.answer) - expected).abs() < 1e-5);
            let right = probabilities.best().0.class() as i64 == class;
            assert_eq!(value(&losses.right), f64::from(right));
            let single = (0..4).map(|k: usize| {
                let scores =
                    orientd_core::verdict::decision::Probabilities::from_logits(views[k], 1.0);
                -f64::from(scores.0[(class as usize + k) % 4].ln())
            });
            let total = expected + 0.5 * single.sum::<f64>() / 4.0;
            assert!((value(&losses.total) - total).abs() < 1e-5);
        }
    }

    #[test]
    fn weights_and_smoothing() {
        let logits = Tensor::from_slice(&[2.0f32, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]).view([2, 4]);
        let classes = Tensor::from_slice(&[0i64, 0]);
        let loss = |weights: [f32; 2], smoothing: f64| {
            let fit = Fit { label_smoothing: smoothing, ..fit() };
            value(&losses(&logits, &classes, &Tensor::from_slice(&weights), &fit).total)
        };
        let first = loss([1.0, 0.0], 0.0);
        let second = loss([0.0, 1.0], 0.0);
        assert!((loss([3.0, 1.0], 0.0) - (0.75 * first + 0.25 * second)).abs() < 1e-6);
        assert!(loss([1.0, 0.0], 0.1) > first);
    }
}
