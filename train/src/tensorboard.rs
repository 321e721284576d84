//! TensorBoard event files: TFRecords (length and data, each with a masked CRC-32C) of `Event`
//! messages, of which only what is used here is declared.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use orientd_core::image::rgb::Rgb8;
use prost::Message;

use crate::drawing::canvas::png;

#[derive(Clone, PartialEq, prost::Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLog>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Image {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    #[prost(int32, tag = "3")]
    colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    encoded: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

const SESSION_START: i32 = 1;
const RGB: i32 = 3;

pub struct EventWriter {
    file: File,
}

impl EventWriter {
    /// A new file in `folder`. TensorBoard drops what earlier files say from `step` on, which a
    /// killed run may have written and now does again.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn create(folder: &Path, step: usize) -> Result<Self> {
        let failed = || format!("cannot write event files to {}", folder.display());
        std::fs::create_dir_all(folder).with_context(failed)?;
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        // The name must rise with time, and hold `tfevents`.
        let path = folder.join(format!("events.out.tfevents.{nanos:020}.orientd"));
        let mut writer = Self { file: File::create(path).with_context(failed)? };
        let version = Some("brain.Event:2".to_owned());
        writer.write(Event { file_version: version, ..Event::default() })?;
        let session_log = Some(SessionLog { status: SESSION_START });
        writer.write(Event { step: step as i64, session_log, ..Event::default() })?;
        Ok(writer)
    }

    pub fn scalars(&mut self, step: usize, values: &[(&str, f64)]) -> Result<()> {
        let scalar = |(tag, value): &(&str, f64)| Value {
            tag: (*tag).to_owned(),
            simple_value: Some(*value as f32),
            image: None,
        };
        self.summary(step, values.iter().map(scalar).collect())
    }

    pub fn image(&mut self, step: usize, tag: &str, picture: &Rgb8) -> Result<()> {
        let image = Image {
            height: i32::try_from(picture.height)?,
            width: i32::try_from(picture.width)?,
            colorspace: RGB,
            encoded: png(picture)?,
        };
        let value = Value { tag: tag.to_owned(), simple_value: None, image: Some(image) };
        self.summary(step, vec![value])
    }

    fn summary(&mut self, step: usize, value: Vec<Value>) -> Result<()> {
        let summary = Some(Summary { value });
        self.write(Event { step: step as i64, summary, ..Event::default() })
    }

    fn write(&mut self, event: Event) -> Result<()> {
        let wall_time = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        let data = Event { wall_time, ..event }.encode_to_vec();
        let length = (data.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(&data);
        record.extend(masked_crc(&data).to_le_bytes());
        self.file.write_all(&record).context("cannot write to the event file")
    }
}

/// TensorFlow's masking: a CRC of data that holds CRCs would be weak.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}
