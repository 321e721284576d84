//! HEIF files for tests, written box by box.

/// A file to be written. Items have the numbers 1, 2, … in their order.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    pub items: Vec<SketchItem>,
    pub primary: u32,
    pub properties: Vec<(&'static [u8; 4], Vec<u8>)>,
    pub references: Vec<(&'static [u8; 4], u32, Vec<u32>)>,
    pub iloc: Widths,
    /// 15 bits for the number of a property.
    pub is_wide: bool,
    pub has_long_ids: bool,
    /// Payload of a `free` box right behind `meta`.
    pub room: Option<usize>,
    /// Sizes of `meta` and `iprp` in 64 bits.
    pub has_long_sizes: bool,
    pub is_meta_last: bool,
    /// Boxes at the end, and what follows them.
    pub behind: Vec<(&'static [u8; 4], Vec<u8>)>,
    pub trailer: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct SketchItem {
    pub kind: &'static [u8; 4],
    pub data: Vec<u8>,
    pub is_hidden: bool,
    pub is_protected: bool,
    /// In `idat` instead of `mdat`.
    pub is_inside: bool,
    /// In two pieces.
    pub is_split: bool,
    /// Numbers of properties, from one, with whether they are essential.
    pub properties: Vec<(u16, bool)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Widths {
    pub version: u8,
    pub offset: usize,
    pub length: usize,
    pub base: usize,
}

pub(super) fn item(kind: &'static [u8; 4], properties: &[u16]) -> SketchItem {
    let essential = |index: &u16| (*index, false);
    SketchItem {
        kind,
        data: [&kind[..], b" and its data"].concat(),
        is_hidden: false,
        is_protected: false,
        is_inside: false,
        is_split: false,
        properties: properties.iter().map(essential).collect(),
    }
}

pub(super) const ISPE: (&[u8; 4], &[u8]) = (b"ispe", &[0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 6]);

/// One picture with the given properties after its size.
pub(super) fn sketch(properties: &[(&'static [u8; 4], &[u8])]) -> Sketch {
    let all = [ISPE].into_iter().chain(properties.iter().copied());
    let properties: Vec<_> = all.map(|(kind, payload)| (kind, payload.to_vec())).collect();
    let numbers: Vec<u16> = (1..=properties.len() as u16).collect();
    Sketch {
        items: vec![item(b"hvc1", &numbers)],
        primary: 1,
        properties,
        references: Vec::new(),
        iloc: Widths { version: 1, offset: 4, length: 4, base: 0 },
        is_wide: false,
        has_long_ids: false,
        room: None,
        has_long_sizes: false,
        is_meta_last: false,
        behind: Vec::new(),
        trailer: Vec::new(),
    }
}

pub(super) fn boxed(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 8).expect("short").to_be_bytes();
    [&length[..], kind, payload].concat()
}

fn long_boxed(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64 + 16).to_be_bytes();
    [&[0, 0, 0, 1][..], kind, &length, payload].concat()
}

/// An item of EXIF with an orientation.
pub(super) fn exif(stored: u8) -> Vec<u8> {
    let mut tiff = b"MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    tiff.extend([stored, 0, 0, 0, 0, 0, 0]);
    [&[0, 0, 0, 6][..], b"Exif\0\0", &tiff].concat()
}

pub(super) fn xmp(text: &str) -> Vec<u8> {
    format!("<x xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" {text}/>").into_bytes()
}

impl Sketch {
    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Adds an item that refers to the primary one.
    pub(super) fn related(self, reference: &'static [u8; 4], item: SketchItem) -> Self {
        self.with(|sketch| {
            sketch.items.push(item);
            let id = sketch.items.len() as u32;
            let primary = sketch.primary;
            sketch.references.push((reference, id, vec![primary]));
        })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let ftyp = boxed(b"ftyp", b"heic\0\0\0\0mif1heic");
        let data: Vec<u8> = self.in_mdat().flat_map(|item| item.data.clone()).collect();
        let mdat = boxed(b"mdat", &data);
        let room = self.room.map_or(Vec::new(), |n| boxed(b"free", &vec![0x55; n]));
        // Offsets have a fixed width, so the length of `meta` does not depend on them.
        let start = match self.is_meta_last {
            true => ftyp.len() + 8,
            false => ftyp.len() + self.meta(0).len() + room.len() + 8,
        };
        let meta = [self.meta(start), room].concat();
        let mut out = match self.is_meta_last {
            true => [ftyp, mdat, meta].concat(),
            false => [ftyp, meta, mdat].concat(),
        };
        out.extend(self.behind.iter().flat_map(|(kind, payload)| boxed(kind, payload)));
        out.extend_from_slice(&self.trailer);
        out
    }

    fn in_mdat(&self) -> impl Iterator<Item = &SketchItem> {
        self.items.iter().filter(|item| !item.is_inside)
    }

    fn meta(&self, start_of_data: usize) -> Vec<u8> {
        let long_or_not = if self.has_long_sizes { long_boxed } else { boxed };
        let idat: Vec<u8> = self
            .items
            .iter()
            .filter(|item| item.is_inside)
            .flat_map(|item| item.data.clone())
            .collect();
        let mut parts = vec![
            vec![0; 4],
            boxed(b"hdlr", b"\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            boxed(b"pitm", &[&[0; 4][..], &(self.primary as u16).to_be_bytes()].concat()),
            self.iinf(),
            self.iloc(start_of_data),
            long_or_not(b"iprp", &[self.ipco(), self.ipma()].concat()),
        ];
        if !idat.is_empty() {
            parts.push(boxed(b"idat", &idat));
        }
        if !self.references.is_empty() {
            parts.push(self.iref());
        }
        long_or_not(b"meta", &parts.concat())
    }

    fn iinf(&self) -> Vec<u8> {
        let entries = self.items.iter().enumerate().map(|(at, item)| {
            let mut infe = vec![2, 0, 0, u8::from(item.is_hidden)];
            infe.extend((at as u16 + 1).to_be_bytes());
            infe.extend(u16::from(item.is_protected).to_be_bytes());
            infe.extend_from_slice(item.kind);
            infe.push(0);
            if item.kind == b"mime" {
                infe.extend(b"application/rdf+xml\0");
            }
            boxed(b"infe", &infe)
        });
        let entries: Vec<u8> = entries.flatten().collect();
        let count = (self.items.len() as u16).to_be_bytes();
        boxed(b"iinf", &[&[0; 4][..], &count, &entries].concat())
    }

    fn iloc(&self, start_of_data: usize) -> Vec<u8> {
        let Widths { version, offset, length, base } = self.iloc;
        let number =
            |value: usize, width: usize| (value as u64).to_be_bytes()[8 - width..].to_vec();
        let id_width = if version < 2 { 2 } else { 4 };
        let mut out = vec![version, 0, 0, 0];
        out.extend([(offset << 4 | length) as u8, (base << 4) as u8]);
        out.extend(number(self.items.len(), id_width));
        let mut in_mdat = start_of_data;
        let mut in_idat = 0;
        for (at, item) in self.items.iter().enumerate() {
            let place = if item.is_inside { &mut in_idat } else { &mut in_mdat };
            let start = *place;
            *place += item.data.len();
            out.extend(number(at + 1, id_width));
            if version > 0 {
                out.extend(u16::from(item.is_inside).to_be_bytes());
            }
            out.extend([0, 0]);
            let based = if base > 0 { start } else { 0 };
            out.extend(number(based, base));
            let first = if item.is_split { item.data.len() / 2 } else { item.data.len() };
            let pieces = [(start, first), (start + first, item.data.len() - first)];
            let pieces = &pieces[..1 + usize::from(item.is_split)];
            out.extend((pieces.len() as u16).to_be_bytes());
            for (start, n) in pieces {
                out.extend(number(start - based, offset));
                out.extend(number(*n, length));
            }
        }
        boxed(b"iloc", &out)
    }

    fn ipco(&self) -> Vec<u8> {
        let all = self.properties.iter().flat_map(|(kind, payload)| boxed(kind, payload));
        boxed(b"ipco", &all.collect::<Vec<u8>>())
    }

    fn ipma(&self) -> Vec<u8> {
        let having = self.items.iter().enumerate().filter(|(_, item)| !item.properties.is_empty());
        let having: Vec<_> = having.collect();
        let mut out = vec![u8::from(self.has_long_ids), 0, 0, u8::from(self.is_wide)];
        out.extend((having.len() as u32).to_be_bytes());
        for (at, item) in having {
            let id = (at as u32 + 1).to_be_bytes();
            out.extend_from_slice(if self.has_long_ids { &id } else { &id[2..] });
            out.push(item.properties.len() as u8);
            for (index, is_essential) in &item.properties {
                match self.is_wide {
                    true => out.extend((index | u16::from(*is_essential) << 15).to_be_bytes()),
                    false => out.push(*index as u8 | u8::from(*is_essential) << 7),
                }
            }
        }
        boxed(b"ipma", &out)
    }

    fn iref(&self) -> Vec<u8> {
        let references = self.references.iter().flat_map(|(kind, from, to)| {
            let ids = [*from, to.len() as u32].into_iter().chain(to.iter().copied());
            boxed(kind, &ids.flat_map(|id| (id as u16).to_be_bytes()).collect::<Vec<u8>>())
        });
        boxed(b"iref", &[vec![0; 4], references.collect()].concat())
    }
}
