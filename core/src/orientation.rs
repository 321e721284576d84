//! The dihedral group D4 as photographers meet it: the eight EXIF orientations and the four turns.
//! Raw EXIF numbers live in this file only.

/// How to show the stored pixels: mirror left-right, then turn clockwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Orientation {
    mirrored: bool,
    quarter_turns: u8, // Invariant: 0..4.
}

impl Default for Orientation {
    fn default() -> Self {
        Self::UPRIGHT
    }
}

impl Orientation {
    pub const UPRIGHT: Self = Self::new(false, 0);
    /// Left for right, with no turn.
    pub const MIRRORED: Self = Self::new(true, 0);

    /// By EXIF tag, less one (EXIF 2.32, tag 0x0112).
    const EXIF: [Self; 8] = [
        Self::new(false, 0),
        Self::new(true, 0),
        Self::new(false, 2),
        Self::new(true, 2),
        Self::new(true, 3),
        Self::new(false, 1),
        Self::new(true, 1),
        Self::new(false, 3),
    ];

    const fn new(mirrored: bool, quarter_turns: u8) -> Self {
        Self { mirrored, quarter_turns: quarter_turns % 4 }
    }

    /// `None` for anything but 1–8.
    pub fn from_exif(tag: u16) -> Option<Self> {
        Self::EXIF.get(usize::from(tag).checked_sub(1)?).copied()
    }

    /// What a viewer makes of a stored value: absent, 0 and out of range count as 1.
    pub fn from_stored(tag: Option<u16>) -> Self {
        tag.and_then(Self::from_exif).unwrap_or(Self::UPRIGHT)
    }

    /// The EXIF number, 1–8.
    pub fn to_exif(self) -> u8 {
        match (self.mirrored, self.quarter_turns) {
            (false, 0) => 1,
            (true, 0) => 2,
            (false, 2) => 3,
            (true, 2) => 4,
            (true, 3) => 5,
            (false, 1) => 6,
            (true, 1) => 7,
            _ => 8,
        }
    }

    /// All eight, in EXIF order.
    pub fn all() -> [Self; 8] {
        Self::EXIF
    }

    /// `self`, then `next`. A mirror reverses the turns before it.
    pub fn then(self, next: Self) -> Self {
        let turns = if next.mirrored { 4 - self.quarter_turns } else { self.quarter_turns };
        Self::new(self.mirrored ^ next.mirrored, turns + next.quarter_turns)
    }

    pub fn inverse(self) -> Self {
        if self.mirrored { self } else { Self::new(false, 4 - self.quarter_turns) }
    }

    pub fn is_mirrored(self) -> bool {
        self.mirrored
    }

    /// Clockwise quarter turns after the mirror, 0–3.
    pub fn quarter_turns(self) -> u8 {
        self.quarter_turns
    }

    /// Does showing the photo exchange width and height?
    pub fn swaps_sides(self) -> bool {
        self.quarter_turns % 2 == 1
    }
}

/// A clockwise turn of the displayed photo. Class *k* of the network stands for `k` quarter turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Turn(u8); // Invariant: 0..4.

impl Turn {
    pub const NONE: Self = Self(0);
    pub const ALL: [Self; 4] = [Self(0), Self(1), Self(2), Self(3)];

    /// Quarter turns are counted modulo 4.
    pub const fn quarters(n: u8) -> Self {
        Self(n % 4)
    }

    /// `None` unless `degrees` is 0, 90, 180 or 270.
    pub fn from_degrees(degrees: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|turn| turn.degrees() == degrees)
    }

    pub fn degrees(self) -> u16 {
        u16::from(self.0) * 90
    }

    /// The network's class for this turn, 0–3.
    pub fn class(self) -> usize {
        usize::from(self.0)
    }

    pub fn orientation(self) -> Orientation {
        Orientation::new(false, self.0)
    }

    pub fn inverse(self) -> Self {
        Self((4 - self.0) % 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exif_numbers_round_trip() {
        for tag in 1..=8u16 {
            let orientation = Orientation::from_exif(tag).expect("1-8 are valid");
            assert_eq!(u16::from(orientation.to_exif()), tag);
        }
        for tag in [0, 9, 256, u16::MAX] {
            assert_eq!(Orientation::from_exif(tag), None);
            assert_eq!(Orientation::from_stored(Some(tag)), Orientation::UPRIGHT);
        }
        assert_eq!(Orientation::from_stored(None), Orientation::UPRIGHT);
    }

    #[test]
    fn turns_are_clockwise_degrees() {
        assert_eq!(Turn::from_degrees(90).map(|turn| turn.orientation().to_exif()), Some(6));
        assert_eq!(Turn::from_degrees(180).map(|turn| turn.orientation().to_exif()), Some(3));
        assert_eq!(Turn::from_degrees(270).map(|turn| turn.orientation().to_exif()), Some(8));
        assert_eq!(Turn::from_degrees(45), None);
        for turn in Turn::ALL {
            assert_eq!(turn.orientation().then(turn.inverse().orientation()), Orientation::UPRIGHT);
        }
    }
}
