//! Exact one-sided bounds on a share, from so many hits among so many tries (Clopper and Pearson, "The
//! use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 1934).

/// How often a bound may lie on the wrong side of the truth.
pub const ALPHA: f64 = 0.05;

/// Halvings of [0, 1]: enough for every digit of an f64 near 0.
const STEPS: usize = 80;

/// The share that is exceeded in at most one of twenty such samples: the upper end of a one-sided 95 %
/// interval. 1 where nothing was tried.
pub fn upper(hits: u64, tries: u64) -> f64 {
    if hits >= tries {
        return 1.0;
    }
    // The larger the share, the less likely so few hits.
    let mut low = 0.0;
    let mut high = 1.0;
    for _ in 0..STEPS {
        let share = (low + high) / 2.0;
        if at_most(hits, tries, share) > ALPHA { low = share } else { high = share }
    }
    high
}

/// P(X ≤ hits) where X counts the hits of `tries` independent tries. Summed in logarithms, since the
/// first terms of many tries are too small for a number.
fn at_most(hits: u64, tries: u64, share: f64) -> f64 {
    let n = tries as f64;
    let odds = share.ln() - (-share).ln_1p();
    let mut term = n * (-share).ln_1p();
    let mut total = term.exp();
    for i in 0..hits {
        let i = i as f64;
        term += ((n - i) / (i + 1.0)).ln() + odds;
        total += term.exp();
    }
    total.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference values by summing the terms with 60 digits (Python's `decimal`).
    #[test]
    #[rustfmt::skip]
    fn bounds_are_exact() {
        for (hits, tries, expected) in [
            ( 0,     1, 0.950000000000),
            ( 0,    50, 0.058155079117),
            ( 0,   100, 0.029513049607),
            ( 1,   100, 0.046559811454),
            ( 3,   100, 0.075710793750),
            ( 2,    40, 0.149151961273),
            (20,    50, 0.526119748870),
            (49,    50, 0.998974660133),
            ( 0,  3000, 0.000998079012),
            ( 5,  3000, 0.003501125833),
            (10,  2000, 0.008466348206),
        ] {
            let bound = upper(hits, tries);
            assert!((bound - expected).abs() < 1e-9, "{hits} of {tries}: {bound}, not {expected}");
        }
        assert_eq!([upper(0, 0), upper(7, 7)], [1.0, 1.0]);
    }

    #[test]
    fn more_hits_raise_it_and_more_tries_lower_it() {
        for tries in [1, 2, 10, 300, 100_000] {
            for hits in [0, 1, 5, 40].into_iter().filter(|hits| *hits < tries) {
                let bound = upper(hits, tries);
                assert!(bound > hits as f64 / tries as f64, "{hits} of {tries}");
                assert!(bound <= upper(hits + 1, tries) && bound > upper(hits, tries + 1));
            }
        }
    }
}
