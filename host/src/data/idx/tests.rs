use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, UNSIGNED_BYTE, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn stored(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().prefix("some-images-").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[test]
fn bad_files_are_refused_with_their_name_and_the_reason() {
    let good = idx(&[2, 2, 3], &[7; 12]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "truncated: ends after 0 of 4 bytes"),
        (vec![0, 0, 8], "truncated: ends after 3 of 4 bytes"),
        (b"<html>not found</html>".to_vec(), "not an IDX file: begins with 3c 68"),
        (with(0, 1), "not an IDX file: begins with 01 00"),
        (with(2, 0x0d), "IDX type 0x0d is not supported"),
        (with(3, 2), "2 dimensions where 3 or 4 were expected"),
        (with(3, 255), "255 dimensions where 3 or 4 were expected"),
        (idx(&[3], &[1, 2, 3]), "this is a file of labels, not of images"),
        (good[..10].to_vec(), "truncated: ends after 10 of 12 bytes"),
        (good[..27].to_vec(), "truncated: ends after 27 of 28 bytes"),
        ([good.clone(), vec![0]].concat(), "bytes follow after the 28"),
        (idx(&[0, 2, 2], &[]), "holds nothing"),
        (idx(&[1, 1, 5000], &[0; 5000]), "images of 5000 pixels a side"),
        (idx(&[u32::MAX; 3], &[]), "more than the limit"),
        (idx(&[u32::MAX; 4], &[]), "more than the limit"),
        (idx(&[1 << 11, 1 << 10, 1 << 10], &[]), "announces 2147483648 bytes"),
        (gzip(&good)[..20].to_vec(), "the gzip stream is truncated"),
        ([gzip(&good), b"junk".to_vec()].concat(), "cannot be read"),
    ];
    for (bytes, expected) in cases {
        let file = stored(&bytes);
        let message = read_images(file.path()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
        assert!(message.starts_with(&file.path().display().to_string()), "{message}");
    }
}

#[test]
fn images_are_no_labels() {
    let file = stored(&idx(&[2, 2, 3], &[7; 12]));
    let message = read_labels(file.path()).unwrap_err().to_string();
    assert!(message.contains("this is a file of images, not of labels"), "{message}");
}

#[test]
fn an_absent_file_and_a_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("train-images-idx3-ubyte");
    let message = read_images(&absent).unwrap_err().to_string();
    assert!(message.contains("train-images-idx3-ubyte: cannot be read"), "{message}");
    let message = read_images(folder.path()).unwrap_err().to_string();
    assert!(message.contains("not a regular file"), "{message}");
}

#[test]
fn a_decompression_bomb_ends_at_what_its_header_announces() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&idx(&[1, 2, 2], &[])).unwrap();
    for _ in 0..64 {
        encoder.write_all(&[0; 1 << 20]).unwrap();
    }
    let file = stored(&encoder.finish().unwrap());
    let message = read_images(file.path()).unwrap_err().to_string();
    assert!(message.contains("bytes follow after the 20"), "{message}");
}

#[test]
fn four_dimensions_have_channels() {
    let file = stored(&idx(&[2, 3, 4, 5], &[9; 120]));
    let images = read_images(file.path()).unwrap();
    assert_eq!((images.count, images.shape), (2, ImageShape { channels: 3, height: 4, width: 5 }));
}

proptest! {
    #[test]
    fn what_was_written_is_read_plain_and_gzipped(
        (n, h, w) in (1usize..5, 1usize..6, 1usize..6),
        seed in any::<u8>(),
    ) {
        let pixels: Vec<u8> = (0..n * h * w).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
        let bytes = idx(&[n as u32, h as u32, w as u32], &pixels);
        let expected = Images { count: n, shape: ImageShape { channels: 1, height: h, width: w }, pixels };
        for content in [bytes.clone(), gzip(&bytes)] {
            prop_assert_eq!(&read_images(stored(&content).path()).unwrap(), &expected);
        }
        let labels = idx(&[n as u32], &expected.pixels[..n]);
        prop_assert_eq!(read_labels(stored(&labels).path()).unwrap(), &expected.pixels[..n]);
    }

    #[test]
    fn a_file_cut_anywhere_is_refused(cut in 0usize..28) {
        let bytes = idx(&[2, 2, 3], &[7; 12]);
        prop_assert!(read_images(stored(&bytes[..cut]).path()).is_err());
    }

    #[test]
    fn as_many_bytes_as_the_header_says_are_images_and_nothing_else_is(
        dims in proptest::collection::vec(0u32..4, 0..6),
        missing in 0usize..3,
        more in 0usize..3,
    ) {
        let size = dims.iter().product::<u32>() as usize;
        let values = vec![7; (size + more).saturating_sub(missing)];
        let are_images = matches!(dims.len(), 3 | 4) && size > 0 && values.len() == size;
        let read = read_images(stored(&idx(&dims, &values)).path());
        prop_assert_eq!(read.is_ok(), are_images, "{:?}", read);
        if let Ok(images) = read {
            prop_assert_eq!(images.count * images.shape.elements(), size);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..64), dimensions in 0u8..8,
    ) {
        // The sizes of the header are read, and are more than there is.
        let headed = [&[0, 0, 8, dimensions, 255], &bytes[..]].concat();
        for content in [&bytes, &headed] {
            prop_assert!(read_images(stored(content).path()).is_err());
        }
    }
}
