//! A small data set in IDX files: a bright bar on noise, at a height that tells the class.

use std::path::{Path, PathBuf};

pub const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
pub const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
pub const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
pub const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";
pub const SIDE: usize = 28;

/// At most 6 classes.
#[derive(Clone, Copy, Debug)]
pub struct DataSet {
    pub classes: usize,
    pub train: usize,
    pub test: usize,
}

impl Default for DataSet {
    fn default() -> DataSet {
        DataSet { classes: 4, train: 400, test: 100 }
    }
}

impl DataSet {
    /// Writes the four files into `folder`, which is made.
    pub fn write(self, folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).expect("own folder can be made");
        let mut noise = Noise(0x5eed);
        for (images, labels, count) in
            [(TRAIN_IMAGES, TRAIN_LABELS, self.train), (TEST_IMAGES, TEST_LABELS, self.test)]
        {
            let classes: Vec<u8> = (0..count).map(|at| (at % self.classes) as u8).collect();
            let pixels = classes.iter().flat_map(|&class| image(class.into(), &mut noise));
            let pixels: Vec<u8> = pixels.collect();
            write(&folder.join(images), &idx(&[count, SIDE, SIDE], &pixels));
            write(&folder.join(labels), &idx(&[count], &classes));
        }
        folder.to_owned()
    }
}

/// The bytes of an IDX file of unsigned bytes.
pub fn idx(dims: &[usize], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|&dim| (dim as u32).to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn image(class: usize, noise: &mut Noise) -> Vec<u8> {
    let mut pixels: Vec<u8> = (0..SIDE * SIDE).map(|_| noise.byte() % 90).collect();
    let top = 2 + 4 * class;
    for row in top..top + 3 {
        for pixel in &mut pixels[row * SIDE + 4..row * SIDE + 24] {
            *pixel += 140;
        }
    }
    pixels
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("own folder can be written");
}

/// Numbers that look random and are the same everywhere (Steele, Lea, Flood: SplitMix64, 2014).
pub struct Noise(pub u64);

impl Noise {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }

    pub fn byte(&mut self) -> u8 {
        (self.draw() >> 56) as u8
    }

    /// In [-1, 1).
    pub fn float(&mut self) -> f32 {
        (self.draw() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}
