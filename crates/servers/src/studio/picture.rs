//! A scene as PNG or JPEG, marked as machine-made inside the file too.

use chimera_domain::TRAINED_ALGORITHMIC_MEDIA;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::error::StudioError;
use super::request::PictureFormat;
use super::scene::Scene;

/// Edges of letters stay clean from here on, and a post has some 200 kB.
const JPEG_QUALITY: u8 = 92;
/// What an XMP packet in a JPEG file begins with.
const XMP_MARK: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// A finished picture.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) bytes: Vec<u8>,
    /// Pixels.
    pub(super) width: u32,
    /// Pixels.
    pub(super) height: u32,
}

/// Draws `scene` at one pixel per unit and encodes it.
///
/// # Errors
/// [`StudioError::Surface`], [`StudioError::Png`] or [`StudioError::Jpeg`], all only when memory runs out.
pub(super) fn picture(scene: &Scene, title: &str, format: PictureFormat) -> Result<Picture, StudioError> {
    let (width, height) = scene.pixels(1.0);
    let pixmap = scene.draw(1.0).ok_or(StudioError::Surface { width, height })?;
    // The scene covers every pixel opaquely, so premultiplied and plain colours are the same bytes.
    let bytes = match format {
        PictureFormat::Png => png(pixmap.data(), (width, height), title).map_err(StudioError::Png)?,
        PictureFormat::Jpeg => jpeg(pixmap.data(), (width, height), title).map_err(StudioError::Jpeg)?,
    };
    Ok(Picture { bytes, width, height })
}

fn png(pixels: &[u8], (width, height): (u32, u32), title: &str) -> Result<Vec<u8>, png::EncodingError> {
    let mut png = Vec::with_capacity(256 * 1024);
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    encoder.add_itxt_chunk("Title".into(), title.into())?;
    encoder.add_itxt_chunk("Software".into(), "Chimera studio".into())?;
    encoder.add_itxt_chunk("XML:com.adobe.xmp".into(), xmp(title))?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(png)
}

fn jpeg(pixels: &[u8], (width, height): (u32, u32), title: &str) -> Result<Vec<u8>, jpeg_encoder::EncodingError> {
    let mut jpeg = Vec::with_capacity(256 * 1024);
    let mut encoder = Encoder::new(&mut jpeg, JPEG_QUALITY);
    // Coloured letters on colour fray when colours are stored at half the size.
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    encoder.set_optimized_huffman_tables(true);
    encoder.add_app_segment(1, [XMP_MARK, xmp(title).as_bytes()].concat())?;
    let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
    encoder.encode(pixels, side(width), side(height), ColorType::Rgba)?;
    Ok(jpeg)
}

/// The XMP packet that says how the picture came about, as IPTC's photo metadata standard asks. The drawing alone would be
/// `algorithmicMedia`; what is drawn, and that it is drawn at all, is the doing of a model, and the stronger word is said.
fn xmp(title: &str) -> String {
    let title = quick_xml::escape::escape(title);
    format!(
        concat!(
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">",
            "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">",
            "<rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" ",
            "xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">",
            "<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{}</rdf:li></rdf:Alt></dc:title>",
            "<Iptc4xmpExt:DigitalSourceType>{}</Iptc4xmpExt:DigitalSourceType>",
            "</rdf:Description></rdf:RDF></x:xmpmeta>"
        ),
        title, TRAINED_ALGORITHMIC_MEDIA
    )
}
